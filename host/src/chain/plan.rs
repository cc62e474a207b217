//! What a generation prepares for each route, so that a request finds everything at hand.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use http::HeaderName;
use sluicegate_runtime::services::Services;
use sluicegate_runtime::{CREDENTIAL_FIELDS, Call, Entry, Exchange, Failure, Held, Phase, Verdict, Version};

use super::canary::Canary;
use super::model::ModelPlans;
use super::open::GenerationExchanges;
use super::shadow::Room;
use super::targets::Targets;
use super::trace::{CallTrace, OnFailure, Recorder, Traces};
use crate::config::{Limits, Route};
use crate::secrets::{Credentials, Redaction, Registered};
use crate::telemetry::access_log::AccessLog;
use crate::telemetry::metrics::{EntryMetrics, RouteMetrics};

/// Entries of one chain, the global one included.
pub const ENTRIES_MAX: usize = 64;

/// What all requests of a generation share.
pub struct Ground {
    pub generation: u64,
    pub limits: Limits,
    pub services: Arc<Services>,
    pub credentials: Credentials,
    pub access_log: Arc<AccessLog>,
    pub open: Arc<GenerationExchanges>,
    /// Knows the secrets of all live generations.
    pub redaction: Redaction,
    /// Keeps this generation's own secrets known to the redactor, to the last byte of its last request.
    pub registered: Registered,
    pub traces: Arc<Traces>,
}

/// One route, ready; or, without a route, what happens to requests that none matches.
pub struct Plan {
    pub route: Option<Arc<Route>>,
    pub name: Arc<str>,
    pub chain: Chain,
    /// Where requests go; none without a route.
    pub targets: Arc<Targets>,
    /// Some where the route serves language models.
    pub models: Option<ModelPlans>,
    pub metrics: RouteMetrics,
    /// Request fields that carry credentials here, the usual ones included.
    pub credential_fields: Arc<[HeaderName]>,
}

/// Where a call of a plugin stands in its exchange.
#[derive(Clone, Copy)]
pub(super) struct Site<'a> {
    pub(super) position: usize,
    pub(super) on_failure: OnFailure,
    pub(super) trace: Option<&'a Arc<Recorder>>,
}

/// The entries in order, and for each phase the positions that take part, in the order in which they run.
pub struct Chain {
    links: Box<[Link]>,
    /// By phase, in the order of [`Phase::ALL`].
    positions: [Box<[usize]>; Phase::ALL.len()],
    has_shadows: bool,
    /// Whether an entry may look at the request once it has gone upstream.
    looks_back: bool,
}

/// One entry of a chain with its versions.
pub struct Link {
    /// The stable version, or the shadow where the link is one.
    pub entry: Arc<Entry>,
    pub metrics: EntryMetrics,
    /// Never on a shadow.
    pub canary: Option<Canary>,
    /// Some where the entry only watches.
    pub shadow: Option<Arc<Room>>,
}

/// The version of an entry that serves one exchange.
#[derive(Clone, Copy)]
pub struct Chosen<'a> {
    pub entry: &'a Arc<Entry>,
    pub metrics: &'a EntryMetrics,
}

impl Chain {
    /// At most [`ENTRIES_MAX`] links; further ones are refused before, when the config is read.
    pub fn new(links: Vec<Link>) -> Chain {
        let positions = Phase::ALL.map(|phase| {
            let taking_part = links.iter().enumerate().filter(|(_, link)| link.takes_part_in(phase));
            let mut positions: Vec<usize> = taking_part.map(|(position, _)| position).collect();
            // On the way back the chain runs in reverse, so that who wraps a request also unwraps its answer.
            if matches!(phase, Phase::ReplyHead | Phase::Delta | Phase::ReplyBody | Phase::Finish) {
                positions.reverse();
            }
            positions.into_boxed_slice()
        });
        let has_shadows = links.iter().any(|link| link.shadow.is_some());
        let after = [Phase::ReplyHead, Phase::Delta, Phase::ReplyBody, Phase::Finish];
        let looks_back = has_shadows || links.iter().any(|link| after.iter().any(|phase| link.takes_part_in(*phase)));
        Chain { links: links.into_boxed_slice(), positions, has_shadows, looks_back }
    }

    pub(super) fn has_shadows(&self) -> bool {
        self.has_shadows
    }

    pub(super) fn looks_back(&self) -> bool {
        self.looks_back
    }

    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// Positions of the entries that take part in a phase, in the order in which they run.
    pub fn positions(&self, phase: Phase) -> &[usize] {
        self.positions.get(phase as usize).map_or(&[], |positions| positions)
    }
}

impl Link {
    pub fn stable(&self) -> Chosen<'_> {
        Chosen { entry: &self.entry, metrics: &self.metrics }
    }

    /// With any of its versions.
    fn takes_part_in(&self, phase: Phase) -> bool {
        let canary = self.canary.as_ref();
        self.entry.phases().contains(phase) || canary.is_some_and(|canary| canary.entry.phases().contains(phase))
    }
}

/// As a person reads it in the order of a chain.
impl fmt::Display for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.entry.name;
        match (&self.canary, &self.shadow) {
            (Some(canary), _) => write!(formatter, "{name} (canary {} %)", canary.weight),
            (None, Some(_)) => write!(formatter, "{name} (shadow)"),
            (None, None) => formatter.write_str(name),
        }
    }
}

impl Chosen<'_> {
    /// Calls one phase, and counts what came of it.
    pub(super) async fn call(
        &self,
        held: &mut Held,
        exchange: &Arc<Exchange>,
        site: Site<'_>,
        call: &Call,
    ) -> Result<Verdict, Failure> {
        let Site { position, on_failure, trace } = site;
        let trace = trace.map(|trace| CallTrace::begin(trace, exchange, position, self.entry, call, on_failure));
        let was_suspended = self.entry.breaker_is_open();
        let started = Instant::now();
        let called = self.entry.call_at(started, held, exchange, position, call).await;
        self.metrics.called(call.phase(), started.elapsed());
        if let Some(trace) = trace {
            trace.end(&called);
        }
        if was_suspended || called.is_err() {
            self.metrics.breaker_open(self.entry.breaker_is_open());
        }
        match &called {
            Err(failure) => self.metrics.trapped(failure.kind.as_str()),
            // A shadow decides once for an exchange, and that is counted at its end.
            Ok(Verdict::Reject(_)) if self.entry.version() != Version::Shadow => self.metrics.decided("reject"),
            Ok(Verdict::Respond(_)) if self.entry.version() != Version::Shadow => self.metrics.decided("respond"),
            Ok(Verdict::Written) if self.entry.version() != Version::Shadow => self.metrics.decided("answer"),
            Ok(Verdict::Stop(_)) if self.entry.version() != Version::Shadow => self.metrics.decided("stop"),
            Ok(_) => {}
        }
        called
    }
}

/// The usual fields that carry credentials, and those that a route names.
pub fn credential_fields(places: &[crate::config::CredentialPlace]) -> Arc<[http::HeaderName]> {
    let usual = CREDENTIAL_FIELDS.into_iter().map(http::HeaderName::from_static);
    let named = places.iter().filter_map(|place| match place {
        crate::config::CredentialPlace::Header(name) => Some(name.clone()),
        crate::config::CredentialPlace::Query(_) => None,
    });
    usual.chain(named).collect()
}
