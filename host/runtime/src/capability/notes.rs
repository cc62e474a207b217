//! `notes`: a plugin's own bytes for one exchange.

use wasmtime::Result;

use super::Entered;
use crate::bindings::host::notes::Host;
use crate::direct::Copied;
use crate::instance::PluginState;

/// Bytes of the notes of one plugin and one exchange.
const NOTES_BYTES_MAX: usize = 64 << 10;

impl Host for PluginState {
    fn load(&mut self) -> Result<Vec<u8>> {
        let position = self.site.position;
        Ok(self.enter()?.lock().notes_of(position).clone())
    }

    fn store(&mut self, bytes: Vec<u8>) -> Result<bool> {
        self.store_notes(&bytes)
    }
}

impl PluginState {
    pub(crate) fn lend_notes(&mut self) -> Result<Copied> {
        let position = self.site.position;
        let Entered { exchange, lent, .. } = self.enter_mut()?;
        Ok(lent.copy(exchange.lock().notes_of(position)))
    }

    pub(crate) fn store_notes(&mut self, bytes: &[u8]) -> Result<bool> {
        let position = self.site.position;
        let exchange = self.enter()?;
        let fits = bytes.len() <= NOTES_BYTES_MAX;
        if fits {
            let mut state = exchange.lock();
            let notes = state.notes_of(position);
            notes.clear();
            notes.extend_from_slice(bytes);
        }
        Ok(fits)
    }
}
