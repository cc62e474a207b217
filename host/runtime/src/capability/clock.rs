//! `clock`: wall and monotonic time.

use wasmtime::Result;

use crate::bindings::host::clock::Host;
use crate::instance::PluginState;

impl Host for PluginState {
    fn now_ms(&mut self) -> Result<u64> {
        Ok(self.enter()?.facts.services.clock.now_unix_ms())
    }

    fn monotonic_ns(&mut self) -> Result<u64> {
        Ok(self.enter()?.facts.services.clock.monotonic_ns())
    }
}
