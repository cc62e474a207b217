//! Drives a plugin through exchanges of its own in the real runtime: the self-tests of chain entries before anything is swapped,
//! and what whoever writes a plugin wants to see.
//!
//! What a plugin does there stays there: its counters are new, its metrics go nowhere else, its instances serve nobody else.

mod compare;
mod drive;
mod model;
mod service;
mod show;

use std::sync::Arc;

use bytes::Bytes;
use sluicegate_runtime::services::Keys;
use sluicegate_runtime::{Entry, EntryOptions, Plugin, Runtime, Version};

pub use drive::{Drive, Outcome, Walk};
pub use show::{BodySeen, CallSeen, Change, MetricSeen, ModelCallSeen, Seen, Show};

use super::build::{load_problems, spec};
use super::services::LocalKeys;
use crate::clock::Clock;
use crate::config::{ChainEntry, Diagnostic, Diagnostics, Expect, GatewayKey, TestExchange};
use crate::state::keys::KeyRing;

/// What all exchanges that plugins are driven through share.
pub struct Bench {
    pub(super) generation: u64,
    pub(super) keys: Arc<dyn Keys>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Bench {
    /// With these gateway keys, and outside any generation.
    pub fn new(keys: impl IntoIterator<Item = GatewayKey>, clock: Arc<dyn Clock>) -> Bench {
        let keys = keys.into_iter().map(|key| (key.id.clone(), key)).collect();
        Bench { generation: 0, keys: Arc::new(LocalKeys { ring: KeyRing::new(&keys), clock: clock.clone() }), clock }
    }

    /// What is wrong with a plugin by the tests of its entry; nothing if it passes all.
    pub(super) async fn run(
        &self,
        entry: &ChainEntry,
        plugin: &Arc<Plugin>,
        options: &EntryOptions,
    ) -> Vec<Diagnostic> {
        let mut diagnostics = Vec::new();
        for test in &entry.self_tests {
            let version = match plugin.version() {
                Version::Stable => String::new(),
                other => format!(" ({})", other.as_str()),
            };
            let fresh = fresh(&entry.name, plugin, options);
            let drive = self.drive(&fresh, &test.exchange, "self-test").await;
            let problem = match &drive {
                Ok(drive) => drive.compare(&test.exchange, &test.expect, &Show::new(&test.exchange, &[])).err(),
                Err(problem) => Some(problem.clone()),
            };
            if let Some(problem) = problem {
                let message = format!(
                    "plugin `{}`{version} fails the self-test \"{}\": {problem}",
                    entry.plugin, test.exchange.name
                );
                diagnostics.push(test.exchange.place.entry_problem(&message));
            }
        }
        diagnostics
    }
}

/// The plugin with a breaker and warm instances of its own.
pub fn fresh(name: &str, plugin: &Plugin, options: &EntryOptions) -> Entry {
    Entry::new(name.into(), Arc::new(plugin.apart()), options.clone())
}

/// Loads an entry's plugin as a generation would; what is wrong has its place in the file.
///
/// # Errors
/// What the plugin finds wrong with its config, or why it cannot be loaded.
pub async fn load(runtime: &Runtime, entry: &ChainEntry, wasm: Bytes) -> Result<Arc<Plugin>, Diagnostics> {
    runtime.load(spec(entry, Version::Stable, wasm)).await.map_err(|error| {
        let problems = load_problems(entry, &error);
        // There is always one.
        Diagnostics::of(problems).unwrap_or(Diagnostics { items: Vec::new(), dropped: 0 })
    })
}

impl Drive {
    /// The first expectation that does not hold, and what came instead.
    ///
    /// # Errors
    /// Both in one sentence.
    pub fn compare(&self, exchange: &TestExchange, expect: &Expect, show: &Show) -> Result<(), String> {
        compare::compare(expect, self, exchange, show)
    }

    /// What the plugin did, for people.
    pub fn seen(&self, exchange: &TestExchange, show: &Show) -> Seen {
        show::seen(self, exchange, show)
    }
}
