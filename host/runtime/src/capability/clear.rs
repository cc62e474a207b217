//! `credentials-in-clear`: what the client presents, for policies that must read it themselves.

use http::header;
use wasmtime::Result;

use super::reply::edit;
use crate::bindings::host::credentials_in_clear::Host;
use crate::bindings::host::edits::EditError;
use crate::deeds::{Shown, refused};
use crate::fields::{self, Edit};
use crate::instance::PluginState;

impl Host for PluginState {
    fn header(&mut self, name: String) -> Result<Option<Vec<u8>>> {
        Ok(self.enter()?.lock().presented.header(&name).map(<[u8]>::to_vec))
    }

    fn query(&mut self, name: String) -> Result<Option<String>> {
        Ok(self.enter()?.lock().presented.query(&name).map(|value| value.to_string()))
    }

    fn cookie(&mut self, name: String) -> Result<Option<Vec<u8>>> {
        Ok(self.enter()?.lock().presented.cookie(&name).map(<[u8]>::to_vec))
    }

    fn set_header(&mut self, name: String, value: Vec<u8>) -> Result<Result<(), EditError>> {
        let exchange = self.enter()?;
        let deed = self.deed("credentials-in-clear.set-header", &name, |_| Shown::hidden(&value));
        let edited = fields::parse_name(&name).and_then(|name| {
            if !exchange.facts.credential_fields.contains(&name) {
                return Err(EditError::Forbidden);
            }
            let value = fields::parse_value(&value)?;
            if value.len() > fields::FIELD_BYTES_MAX {
                return Err(EditError::TooMany);
            }
            let mut state = exchange.lock();
            if state.request.sent {
                return Err(EditError::TooLate);
            }
            // Not into the head: there, plugins without the grant would find it.
            state.presented.set_header(name, value);
            Ok(())
        });
        self.noted(deed, refused(&edited));
        Ok(edited)
    }

    fn reply_cookies(&mut self) -> Result<Vec<Vec<u8>>> {
        let exchange = self.enter()?;
        let state = exchange.lock();
        Ok(state.reply.as_ref().map_or_else(Vec::new, |head| {
            head.headers.get_all(header::SET_COOKIE).iter().map(|value| value.as_bytes().to_vec()).collect()
        }))
    }

    fn append_reply_cookie(&mut self, value: Vec<u8>) -> Result<Result<(), EditError>> {
        let exchange = self.enter()?;
        let deed = self
            .deed("credentials-in-clear.append-reply-cookie", header::SET_COOKIE.as_str(), |_| Shown::hidden(&value));
        let edited = fields::parse_value(&value).and_then(|value| {
            edit(exchange, |head| fields::write(&mut head.headers, Edit::Append, &header::SET_COOKIE, value))
        });
        self.noted(deed, refused(&edited));
        Ok(edited)
    }
}
