//! Metrics in OpenMetrics text, with labels whose values come from the config alone, so that their number is bounded.
//!
//! Handles for routes, entries and upstreams are made once, when a generation is built, and are cheap to use: no handle
//! hashes a name that it was made with. What other parts count for themselves is read when the text is asked for
//! ([`Live`]). Names, labels and help are in [`names`].

mod durations;
mod families;
mod handles;
mod memo;
pub mod names;
mod plugin;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use sluicegate_runtime::Version;

use self::families::{Families, Label};
pub use self::handles::{Answered, EntryMetrics, RouteMetrics, UpgradedOpen, UpstreamMetrics};
use self::plugin::PluginFamily;
pub use self::plugin::{MetricKind, PluginMetric, PluginMetricError, PluginMetrics};

/// Content type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Names of routes, of entries and of upstreams over the life of the process, each; later ones are counted together as `_other`.
pub const LABEL_VALUES_MAX: usize = 20_000;
/// Distinct metrics that plugins have declared over the life of the process.
pub const PLUGIN_METRICS_MAX: usize = 1024;

/// All metrics of the process. They outlive generations: a counter that began anew with each reload would be of no use.
#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    families: Arc<Families>,
    known: Mutex<Known>,
    label_values_max: usize,
}

/// What labels have held and plugins have declared so far.
#[derive(Debug, Default)]
struct Known {
    routes: BTreeSet<Arc<str>>,
    entries: BTreeSet<Arc<str>>,
    upstreams: BTreeSet<Arc<str>>,
    plugin_metrics: BTreeMap<String, PluginFamily>,
}

/// What other parts of the gateway count, at the moment of asking.
#[derive(Debug, Clone, Default)]
pub struct Live {
    pub generation: u64,
    pub generations_live: u64,
    pub connections_open: u64,
    pub exchanges_open: u64,
    pub tasks_alive: u64,
    pub upstreams: Vec<UpstreamConnections>,
    pub instances_live: u64,
    pub counter_entries: u64,
    pub counter_denied_when_full: u64,
    pub access_log_dropped: u64,
    pub access_log_failed: u64,
}

/// Of one upstream, by its name in the config.
#[derive(Debug, Clone)]
pub struct UpstreamConnections {
    pub upstream: String,
    pub in_use: u64,
    pub idle: u64,
}

impl Metrics {
    pub fn new() -> Metrics {
        Metrics::with_label_values_max(LABEL_VALUES_MAX)
    }

    /// For one route, by its name in the config; `None` for requests that no route matched.
    pub fn route(&self, name: Option<&str>) -> RouteMetrics {
        let label = match name {
            Some(name) => admit(&mut self.known().routes, name, self.label_values_max),
            None => Label::from(names::NO_ROUTE),
        };
        RouteMetrics::new(self.families.clone(), label)
    }

    /// For one version of a chain entry, by the entry's name in the config.
    pub fn entry(&self, name: &str, version: Version) -> EntryMetrics {
        let label = admit(&mut self.known().entries, name, self.label_values_max);
        EntryMetrics::new(self.families.clone(), label, version)
    }

    /// For one upstream, by its name in the config.
    pub fn upstream(&self, name: &str) -> UpstreamMetrics {
        let label = admit(&mut self.known().upstreams, name, self.label_values_max);
        UpstreamMetrics::new(self.families.clone(), label)
    }

    /// One change of the configuration that was tried. `origin`: `file`, `push` or `rollback`.
    pub fn config_changed(&self, origin: &'static str, applied: bool) {
        let result = if applied { "applied" } else { "refused" };
        let labels = names::CONFIG_CHANGES.labels([Label::Word(origin), Label::Word(result)]);
        self.families.config_changes.get_or_create(&labels).inc();
    }

    /// A client's connection that was refused or cut.
    pub fn connection_closed(&self, reason: &'static str) {
        self.families.connections_closed.get_or_create(&names::CONNECTIONS_CLOSED.labels([Label::Word(reason)])).inc();
    }

    /// A stream of HTTP/2 that was reset, or answered with a status alone, by the gateway.
    pub fn stream_refused(&self, error: &'static str) {
        self.families.streams_reset.get_or_create(&names::STREAMS_RESET.labels([Label::Word(error)])).inc();
    }

    /// Everything, in the form that Prometheus reads. Its content type is [`CONTENT_TYPE`].
    pub fn text(&self, live: &Live) -> String {
        let families = &self.families;
        families.generation.set(gauge(live.generation));
        families.generations_live.set(gauge(live.generations_live));
        families.connections_open.set(gauge(live.connections_open));
        families.exchanges_open.set(gauge(live.exchanges_open));
        families.tasks_alive.set(gauge(live.tasks_alive));
        // One that is configured no more has none, and no line.
        families.upstream_connections.clear();
        for UpstreamConnections { upstream, in_use, idle } in &live.upstreams {
            let label = admit(&mut self.known().upstreams, upstream, self.label_values_max);
            for (state, count) in [("in_use", *in_use), ("idle", *idle)] {
                let labels = names::UPSTREAM_CONNECTIONS.labels([label.clone(), Label::Word(state)]);
                families.upstream_connections.get_or_create(&labels).inc_by(gauge(count));
            }
        }
        families.instances_live.set(gauge(live.instances_live));
        families.counter_entries.set(gauge(live.counter_entries));
        families.counter_denied.inner().store(live.counter_denied_when_full, Ordering::Relaxed);
        families.access_log_dropped.inner().store(live.access_log_dropped, Ordering::Relaxed);
        families.access_log_failed.inner().store(live.access_log_failed, Ordering::Relaxed);
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry());
        text
    }

    fn with_label_values_max(label_values_max: usize) -> Metrics {
        let mut registry = Registry::default();
        let families = Arc::new(Families::register(&mut registry));
        Metrics { registry: Mutex::new(registry), families, known: Mutex::default(), label_values_max }
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics::new()
    }
}

fn admit(known: &mut BTreeSet<Arc<str>>, name: &str, values_max: usize) -> Label {
    if let Some(known) = known.get(name) {
        return Label::Shared(known.clone());
    }
    if known.len() >= values_max {
        return Label::from(names::OTHER);
    }
    let name: Arc<str> = Arc::from(name);
    known.insert(name.clone());
    Label::Shared(name)
}

fn gauge(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
