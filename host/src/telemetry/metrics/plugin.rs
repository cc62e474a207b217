//! Metrics that plugins declare in their setup: `sluicegate_plugin_` and the name, with labels for entry and route.

use std::collections::BTreeMap;

use prometheus_client::metrics::counter::Counter;
use sluicegate_runtime::Version;

use super::families::{Buckets, Counters, Histograms, Label};
use super::memo::Memo;
use super::{Metrics, PLUGIN_METRICS_MAX, RouteMetrics, admit, names};

/// Metrics of one entry.
pub const METRICS_PER_ENTRY_MAX: usize = 32;
pub const NAME_BYTES_MAX: usize = 64;
/// A longer help text is cut.
pub const HELP_BYTES_MAX: usize = 256;

const LABELS: [&str; 3] = ["plugin", "version", "route"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    Counter,
    Histogram,
}

/// A metric as declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginMetric {
    pub name: String,
    pub kind: MetricKind,
    pub help: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PluginMetricError {
    #[error(
        "the metric name `{0}` is not allowed; use lower-case letters, digits and underscores, a letter or underscore first, at most {NAME_BYTES_MAX} bytes"
    )]
    Name(String),
    #[error("the metric `{0}` is declared twice; declare it once")]
    Twice(String),
    #[error("the metric `{name}` is a {known:?} of another entry already; use another name")]
    KindDiffers { name: String, known: MetricKind },
    #[error("{0} metrics are declared; at most {METRICS_PER_ENTRY_MAX} are allowed")]
    TooMany(usize),
    #[error(
        "plugins have declared {PLUGIN_METRICS_MAX} different metrics since the gateway started, and no more are kept; restart it, or declare fewer"
    )]
    TooManyInAll,
}

/// What one version of an entry may write to.
#[derive(Debug, Clone)]
pub struct PluginMetrics {
    entry: Label,
    version: Label,
    declared: BTreeMap<String, Declared>,
    drops: Counter,
}

/// One metric, and its counters by route.
#[derive(Debug, Clone)]
struct Declared {
    family: PluginFamily,
    counters: Memo<Label, Counter>,
}

#[derive(Debug, Clone)]
pub(super) enum PluginFamily {
    Counter(Counters<3>),
    Histogram(Histograms<3>),
}

impl Metrics {
    /// Called when a generation is built. All of the entry's metrics are taken, or none.
    pub fn declare(
        &self,
        entry: &str,
        version: Version,
        declared: &[PluginMetric],
    ) -> Result<PluginMetrics, PluginMetricError> {
        if declared.len() > METRICS_PER_ENTRY_MAX {
            return Err(PluginMetricError::TooMany(declared.len()));
        }
        let mut known = self.known();
        let mut families = BTreeMap::new();
        let mut added = Vec::new();
        for metric in declared {
            if !is_name(&metric.name) {
                return Err(PluginMetricError::Name(metric.name.clone()));
            }
            let family = match known.plugin_metrics.get(exposed(&metric.name)) {
                Some(family) if family.kind() != metric.kind => {
                    return Err(PluginMetricError::KindDiffers { name: metric.name.clone(), known: family.kind() });
                }
                Some(family) => family.clone(),
                None => {
                    let family = PluginFamily::new(metric.kind);
                    added.push((metric, family.clone()));
                    family
                }
            };
            // `x` and `x_total` would be one series in the text.
            if families.keys().any(|name: &String| exposed(name) == exposed(&metric.name)) {
                return Err(PluginMetricError::Twice(metric.name.clone()));
            }
            families.insert(metric.name.clone(), Declared { family, counters: Memo::new() });
        }
        if known.plugin_metrics.len() + added.len() > PLUGIN_METRICS_MAX {
            return Err(PluginMetricError::TooManyInAll);
        }
        for (metric, family) in added {
            self.register(metric, &family);
            known.plugin_metrics.insert(exposed(&metric.name).to_string(), family);
        }
        let entry = admit(&mut known.entries, entry, self.label_values_max);
        let version = Label::Word(version.as_str());
        let labels = names::POLICY_METRIC_DROPS.labels([entry.clone(), version.clone()]);
        let drops = self.families.policy_metric_drops.get_or_create_owned(&labels);
        Ok(PluginMetrics { entry, version, declared: families, drops })
    }

    fn register(&self, metric: &PluginMetric, family: &PluginFamily) {
        let name = format!("{}{}", names::PLUGIN_PREFIX, exposed(&metric.name));
        let help = help(&metric.help);
        let mut registry = self.registry();
        match family {
            PluginFamily::Counter(family) => registry.register(name, help, family.clone()),
            PluginFamily::Histogram(family) => registry.register(name, help, family.clone()),
        }
    }
}

impl PluginMetrics {
    /// Where the name is not that of a declared counter, nothing is added and the drop is counted.
    pub fn add(&self, route: &RouteMetrics, name: &str, by: u64) {
        match self.declared.get(name) {
            Some(Declared { family: PluginFamily::Counter(family), counters }) => {
                let counter = || family.get_or_create_owned(&self.labels(route));
                counters.with(&route.label, counter, |counter| {
                    counter.inc_by(by);
                });
            }
            Some(_) | None => {
                self.drops.inc();
            }
        }
    }

    /// Where the name is not that of a declared histogram, or the value is no finite number, the drop is counted.
    pub fn observe(&self, route: &RouteMetrics, name: &str, value: f64) {
        match self.declared.get(name).map(|declared| &declared.family) {
            // One NaN would make the sum useless for ever.
            Some(PluginFamily::Histogram(family)) if value.is_finite() => {
                family.get_or_create(&self.labels(route)).observe(value);
            }
            Some(_) | None => {
                self.drops.inc();
            }
        }
    }

    fn labels(&self, route: &RouteMetrics) -> [(&'static str, Label); 3] {
        let [plugin, version, route_name] = LABELS;
        [(plugin, self.entry.clone()), (version, self.version.clone()), (route_name, route.label.clone())]
    }
}

impl PluginFamily {
    fn new(kind: MetricKind) -> PluginFamily {
        match kind {
            MetricKind::Counter => PluginFamily::Counter(Counters::default()),
            MetricKind::Histogram => {
                PluginFamily::Histogram(Histograms::new_with_constructor(Buckets(names::PLUGIN_BUCKETS)))
            }
        }
    }

    fn kind(&self) -> MetricKind {
        match self {
            PluginFamily::Counter(_) => MetricKind::Counter,
            PluginFamily::Histogram(_) => MetricKind::Histogram,
        }
    }
}

fn is_name(name: &str) -> bool {
    let first = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    let later = |byte: u8| first(byte) || byte.is_ascii_digit();
    // `_total` alone would leave no name.
    name.len() <= NAME_BYTES_MAX
        && name.bytes().next().is_some_and(first)
        && name.bytes().all(later)
        && !exposed(name).is_empty()
}

/// The text format appends `_total` to counters; one that brings it along would have it twice.
fn exposed(name: &str) -> &str {
    name.strip_suffix("_total").unwrap_or(name)
}

/// The text format gives help one line and no escapes that all readers know.
fn help(text: &str) -> String {
    let mut help: String = text
        .chars()
        .map(|character| if character.is_control() || character == '\\' { ' ' } else { character })
        .collect();
    help.truncate(help.floor_char_boundary(HELP_BYTES_MAX));
    help
}
