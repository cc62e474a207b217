//! `reply`: the answer as it will go to the client.

use http::{HeaderName, StatusCode, header};
use wasmtime::Result;

use crate::bindings::host::edits::EditError;
use crate::bindings::host::reply::Host;
use crate::bindings::host::types::Field;
use crate::deeds::{Shown, refused};
use crate::exchange::{Exchange, ReplyHead};
use crate::fields::{self, Edit};
use crate::instance::PluginState;

impl Host for PluginState {
    fn status(&mut self) -> Result<u16> {
        Ok(self.enter()?.lock().reply.as_ref().map_or(0, |head| head.status.as_u16()))
    }

    fn header(&mut self, name: String) -> Result<Option<Vec<u8>>> {
        self.reply_header(&name)
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
        self.set_reply_header(&name, &value)
    }

    fn append_header(&mut self, name: String, value: Vec<u8>) -> Result<Result<(), EditError>> {
        self.write_reply_field(Edit::Append, &name, &value)
    }

    fn remove_header(&mut self, name: String) -> Result<Result<(), EditError>> {
        self.remove_reply_header(&name)
    }
}

impl PluginState {
    pub(crate) fn reply_header(&mut self, name: &str) -> Result<Option<Vec<u8>>> {
        let exchange = self.enter()?;
        let state = exchange.lock();
        let value = state.reply.as_ref().and_then(|head| head.headers.get(name)).filter(|_| !is_session(name));
        Ok(value.map(|value| value.as_bytes().to_vec()))
    }

    pub(crate) fn set_reply_header(&mut self, name: &str, value: &[u8]) -> Result<Result<(), EditError>> {
        self.write_reply_field(Edit::Set, name, value)
    }

    pub(crate) fn remove_reply_header(&mut self, name: &str) -> Result<Result<(), EditError>> {
        let exchange = self.enter()?;
        let deed = self.deed("reply.remove-header", name, |_| Shown::Nothing);
        let edited = fields::parse_name(name).and_then(|name| {
            if !writable(&name) {
                return Err(EditError::Forbidden);
            }
            edit(exchange, |head| {
                head.headers.remove(&name);
                Ok(())
            })
        });
        self.noted(deed, refused(&edited));
        Ok(edited)
    }

    fn write_reply_field(&mut self, how: Edit, name: &str, value: &[u8]) -> Result<Result<(), EditError>> {
        let exchange = self.enter()?;
        let call = match how {
            Edit::Set => "reply.set-header",
            Edit::Append => "reply.append-header",
        };
        let deed = self.deed(call, name, |exchange| match is_session(name) || exchange.is_credential(name) {
            true => Shown::hidden(value),
            false => Shown::text(value),
        });
        let edited = fields::parse_name(name).and_then(|name| {
            if !writable(&name) {
                return Err(EditError::Forbidden);
            }
            let value = fields::parse_value(value)?;
            edit(exchange, |head| fields::write(&mut head.headers, how, name, value))
        });
        self.noted(deed, refused(&edited));
        Ok(edited)
    }
}

fn is_session(name: &str) -> bool {
    name.eq_ignore_ascii_case(header::SET_COOKIE.as_str())
}

/// `set-cookie` carries a session, which is the client's credential from then on.
fn shown(name: &HeaderName) -> bool {
    name != header::SET_COOKIE
}

fn writable(name: &HeaderName) -> bool {
    shown(name) && !fields::is_host_field(name)
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
