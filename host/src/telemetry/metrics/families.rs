//! The metrics themselves, one family for each line of the table.

use std::sync::Arc;

use prometheus_client::encoding::{EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::durations::Durations;
use super::names::{self, Definition};

pub(super) type Labels<const N: usize> = [(&'static str, Label); N];
pub(super) type Counters<const N: usize> = Family<Labels<N>, Counter>;
pub(super) type Gauges<const N: usize> = Family<Labels<N>, Gauge>;
pub(super) type Histograms<const N: usize> = Family<Labels<N>, Histogram, Buckets>;
pub(super) type Timings<const N: usize> = Family<Labels<N>, Durations, Buckets>;

/// A label's value, cheap to copy. One label always holds the same variant, or equal texts would differ.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Label {
    /// A word of the gateway's own.
    Word(&'static str),
    /// A name from the config.
    Shared(Arc<str>),
    /// A status.
    Number(u16),
}

/// Makes histograms with these upper bounds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Buckets(pub &'static [f64]);

#[derive(Debug)]
pub(super) struct Families {
    pub server_duration: Timings<3>,
    pub client_duration: Timings<4>,
    pub overhead: Timings<1>,
    pub requests: Counters<4>,
    pub upgrades: Counters<1>,
    pub upgraded_open: Gauges<1>,
    pub policy_calls: Timings<3>,
    pub policy_traps: Counters<3>,
    pub policy_bypasses: Counters<2>,
    pub policy_breaker: Gauges<2>,
    pub policy_metric_drops: Counters<2>,
    pub policy_decisions: Counters<3>,
    pub policy_exchanges: Counters<2>,
    pub policy_rollbacks: Counters<1>,
    pub instances_live: Gauge,
    pub connections_open: Gauge,
    pub exchanges_open: Gauge,
    pub upstream_connections: Gauges<2>,
    pub tasks_alive: Gauge,
    pub connections_closed: Counters<1>,
    pub streams_reset: Counters<1>,
    pub generation: Gauge,
    pub generations_live: Gauge,
    pub config_changes: Counters<2>,
    pub access_log_dropped: Counter,
    pub access_log_failed: Counter,
    pub counter_entries: Gauge,
    pub counter_denied: Counter,
}

impl Families {
    pub(super) fn register(registry: &mut Registry) -> Families {
        Families {
            server_duration: timings(registry, &names::SERVER_DURATION, names::HTTP_BUCKETS),
            client_duration: timings(registry, &names::CLIENT_DURATION, names::HTTP_BUCKETS),
            overhead: timings(registry, &names::OVERHEAD, names::OVERHEAD_BUCKETS),
            requests: counters(registry, &names::REQUESTS),
            upgrades: counters(registry, &names::UPGRADES),
            upgraded_open: gauges(registry, &names::UPGRADED_OPEN),
            policy_calls: timings(registry, &names::POLICY_CALLS, names::CALL_BUCKETS),
            policy_traps: counters(registry, &names::POLICY_TRAPS),
            policy_bypasses: counters(registry, &names::POLICY_BYPASSES),
            policy_breaker: gauges(registry, &names::POLICY_BREAKER),
            policy_metric_drops: counters(registry, &names::POLICY_METRIC_DROPS),
            policy_decisions: counters(registry, &names::POLICY_DECISIONS),
            policy_exchanges: counters(registry, &names::POLICY_EXCHANGES),
            policy_rollbacks: counters(registry, &names::POLICY_ROLLBACKS),
            instances_live: gauge(registry, &names::INSTANCES_LIVE),
            connections_open: gauge(registry, &names::CONNECTIONS_OPEN),
            exchanges_open: gauge(registry, &names::EXCHANGES_OPEN),
            upstream_connections: gauges(registry, &names::UPSTREAM_CONNECTIONS),
            tasks_alive: gauge(registry, &names::TASKS_ALIVE),
            connections_closed: counters(registry, &names::CONNECTIONS_CLOSED),
            streams_reset: counters(registry, &names::STREAMS_RESET),
            generation: gauge(registry, &names::GENERATION),
            generations_live: gauge(registry, &names::GENERATIONS_LIVE),
            config_changes: counters(registry, &names::CONFIG_CHANGES),
            access_log_dropped: counter(registry, &names::ACCESS_LOG_DROPPED),
            access_log_failed: counter(registry, &names::ACCESS_LOG_FAILED),
            counter_entries: gauge(registry, &names::COUNTER_ENTRIES),
            counter_denied: counter(registry, &names::COUNTER_DENIED),
        }
    }
}

impl<const N: usize> Definition<N> {
    /// The names of the table with these values, in its order.
    pub(super) fn labels(&self, values: [Label; N]) -> Labels<N> {
        let mut names = self.labels.iter();
        values.map(|value| (names.next().copied().unwrap_or_default(), value))
    }
}

impl From<&str> for Label {
    fn from(text: &str) -> Label {
        Label::Shared(Arc::from(text))
    }
}

impl EncodeLabelValue for Label {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        match self {
            Label::Word(word) => word.encode(encoder),
            Label::Shared(name) => name.as_ref().encode(encoder),
            Label::Number(number) => u32::from(*number).encode(encoder),
        }
    }
}

impl MetricConstructor<Durations> for Buckets {
    fn new_metric(&self) -> Durations {
        Durations::new(self.0)
    }
}

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

fn counters<const N: usize>(registry: &mut Registry, definition: &Definition<N>) -> Counters<N> {
    let family = Counters::default();
    registry.register(definition.name, definition.help, family.clone());
    family
}

fn gauges<const N: usize>(registry: &mut Registry, definition: &Definition<N>) -> Gauges<N> {
    let family = Gauges::default();
    registry.register(definition.name, definition.help, family.clone());
    family
}

fn timings<const N: usize>(registry: &mut Registry, definition: &Definition<N>, buckets: &'static [f64]) -> Timings<N> {
    let family = Timings::new_with_constructor(Buckets(buckets));
    registry.register(definition.name, definition.help, family.clone());
    family
}

fn counter(registry: &mut Registry, definition: &Definition<0>) -> Counter {
    let counter = Counter::default();
    registry.register(definition.name, definition.help, counter.clone());
    counter
}

fn gauge(registry: &mut Registry, definition: &Definition<0>) -> Gauge {
    let gauge = Gauge::default();
    registry.register(definition.name, definition.help, gauge.clone());
    gauge
}
