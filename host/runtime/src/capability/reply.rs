//! `reply`: the answer as it will go to the client.

use http::{HeaderName, StatusCode, header};
use wasmtime::Result;

use super::Entered;
use crate::bindings::host::edits::EditError;
use crate::bindings::host::reply::Host;
use crate::bindings::host::types::Field;
use crate::deeds::{Shown, refused};
use crate::direct::{Copied, Lent};
use crate::exchange::{Exchange, ReplyHead};
use crate::fields::{self, Edit};
use crate::instance::PluginState;
use crate::names::Known;
use crate::text::Text;
use crate::values::Values;

impl Host for PluginState {
    fn status(&mut self) -> Result<u16> {
        Ok(self.enter()?.lock().reply.as_ref().map_or(0, |head| head.status.as_u16()))
    }

    fn header(&mut self, name: String) -> Result<Option<Vec<u8>>> {
        self.reply_field((&*name).into(), |_, value| value.to_vec())
    }

    fn header_values(&mut self, name: String) -> Result<Vec<Vec<u8>>> {
        let exchange = self.enter()?;
        let state = exchange.lock();
        Ok(match (&state.reply, HeaderName::from_bytes(name.as_bytes())) {
            (Some(head), Ok(name)) if shown(&name) => {
                head.headers.get_all(&name).iter().map(|value| value.as_bytes().to_vec()).collect()
            }
            _ => Vec::new(),
        })
    }

    fn headers(&mut self) -> Result<Vec<Field>> {
        let exchange = self.enter()?;
        let state = exchange.lock();
        Ok(state.reply.as_ref().map_or_else(Vec::new, |head| fields::list(&head.headers, shown)))
    }

    fn set_status(&mut self, status: u16) -> Result<Result<(), EditError>> {
        let exchange = self.enter()?;
        let deed = self.deed("reply.set-status", "", |_| Shown::text(status.to_string()));
        let edited = edit(exchange, |head| {
            let valid = (200..=599).contains(&status);
            head.status = StatusCode::from_u16(status).ok().filter(|_| valid).ok_or(EditError::InvalidValue)?;
            Ok(())
        });
        self.noted(deed, refused(&edited));
        Ok(edited)
    }

    fn set_header(&mut self, name: String, value: Vec<u8>) -> Result<Result<(), EditError>> {
        self.set_reply_header((&*name).into(), &value)
    }

    fn append_header(&mut self, name: String, value: Vec<u8>) -> Result<Result<(), EditError>> {
        self.write_reply_field(Edit::Append, (&*name).into(), &value)
    }

    fn remove_header(&mut self, name: String) -> Result<Result<(), EditError>> {
        self.remove_reply_header((&*name).into())
    }
}

impl PluginState {
    pub(crate) fn lend_reply_header(&mut self, name: Text<'_>) -> Result<Option<Copied>> {
        self.reply_field(name, Lent::copy)
    }

    fn reply_field<R>(&mut self, name: Text<'_>, take: impl FnOnce(&mut Lent, &[u8]) -> R) -> Result<Option<R>> {
        let Entered { exchange, names, lent, .. } = self.enter_mut()?;
        let Some(Known { name, .. }) = names.find(name)?.filter(|known| shown(&known.name)) else { return Ok(None) };
        let state = exchange.lock();
        let value = state.reply.as_ref().and_then(|head| head.headers.get(name));
        Ok(value.map(|value| take(lent, value.as_bytes())))
    }

    pub(crate) fn set_reply_header(&mut self, name: Text<'_>, value: &[u8]) -> Result<Result<(), EditError>> {
        self.write_reply_field(Edit::Set, name, value)
    }

    pub(crate) fn remove_reply_header(&mut self, name: Text<'_>) -> Result<Result<(), EditError>> {
        self.change_reply_field(
            "reply.remove-header",
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

    fn write_reply_field(&mut self, how: Edit, name: Text<'_>, value: &[u8]) -> Result<Result<(), EditError>> {
        let call = match how {
            Edit::Set => "reply.set-header",
            Edit::Append => "reply.append-header",
        };
        let shown = |is_credential| if is_credential { Shown::hidden(value) } else { Shown::text(value) };
        self.change_reply_field(call, name, shown, |exchange, name, values| {
            let value = values.parse(value)?;
            edit(exchange, |head| fields::write(&mut head.headers, how, name, value))
        })
    }

    /// `of_value`: what a trace shows of it, given whether it is a credential.
    fn change_reply_field(
        &mut self,
        call: &'static str,
        name: Text<'_>,
        of_value: impl FnOnce(bool) -> Shown,
        change: impl FnOnce(&Exchange, &HeaderName, &mut Values) -> Result<(), EditError>,
    ) -> Result<Result<(), EditError>> {
        let Entered { exchange, names, values, .. } = self.enter_mut()?;
        let known = names.find(name)?;
        let deed = exchange.deed(call, name, |exchange| {
            let is_credential = |name| !shown(name) || exchange.facts.credential_fields.contains(name);
            of_value(known.is_some_and(|known| is_credential(&known.name)))
        });
        let edited = match known {
            None => Err(EditError::InvalidName),
            Some(known) if known.is_of_host || !shown(&known.name) => Err(EditError::Forbidden),
            Some(known) => change(exchange, &known.name, values),
        };
        self.noted(deed, refused(&edited));
        Ok(edited)
    }
}

/// `set-cookie` carries a session, which is the client's credential from then on.
fn shown(name: &HeaderName) -> bool {
    name != header::SET_COOKIE
}

pub(super) fn edit(
    exchange: &Exchange,
    change: impl FnOnce(&mut ReplyHead) -> Result<(), EditError>,
) -> Result<(), EditError> {
    match &mut exchange.lock().reply {
        Some(head) if !head.sent => change(head),
        _ => Err(EditError::TooLate),
    }
}
