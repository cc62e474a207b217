//! `targets`: where the request can go, and the order in which that is tried.

use wasmtime::Result;

use crate::bindings::host::targets::Host;
use crate::instance::PluginState;

impl Host for PluginState {
    fn facts(&mut self, name: String) -> Result<Vec<String>> {
        Ok(self.enter()?.facts.candidates.facts(&name))
    }

    fn figures(&mut self, name: String) -> Result<Vec<Option<u64>>> {
        Ok(self.enter()?.facts.candidates.figures(&name))
    }

    fn plan(&mut self) -> Result<Vec<u32>> {
        Ok(self.enter()?.lock().plan.order().to_vec())
    }

    fn set_plan(&mut self, order: Vec<u32>) -> Result<bool> {
        let exchange = self.enter()?;
        let count = exchange.facts.candidates.count();
        Ok(exchange.lock().plan.set(order, count))
    }
}
