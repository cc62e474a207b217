//! `request`: the request as it will go upstream.

use http::{HeaderName, Method};
use wasmtime::Result;

use super::Entered;
use crate::bindings::host::edits::EditError;
use crate::bindings::host::request::Host;
use crate::bindings::host::types::Field;
use crate::deeds::{Deed, Shown, refused};
use crate::direct::{Copied, Lent};
use crate::exchange::{Exchange, RequestHead};
use crate::fields::{self, Edit};
use crate::instance::PluginState;
use crate::names::Known;
use crate::text::Text;
use crate::values::Values;

/// Bytes of a path with its query.
const TARGET_BYTES_MAX: usize = 64 << 10;
/// Bytes of a method.
const METHOD_BYTES_MAX: usize = 64;

impl Host for PluginState {
    fn method(&mut self) -> Result<String> {
        Ok(self.enter()?.lock().request.method.as_str().to_owned())
    }

    fn scheme(&mut self) -> Result<String> {
        Ok(self.enter()?.lock().request.scheme.to_owned())
    }

    fn authority(&mut self) -> Result<String> {
        Ok(self.enter()?.lock().request.authority.clone())
    }

    fn path(&mut self) -> Result<String> {
        Ok(self.enter()?.lock().request.path.clone())
    }

    fn query(&mut self) -> Result<Option<String>> {
        Ok(self.enter()?.lock().request.query.clone())
    }

    fn header(&mut self, name: String) -> Result<Option<Vec<u8>>> {
        self.request_field((&*name).into(), |_, value| value.to_vec())
    }

    fn header_values(&mut self, name: String) -> Result<Vec<Vec<u8>>> {
        let exchange = self.enter()?;
        let state = exchange.lock();
        if exchange.is_credential(&name) {
            return Ok(Vec::new());
        }
        Ok(state.request.headers.get_all(name.as_str()).iter().map(|value| value.as_bytes().to_vec()).collect())
    }

    fn headers(&mut self) -> Result<Vec<Field>> {
        let exchange = self.enter()?;
        let state = exchange.lock();
        Ok(fields::list(&state.request.headers, |name| !exchange.facts.credential_fields.contains(name)))
    }

    fn set_method(&mut self, method: String) -> Result<Result<(), EditError>> {
        let deed = self.deed("request.set-method", "", |_| Shown::text(&method));
        self.edit_request(deed, |head| {
            let short = Some(method).filter(|method| method.len() <= METHOD_BYTES_MAX).ok_or(EditError::InvalidName)?;
            let method = Method::from_bytes(short.as_bytes()).map_err(|_| EditError::InvalidName)?;
            // A tunnel and an echo of the credential are not for plugins to open; HEAD decides whether an answer has a body.
            let changes_head = method != head.method && (method == Method::HEAD || head.method == Method::HEAD);
            if matches!(method, Method::CONNECT | Method::TRACE) || changes_head {
                return Err(EditError::Forbidden);
            }
            head.method = method;
            Ok(())
        })
    }

    fn set_path(&mut self, path: String) -> Result<Result<(), EditError>> {
        let deed = self.deed("request.set-path", "", |_| Shown::text(&path));
        self.edit_request(deed, |head| {
            let valid = path.starts_with('/') && path.len() <= TARGET_BYTES_MAX && path.bytes().all(is_target_byte);
            if !valid || path.contains(['?', '#']) {
                return Err(EditError::InvalidName);
            }
            head.path = path;
            Ok(())
        })
    }

    fn set_query(&mut self, query: Option<String>) -> Result<Result<(), EditError>> {
        let deed = self.deed("request.set-query", "", |_| Shown::query(query.as_deref()));
        self.edit_request(deed, |head| {
            let text = query.as_deref().unwrap_or_default();
            if text.len() > TARGET_BYTES_MAX || !text.bytes().all(is_target_byte) || text.contains('#') {
                return Err(EditError::InvalidValue);
            }
            head.query = query;
            Ok(())
        })
    }

