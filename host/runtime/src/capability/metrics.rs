//! `metrics`: the metrics that a plugin declared in its setup.

use wasmtime::Result;

use crate::bindings::host::metrics::Host;
use crate::instance::PluginState;
use crate::setup::MetricKind;

impl Host for PluginState {
    fn add(&mut self, name: String, by: u64) -> Result<()> {
        let exchange = self.enter()?;
        let metrics = &exchange.facts.services.metrics;
        match self.declares(&name, MetricKind::Counter) {
            true => metrics.add(&self.entry, &name, by),
            false => metrics.undeclared(&self.entry),
        }
        Ok(())
    }

    fn observe(&mut self, name: String, value: f64) -> Result<()> {
        let exchange = self.enter()?;
        let metrics = &exchange.facts.services.metrics;
        match value.is_finite() && self.declares(&name, MetricKind::Histogram) {
            true => metrics.observe(&self.entry, &name, value),
            false => metrics.undeclared(&self.entry),
        }
        Ok(())
    }
}

impl PluginState {
    fn declares(&self, name: &str, kind: MetricKind) -> bool {
        self.metrics.iter().any(|metric| metric.kind == kind && metric.name == name)
    }
}
