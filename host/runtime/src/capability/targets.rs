//! `targets`: where the request can go, and the order in which that is tried.

use wasmtime::Result;

use crate::bindings::host::targets::Host;
use crate::deeds::Shown;
use crate::exchange::Exchange;
use crate::instance::PluginState;

/// Of a plan that a trace shows; a route has fewer candidates.
const SHOWN_MAX: usize = 64;

impl Host for PluginState {
    fn facts(&mut self, name: String) -> Result<Vec<String>> {
        Ok(self.enter()?.candidates().facts(&name))
    }

    fn figures(&mut self, name: String) -> Result<Vec<Option<u64>>> {
        Ok(self.enter()?.candidates().figures(&name))
    }

    fn plan(&mut self) -> Result<Vec<u32>> {
        Ok(self.enter()?.lock().plan.order().to_vec())
    }

    fn set_plan(&mut self, order: Vec<u32>) -> Result<bool> {
        let exchange = self.enter()?;
        let deed = self.deed("targets.set-plan", "", |exchange| Shown::text(names(exchange, &order)));
        let count = exchange.candidates().count();
        let taken = exchange.lock().plan.set(order, count);
        self.noted(deed, (!taken).then_some("not-taken"));
        Ok(taken)
    }
}

/// As a person reads a plan; a number that is no candidate stays a number.
fn names(exchange: &Exchange, order: &[u32]) -> String {
    let known = exchange.candidates().facts("name");
    let name = |number: &u32| known.get(*number as usize).cloned().unwrap_or_else(|| number.to_string());
    order.iter().take(SHOWN_MAX).map(name).collect::<Vec<_>>().join(", ")
}
