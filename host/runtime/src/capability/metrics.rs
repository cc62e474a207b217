//! `metrics`: the metrics that a plugin declared in its setup. Which those are, the host's book of metrics knows.

use wasmtime::Result;

use crate::bindings::host::metrics::Host;
use crate::deeds::Shown;
use crate::instance::PluginState;

impl Host for PluginState {
    fn add(&mut self, name: String, by: u64) -> Result<()> {
        self.add_to_metric(&name, by)
    }

    fn observe(&mut self, name: String, value: f64) -> Result<()> {
        let facts = &self.enter()?.facts;
        self.noted(self.deed("metrics.observe", &name, |_| Shown::text(value.to_string())), None);
        facts.services.metrics.observe(&self.entry, self.version, &facts.route, &name, value);
        Ok(())
    }
}

impl PluginState {
    pub(crate) fn add_to_metric(&mut self, name: &str, by: u64) -> Result<()> {
        let facts = &self.enter()?.facts;
        self.noted(self.deed("metrics.add", name, |_| Shown::text(by.to_string())), None);
        facts.services.metrics.add(&self.entry, self.version, &facts.route, name, by);
        Ok(())
    }
}