    fn set_header(&mut self, name: String, value: Vec<u8>) -> Result<Result<(), EditError>> {
        self.set_request_header((&*name).into(), &value)
    }

    fn append_header(&mut self, name: String, value: Vec<u8>) -> Result<Result<(), EditError>> {
        self.write_request_field(Edit::Append, (&*name).into(), &value)
    }

    fn remove_header(&mut self, name: String) -> Result<Result<(), EditError>> {
        self.remove_request_header((&*name).into())
    }
}

impl PluginState {
    pub(crate) fn lend_request_header(&mut self, name: Text<'_>) -> Result<Option<Copied>> {
        self.request_field(name, Lent::copy)
    }

    fn request_field<R>(&mut self, name: Text<'_>, take: impl FnOnce(&mut Lent, &[u8]) -> R) -> Result<Option<R>> {
        let Entered { exchange, names, lent, .. } = self.enter_mut()?;
        // A plugin with the grant for it may have set one.
        let shown = names.find(name)?.filter(|known| !exchange.facts.credential_fields.contains(&known.name));
        let Some(Known { name, .. }) = shown else { return Ok(None) };
        Ok(exchange.lock().request.headers.get(name).map(|value| take(lent, value.as_bytes())))
    }

    pub(crate) fn set_request_header(&mut self, name: Text<'_>, value: &[u8]) -> Result<Result<(), EditError>> {
        self.write_request_field(Edit::Set, name, value)
    }

    pub(crate) fn remove_request_header(&mut self, name: Text<'_>) -> Result<Result<(), EditError>> {
        self.change_request_field(
            "request.remove-header",
            name,
            |_| Shown::Nothing,
            |exchange, name, _| {
                edit(exchange, |head| {
                    head.headers.remove(name);
                    Ok(())
                })
            },
        )
    }

    fn write_request_field(&mut self, how: Edit, name: Text<'_>, value: &[u8]) -> Result<Result<(), EditError>> {
        let call = match how {
            Edit::Set => "request.set-header",
            Edit::Append => "request.append-header",
        };
        let shown = |is_credential| if is_credential { Shown::hidden(value) } else { Shown::text(value) };
        self.change_request_field(call, name, shown, |exchange, name, values| {
            let value = values.parse(value)?;
            edit(exchange, |head| fields::write(&mut head.headers, how, name, value))
        })
    }

    /// `shown`: of the value, for a trace, given whether it is a credential.
    fn change_request_field(
        &mut self,
        call: &'static str,
        name: Text<'_>,
        shown: impl FnOnce(bool) -> Shown,
        change: impl FnOnce(&Exchange, &HeaderName, &mut Values) -> Result<(), EditError>,
    ) -> Result<Result<(), EditError>> {
        let Entered { exchange, names, values, .. } = self.enter_mut()?;
        let known = names.find(name)?;
        let is_credential = known.is_some_and(|known| exchange.facts.credential_fields.contains(&known.name));
        let deed = exchange.deed(call, name, |_| shown(is_credential));
        let edited = match known {
            None => Err(EditError::InvalidName),
            Some(known) if known.is_of_host || is_credential => Err(EditError::Forbidden),
            Some(known) => change(exchange, &known.name, values),
        };
        self.noted(deed, refused(&edited));
        Ok(edited)
    }

    fn edit_request(
        &mut self,
        deed: Option<Deed>,
        change: impl FnOnce(&mut RequestHead) -> Result<(), EditError>,
    ) -> Result<Result<(), EditError>> {
        let exchange = self.enter()?;
        let edited = edit(exchange, change);
        self.noted(deed, refused(&edited));
        Ok(edited)
    }
}

fn edit(exchange: &Exchange, change: impl FnOnce(&mut RequestHead) -> Result<(), EditError>) -> Result<(), EditError> {
    let mut state = exchange.lock();
    match state.request.sent {
        true => Err(EditError::TooLate),
        false => change(&mut state.request),
    }
}

/// RFC 3986 leaves these out of a path and a query: controls, space, non-ASCII and a few delimiters.
fn is_target_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
}
