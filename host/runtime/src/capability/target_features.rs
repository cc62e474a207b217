//! `target-features`: which candidates can serve what a call needs.

use wasmtime::Result;

use crate::bindings::host::target_features::Host;
use crate::instance::PluginState;

impl Host for PluginState {
    fn capable(&mut self, feature: String) -> Result<Vec<u32>> {
        Ok(self.enter()?.candidates().capable(&feature))
    }
}
