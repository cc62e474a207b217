//! What the parts of the gateway hold to count with: one handle for each route, entry and upstream of a generation.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{Method, StatusCode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use sluicegate_runtime::{Phase, Version};

use super::durations::Durations;
use super::families::{Families, Label};
use super::memo::Memo;
use super::names;
use crate::error::Fault;
use crate::telemetry::outcome::Outcome;

/// What is counted of an exchange at its end.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    pub method: &'a Method,
    /// None when the client left before there was an answer.
    pub status: Option<StatusCode>,
    pub outcome: Outcome,
    pub fault: Option<Fault>,
    pub duration: Duration,
    /// What the gateway itself took of that.
    pub overhead: Duration,
}

#[derive(Debug, Clone)]
pub struct RouteMetrics {
    families: Arc<Families>,
    pub(super) label: Label,
    /// By method and status.
    durations: Memo<(&'static str, u16), Durations>,
    /// By class of status, outcome and fault.
    requests: Memo<(&'static str, Outcome, Option<Fault>), Counter>,
    overhead: OnceLock<Durations>,
}

impl RouteMetrics {
    pub(super) fn new(families: Arc<Families>, label: Label) -> RouteMetrics {
        RouteMetrics { families, label, durations: Memo::new(), requests: Memo::new(), overhead: OnceLock::new() }
    }

    pub fn answered(&self, exchange: &Answered<'_>) {
        let (method, status) = (method(exchange.method), status(exchange.status));
        let duration = || {
            let labels =
                names::SERVER_DURATION.labels([self.label.clone(), Label::Word(method), Label::Number(status)]);
            self.families.server_duration.get_or_create_owned(&labels)
        };
        self.durations.with(&(method, status), duration, |durations| durations.observe(exchange.duration));

        let class = status_class(exchange.status);
        let requests = || {
            let outcome = Label::Word(exchange.outcome.as_str());
            let fault = Label::Word(exchange.fault.map_or("", Fault::as_str));
            let labels = names::REQUESTS.labels([self.label.clone(), Label::Word(class), outcome, fault]);
            self.families.requests.get_or_create_owned(&labels)
        };
        self.requests.with(&(class, exchange.outcome, exchange.fault), requests, |requests| {
            requests.inc();
        });

        let overhead = || self.families.overhead.get_or_create_owned(&names::OVERHEAD.labels([self.label.clone()]));
        self.overhead.get_or_init(overhead).observe(exchange.overhead);
    }
}

/// One upgraded connection, counted as open while this lives.
#[derive(Debug)]
pub struct UpgradedOpen(Gauge);

impl RouteMetrics {
    /// A connection is upgraded.
    pub fn upgraded(&self) -> UpgradedOpen {
        let label = || [self.label.clone()];
        self.families.upgrades.get_or_create_owned(&names::UPGRADES.labels(label())).inc();
        let open = self.families.upgraded_open.get_or_create_owned(&names::UPGRADED_OPEN.labels(label()));
        open.inc();
        UpgradedOpen(open)
    }
}

impl Drop for UpgradedOpen {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[derive(Debug, Clone)]
pub struct UpstreamMetrics {
    families: Arc<Families>,
    label: Label,
    /// By method, status, and code of what failed.
    durations: Memo<(&'static str, u16, &'static str), Durations>,
}

impl UpstreamMetrics {
    pub(super) fn new(families: Arc<Families>, label: Label) -> UpstreamMetrics {
        UpstreamMetrics { families, label, durations: Memo::new() }
    }

    /// One attempt at its end: with the status that came, or with the code of the refusal that stands for what failed.
    pub fn attempted(&self, asked: &Method, answer: Result<StatusCode, crate::error::Code>, duration: Duration) {
        let (method, status) = (method(asked), status(answer.ok()));
        let error = answer.err().map_or("", crate::error::Code::as_str);
        let durations = || {
            let labels = [self.label.clone(), Label::Word(method), Label::Number(status), Label::Word(error)];
            self.families.client_duration.get_or_create_owned(&names::CLIENT_DURATION.labels(labels))
        };
        self.durations.with(&(method, status, error), durations, |durations| durations.observe(duration));
    }
}

/// For one version of one entry.
#[derive(Debug, Clone)]
pub struct EntryMetrics {
    families: Arc<Families>,
    label: Label,
    version: Label,
    /// By phase, in the order of [`Phase::ALL`]; a phase that never runs has no series.
    calls: [OnceLock<Durations>; Phase::ALL.len()],
    /// Only where there is something to choose.
    exchanges: OnceLock<Counter>,
    bypasses: Counter,
    breaker: Gauge,
}

impl EntryMetrics {
    pub(super) fn new(families: Arc<Families>, label: Label, version: Version) -> EntryMetrics {
        let version = Label::Word(version.as_str());
        let both = || [label.clone(), version.clone()];
        let bypasses = families.policy_bypasses.get_or_create_owned(&names::POLICY_BYPASSES.labels(both()));
        let breaker = families.policy_breaker.get_or_create_owned(&names::POLICY_BREAKER.labels(both()));
        let (calls, exchanges) = (Default::default(), OnceLock::new());
        EntryMetrics { families, label, version, calls, exchanges, bypasses, breaker }
    }

    /// One call, whether it failed or not.
    pub fn called(&self, phase: Phase, duration: Duration) {
        let labels = || names::POLICY_CALLS.labels(self.labels_and(phase.as_str()));
        if let Some(calls) = self.calls.get(phase as usize) {
            let calls = calls.get_or_init(|| self.families.policy_calls.get_or_create_owned(&labels()));
            calls.observe(duration);
        }
    }

    /// `kind`: a word of the runtime's, such as `trap`, `cpu` or `memory`.
    pub fn trapped(&self, kind: &'static str) {
        self.families.policy_traps.get_or_create(&names::POLICY_TRAPS.labels(self.labels_and(kind))).inc();
    }

    /// `decision`: `reject` or `respond`; of a shadow any of its words.
    pub fn decided(&self, decision: &'static str) {
        let labels = names::POLICY_DECISIONS.labels(self.labels_and(decision));
        self.families.policy_decisions.get_or_create(&labels).inc();
    }

    /// An exchange was given to this version.
    pub fn chosen(&self) {
        let labels = || names::POLICY_EXCHANGES.labels([self.label.clone(), self.version.clone()]);
        self.exchanges.get_or_init(|| self.families.policy_exchanges.get_or_create_owned(&labels())).inc();
    }

    /// This version was rolled back.
    pub fn rolled_back(&self) {
        self.families.policy_rollbacks.get_or_create(&names::POLICY_ROLLBACKS.labels([self.label.clone()])).inc();
    }

    /// The exchange went on without this entry.
    pub fn bypassed(&self) {
        self.bypasses.inc();
    }

    pub fn breaker_open(&self, open: bool) {
        self.breaker.set(i64::from(open));
    }

    fn labels_and(&self, word: &'static str) -> [Label; 3] {
        [self.label.clone(), self.version.clone(), Label::Word(word)]
    }
}

/// Methods are the client's to choose, so only the known ones get a series of their own.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => "_OTHER",
    }
}

/// An upstream may send any three digits; what has no meaning is counted as 0, as is no status at all.
fn status(status: Option<StatusCode>) -> u16 {
    status.map(|status| status.as_u16()).filter(|number| (100..=599).contains(number)).unwrap_or(0)
}

fn status_class(status: Option<StatusCode>) -> &'static str {
    match status.map(|status| status.as_u16() / 100) {
        Some(1) => "1xx",
        Some(2) => "2xx",
        Some(3) => "3xx",
        Some(4) => "4xx",
        Some(5) => "5xx",
        Some(_) => "other",
        None => "none",
    }
}
