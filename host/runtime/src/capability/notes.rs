//! `notes`: a plugin's own bytes for one exchange.

use wasmtime::Result;

use crate::bindings::host::notes::Host;
use crate::instance::PluginState;

/// Bytes of the notes of one plugin and one exchange.
const NOTES_BYTES_MAX: usize = 64 << 10;

impl Host for PluginState {
    fn load(&mut self) -> Result<Vec<u8>> {
        let position = self.site.position;
        Ok(self.enter()?.lock().notes_of(position).clone())
    }

    fn store(&mut self, bytes: Vec<u8>) -> Result<bool> {
        let position = self.site.position;
        let exchange = self.enter()?;
        let fits = bytes.len() <= NOTES_BYTES_MAX;
        if fits {
            *exchange.lock().notes_of(position) = bytes;
        }
        Ok(fits)
    }
}
