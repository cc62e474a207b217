//! What a plugin promised in `configure`, checked.

use serde::{Deserialize, Serialize};

use crate::bindings::host::types as wit;
use crate::phase::{Phase, PhaseSet};
use crate::unstable;

/// Metrics one plugin may declare.
const METRICS_MAX: usize = 32;
/// Upstreams one plugin may name: more than the bundled `router` can with all of its rules.
const UPSTREAMS_MAX: usize = 2_048;
/// Bytes of a metric's or another declared name.
const NAME_BYTES_MAX: usize = 64;
/// The words that `requires` and `provides` know.
const STANDINGS: [&str; 3] = ["identity", "call", "plan"];

/// A plugin's setup with one config.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    pub phases: Vec<String>,
    pub body: BodyNeed,
    pub reply_body: BodyNeed,
    pub need: InstanceNeed,
    pub metrics: Vec<MetricSpec>,
    pub upstreams: Vec<String>,
    pub credentials: Vec<String>,
    pub requires: Vec<String>,
    pub provides: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BodyNeed {
    pub mode: BodyMode,
    /// For [`BodyMode::Buffered`]; 0 stands for the host's own limit.
    pub bytes_max: u64,
    /// The bytes as they came, content-coding and all.
    pub encoded: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BodyMode {
    None,
    Stream,
    Buffered,
}

/// How long one and the same instance is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum InstanceNeed {
    Call,
    Body,
    Exchange,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricSpec {
    pub name: String,
    pub kind: MetricKind,
    pub help: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MetricKind {
    Counter,
    Histogram,
}

impl Setup {
    pub fn phase_set(&self) -> PhaseSet {
        self.phases.iter().filter_map(|name| Phase::from_name(name)).collect()
    }

    /// Checks what the guest returned against the contract and against the phases that it exports.
    pub(crate) fn check(setup: wit::Setup, exported: PhaseSet) -> Result<Setup, String> {
        if setup.phases.is_empty() {
            return Err("its setup declares no phase, so it would never run: declare at least one".into());
        }
        for name in &setup.phases {
            let declares = format!("its setup declares a phase `{name}`");
            let phase = Phase::from_name(name).ok_or_else(|| {
                unstable::refusal(&declares, name).unwrap_or(format!("{declares}, which this contract does not have"))
            })?;
            if !exported.contains(phase) {
                return Err(format!("its setup declares the phase `{name}`, but the component does not export it"));
            }
        }
        let declares = |phase: Phase| setup.phases.iter().any(|name| name == phase.as_str());
        let body = BodyNeed::check("body", setup.body, declares(Phase::Body))?;
        let reply_body = BodyNeed::check("reply-body", setup.reply_body, declares(Phase::ReplyBody))?;
        if setup.need == wit::InstanceNeed::Body && declares(Phase::Delta) && declares(Phase::ReplyBody) {
            return Err(
                "its setup wants one instance for a body and declares `delta` and `reply-body`, whose pieces come by \
                        turns: let it want one for the `exchange`"
                    .into(),
            );
        }
        if setup.metrics.len() > METRICS_MAX {
            return Err(format!(
                "its setup declares {} metrics; at most {METRICS_MAX} are possible",
                setup.metrics.len()
            ));
        }
        if setup.upstreams.len() > UPSTREAMS_MAX {
            return Err(format!(
                "its setup names {} upstreams; at most {UPSTREAMS_MAX} are possible",
                setup.upstreams.len()
            ));
        }
        let metrics = setup.metrics.into_iter().map(MetricSpec::check).collect::<Result<Vec<_>, _>>()?;
        for word in setup.requires.iter().chain(&setup.provides) {
            if !STANDINGS.contains(&word.as_str()) {
                return Err(format!(
                    "its setup requires or provides `{word}`; the contract knows {}",
                    STANDINGS.join(", ")
                ));
            }
        }
        Ok(Setup {
            phases: setup.phases,
            body,
            reply_body,
            need: match setup.need {
                wit::InstanceNeed::Call => InstanceNeed::Call,
                wit::InstanceNeed::Body => InstanceNeed::Body,
                wit::InstanceNeed::Exchange => InstanceNeed::Exchange,
            },
            metrics,
            upstreams: setup.upstreams,
            credentials: setup.credentials,
            requires: setup.requires,
            provides: setup.provides,
        })
    }
}

impl BodyNeed {
    fn check(phase: &str, need: wit::BodyNeed, declared: bool) -> Result<BodyNeed, String> {
        let mode = match need.mode {
            wit::BodyMode::None => BodyMode::None,
            wit::BodyMode::Stream => BodyMode::Stream,
            wit::BodyMode::Buffered => BodyMode::Buffered,
        };
        match (declared, mode) {
            (true, BodyMode::None) => Err(format!("its setup declares the phase `{phase}` with the mode `none`")),
            (false, BodyMode::Stream | BodyMode::Buffered) => {
                Err(format!("its setup wants bytes for `{phase}` without declaring that phase"))
            }
            _ => Ok(BodyNeed { mode, bytes_max: need.max_bytes, encoded: need.encoded }),
        }
    }
}

impl MetricSpec {
    fn check(metric: wit::Metric) -> Result<MetricSpec, String> {
        let valid = metric.name.len() <= NAME_BYTES_MAX
            && metric.name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
            && metric.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !valid {
            return Err(format!(
                "its metric `{}` has no valid name: [a-z_][a-z0-9_]*, {NAME_BYTES_MAX} bytes",
                metric.name
            ));
        }
        let kind = match metric.kind {
            wit::MetricKind::Counter => MetricKind::Counter,
            wit::MetricKind::Histogram => MetricKind::Histogram,
        };
        Ok(MetricSpec { name: metric.name, kind, help: metric.help })
    }
}

#[cfg(test)]
mod tests;
