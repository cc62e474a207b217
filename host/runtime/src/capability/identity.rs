//! `identity` and `identity-writer`: who the caller is, each part written once.

use wasmtime::Result;

use super::Entered;
use crate::bindings::host::identity;
use crate::bindings::host::identity_writer::{self, WriteError};
use crate::deeds::Shown;
use crate::direct::Copied;
use crate::exchange::IdentityError;
use crate::instance::PluginState;

impl identity::Host for PluginState {
    fn get(&mut self, part: String) -> Result<Option<String>> {
        Ok(self.enter()?.lock().identity.get(&part).map(str::to_owned))
    }
}

impl PluginState {
    pub(crate) fn lend_identity_part(&mut self, part: &str) -> Result<Option<Copied>> {
        let Entered { exchange, lent, .. } = self.enter_mut()?;
        Ok(exchange.lock().identity.get(part).map(|value| lent.copy(value.as_bytes())))
    }
}

impl identity_writer::Host for PluginState {
    fn set(&mut self, part: String, value: String) -> Result<Result<(), WriteError>> {
        self.set_identity_part(&part, &value)
    }
}

impl PluginState {
    pub(crate) fn set_identity_part(&mut self, part: &str, value: &str) -> Result<Result<(), WriteError>> {
        let exchange = self.enter()?;
        let deed = self.deed("identity-writer.set", part, |_| Shown::text(value));
        let written = exchange.lock().identity.set(part, value, &self.entry);
        let refused = written.as_ref().err().map(|error| match error {
            IdentityError::AlreadySet => "already-set",
            IdentityError::Invalid => "invalid",
        });
        self.noted(deed, refused);
        Ok(written.map_err(|error| match error {
            IdentityError::AlreadySet => WriteError::AlreadySet,
            IdentityError::Invalid => WriteError::Invalid,
        }))
    }
}
