//! What a plugin promises about itself when it has read its config.

use crate::bindings::base::sluicegate::plugin::types;
use crate::plugin::Phase;

pub use types::{BodyNeed, InstanceNeed, MetricKind};

/// Handed to [`Plugin::configure`](crate::Plugin::configure), which states here what differs from the defaults: every exported
/// phase runs, bodies come in pieces, any instance may serve the next phase.
#[derive(Debug)]
pub struct Setup {
    phases: Vec<Phase>,
    body: BodyNeed,
    reply_body: BodyNeed,
    need: InstanceNeed,
    metrics: Vec<types::Metric>,
    upstreams: Vec<String>,
    credentials: Vec<String>,
    requires: Vec<Fact>,
    provides: Vec<Fact>,
}

/// What one plugin gives to those behind it, so that the gateway can refuse a chain in the wrong order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fact {
    /// Who the caller is.
    Identity,
    /// The parsed call of a model.
    Call,
    /// The plan of targets.
    Plan,
}

impl Setup {
    pub(crate) fn new(exported: &[Phase]) -> Setup {
        Setup {
            phases: exported.to_vec(),
            body: BodyNeed::stream(),
            reply_body: BodyNeed::stream(),
            need: InstanceNeed::Call,
            metrics: Vec::new(),
            upstreams: Vec::new(),
            credentials: Vec::new(),
            requires: Vec::new(),
            provides: Vec::new(),
        }
    }

    /// With this config an exported phase has nothing to do: it does not run and costs nothing.
    pub fn skip(&mut self, phase: Phase) -> &mut Setup {
        self.phases.retain(|kept| *kept != phase);
        self
    }

    /// How the phase `body` wants the request's body.
    pub fn body(&mut self, need: BodyNeed) -> &mut Setup {
        self.body = need;
        self
    }

    /// How the phase `reply_body` wants the answer's body.
    pub fn reply_body(&mut self, need: BodyNeed) -> &mut Setup {
        self.reply_body = need;
        self
    }

    /// How long the policy needs one and the same instance, for state of its own between calls.
    pub fn instance(&mut self, need: InstanceNeed) -> &mut Setup {
        self.need = need;
        self
    }

    /// A metric that the policy will write. `name` is `[a-z_][a-z0-9_]*`, at most 64 bytes.
    pub fn metric(&mut self, name: &str, kind: MetricKind, help: &str) -> &mut Setup {
        self.metrics.push(types::Metric { name: name.to_owned(), kind, help: help.to_owned() });
        self
    }

    /// An upstream that the policy speaks of, however often. The gateway refuses an entry that names one which its configuration
    /// does not have.
    pub fn upstream(&mut self, name: &str) -> &mut Setup {
        if !self.upstreams.iter().any(|known| known == name) {
            self.upstreams.push(name.to_owned());
        }
        self
    }

    /// The name of a credential that the policy will use. It never sees the credential.
    pub fn credential(&mut self, name: &str) -> &mut Setup {
        self.credentials.push(name.to_owned());
        self
    }

    /// What a plugin in front must have established.
    pub fn requires(&mut self, fact: Fact) -> &mut Setup {
        self.requires.push(fact);
        self
    }

    /// What this policy establishes for the plugins behind it.
    pub fn provides(&mut self, fact: Fact) -> &mut Setup {
        self.provides.push(fact);
        self
    }

    /// Whether a phase will run.
    pub fn runs(&self, phase: Phase) -> bool {
        self.phases.contains(&phase)
    }

    pub(crate) fn into_contract(self) -> types::Setup {
        let need = |phase, need| if self.phases.contains(&phase) { need } else { BodyNeed::none() };
        types::Setup {
            body: need(Phase::Body, self.body),
            reply_body: need(Phase::ReplyBody, self.reply_body),
            phases: self.phases.iter().map(|phase| phase.as_str().to_owned()).collect(),
            need: self.need,
            metrics: self.metrics,
            upstreams: self.upstreams,
            credentials: self.credentials,
            requires: self.requires.iter().map(|fact| fact.as_str().to_owned()).collect(),
            provides: self.provides.iter().map(|fact| fact.as_str().to_owned()).collect(),
        }
    }
}

impl Fact {
    /// The name in the contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Fact::Identity => "identity",
            Fact::Call => "call",
            Fact::Plan => "plan",
        }
    }
}

impl BodyNeed {
    /// The body phase is not called.
    pub fn none() -> BodyNeed {
        BodyNeed { mode: types::BodyMode::None, max_bytes: 0, encoded: false }
    }

    /// In pieces as they arrive, decoded.
    pub fn stream() -> BodyNeed {
        BodyNeed { mode: types::BodyMode::Stream, max_bytes: 0, encoded: false }
    }

    /// At once and decoded, up to `max_bytes`; 0 stands for the gateway's own limit, which caps it in any case.
    pub fn buffered(max_bytes: u64) -> BodyNeed {
        BodyNeed { mode: types::BodyMode::Buffered, max_bytes, encoded: false }
    }

    /// The bytes as they came, content-coding and all.
    pub fn encoded(self) -> BodyNeed {
        BodyNeed { encoded: true, ..self }
    }
}
