//! What the host lends to a plugin that is driven through an exchange: counters of its own, metrics that are written down, and
//! targets that nobody else uses.

use std::sync::{Arc, Mutex, PoisonError};

use sluicegate_runtime::services::PluginMetrics;
use sluicegate_runtime::{Candidates, Version};

use crate::clock::Clock;
use crate::generation::services::LocalCounters;
use crate::state::counters::Counters;

/// Counters that one exchange may keep.
const COUNTERS_MAX: usize = 1024;
/// Values of metrics that are kept of one exchange.
const VALUES_MAX: usize = 256;

/// Counters that begin at nothing.
pub fn counters(clock: Arc<dyn Clock>) -> LocalCounters {
    LocalCounters { counters: Arc::new(Counters::with_entries_max(COUNTERS_MAX)), clock }
}

/// The metrics that a plugin wrote, in order.
#[derive(Default)]
pub struct Written(Mutex<Vec<(String, Value)>>);

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    Added(u64),
    Observed(f64),
}

impl Written {
    pub fn values(&self) -> Vec<(String, Value)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn push(&self, name: &str, value: Value) {
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if values.len() < VALUES_MAX {
            values.push((name.to_owned(), value));
        }
    }
}

impl PluginMetrics for Written {
    fn add(&self, _entry: &str, _version: Version, _route: &str, name: &str, by: u64) {
        self.push(name, Value::Added(by));
    }

    fn observe(&self, _entry: &str, _version: Version, _route: &str, name: &str, value: f64) {
        self.push(name, Value::Observed(value));
    }
}

/// The targets of an exchange by their names: nothing has been sent to them yet.
pub struct Idle(pub Vec<String>);

impl Candidates for Idle {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn name(&self, number: u32) -> String {
        usize::try_from(number).ok().and_then(|number| self.0.get(number)).cloned().unwrap_or_default()
    }

    fn facts(&self, name: &str) -> Vec<String> {
        match name {
            // Nobody else's name is known here.
            "name" | "provider" => self.0.clone(),
            _ => vec![String::new(); self.0.len()],
        }
    }

    fn figures(&self, name: &str) -> Vec<Option<u64>> {
        let figure = matches!(name, "in-flight" | "rests-ms").then_some(0);
        vec![figure; self.0.len()]
    }
}
