//! One exchange under way: calls plugins, decides what a failure means, and keeps what the log will say.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{Method, StatusCode, Version as HttpVersion};
use sluicegate_runtime::{
    Call, Entry, Exchange, Failure, FailureKind, Held, InstanceNeed, Isolation, OnError, Phase, Verdict, Version,
};

use super::canary::{Canary, Event, Now};
use super::model::ModelExchange;
use super::plan::{Chosen, Ground, Link, Plan, Site};
use super::shadow::{Shown, Watcher};
use super::stop::Stop;
use super::trace::{OnFailure, Recorder};
use super::upgrade::Upgrade;
use crate::error::{Code, Fault, Refusal};
use crate::telemetry::outcome::Outcome;

pub(super) struct Run {
    pub(super) ground: Arc<Ground>,
    pub(super) plan: Arc<Plan>,
    pub(super) exchange: Arc<Exchange>,
    pub(super) log: Mutex<Log>,
    /// Its last byte has been handed on.
    pub(super) request_ended: AtomicBool,
    /// The client has said that it reads trailers.
    pub(super) takes_trailers: bool,
    /// The client sends its body only once it is told to, or has waited for long.
    pub(super) expects: bool,
    /// Some where it asks for another protocol, and its route allows that.
    pub(super) upgrade: Option<Box<Upgrade>>,
    /// Over HTTP/2 its client asks for another protocol: whatever is no error makes it speak that.
    pub(super) connects: bool,
    /// When the route's time for the whole exchange is over.
    pub(super) deadline: Option<tokio::time::Instant>,
    /// Entries at positions below it take part in the answer. Grows as `head` passes them, so that no entry meets the answer to
    /// a request that it has not met.
    depth: AtomicUsize,
    /// One bit a position: the entry ran.
    ran: AtomicU64,
    /// One bit a position: the log knows that it was called.
    called: AtomicU64,
    /// The instances that entries keep between their calls.
    held: Box<[tokio::sync::Mutex<Held>]>,
    /// The shadows that have seen something of it, each once.
    watchers: Mutex<Vec<Watcher>>,
    /// Some where somebody wants to know.
    pub(super) trace: Option<Arc<Recorder>>,
    /// Some where the route serves language models.
    pub(super) model: Option<Box<ModelExchange>>,
}

/// What the access log will say besides what the exchange knows.
#[derive(Default)]
pub(super) struct Log {
    pub(super) time_unix_ms: u64,
    pub(super) trace_id: Option<String>,
    /// As the client sent them.
    pub(super) version: HttpVersion,
    pub(super) method: Method,
    pub(super) path: String,
    /// The subject of the client's certificate.
    pub(super) certificate: Option<Box<str>>,
    pub(super) status: Option<StatusCode>,
    /// Set when it is decided; a later fault goes over it.
    pub(super) outcome: Option<Outcome>,
    pub(super) fault: Option<Fault>,
    pub(super) code: Option<String>,
    pub(super) decided_by: Option<usize>,
    /// Positions that were called, in the order of their first calls.
    pub(super) called: Vec<usize>,
    /// Positions with a canary, and whether it serves.
    pub(super) choices: Vec<(usize, bool)>,
    pub(super) attempts: u32,
    /// Number of the target that answered, or was tried last.
    pub(super) upstream: Option<u32>,
    /// Of the targets that were tried before it, in their order.
    pub(super) tried: Vec<u32>,
    /// Spent waiting for the upstream's head.
    pub(super) upstream_wait: Duration,
    pub(super) first_byte: Option<Duration>,
    pub(super) bypasses: BTreeMap<Arc<str>, u32>,
}

impl Log {
    /// The answer is this target's, as far as is known.
    pub(super) fn answers_from(&mut self, number: u32) {
        self.tried.extend(self.upstream.replace(number));
    }
}

impl Run {
    pub(super) fn new(
        ground: Arc<Ground>,
        plan: Arc<Plan>,
        exchange: Arc<Exchange>,
        log: Log,
        trace: Option<Arc<Recorder>>,
        model: Option<Box<ModelExchange>>,
    ) -> Run {
        let length = plan.chain.links().len();
        let timeout = plan.route.as_ref().and_then(|route| route.timeout);
        Run {
            deadline: timeout.map(|timeout| (exchange.facts.started + timeout).into()),
            ground,
            exchange,
            log: Mutex::new(log),
            request_ended: AtomicBool::new(false),
            takes_trailers: false,
            expects: false,
            upgrade: None,
            connects: false,
            depth: AtomicUsize::new(0),
            ran: AtomicU64::new(0),
            called: AtomicU64::new(0),
            held: (0..length).map(|_| tokio::sync::Mutex::new(Held::reusing())).collect(),
            watchers: Mutex::default(),
            trace,
            model,
            plan,
        }
    }

    /// Positions that take part in a phase of the answer: those in front of the entry that decided it.
    pub(super) fn positions(&self, phase: Phase) -> impl Iterator<Item = usize> + '_ {
        self.plan
            .chain
            .positions(phase)
            .iter()
            .copied()
            .filter(|position| *position < self.depth.load(Ordering::Acquire))
    }

    /// `finish` is for each entry that ran.
    pub(super) fn positions_that_ran(&self) -> impl Iterator<Item = usize> + '_ {
        let ran = self.ran.load(Ordering::Acquire);
        let finish = self.plan.chain.positions(Phase::Finish).iter().copied();
        finish.filter(move |position| ran & (1_u64 << (position % 64)) != 0)
    }

    /// All entries of the chain that stand in front of the decision count as having run, with or without a `head`.
    pub(super) fn mark_passed(&self, end: usize) {
        let bits = if end >= 64 { u64::MAX } else { (1_u64 << end) - 1 };
        self.ran.fetch_or(bits, Ordering::AcqRel);
        self.depth.store(end, Ordering::Release);
    }

    /// A stop was decided: only entries in front of it take part from here on.
    pub(super) fn note_stop(&self, stop: &Stop) {
        if let Some(by) = stop.by {
            self.depth.fetch_min(by, Ordering::AcqRel);
        }
        if let (Some(trace), Some(refusal)) = (&self.trace, stop.own_refusal()) {
            trace.refused(refusal);
        }
        let mut log = self.log();
        log.outcome = Some(stop.outcome);
        log.decided_by = stop.by;
        // A provider's refusal in its own words is no refusal here, and was noted where it was read.
        if stop.refusal().is_some() || stop.by.is_some() {
            log.fault = stop.refusal().map(|refusal| refusal.fault);
            log.code = stop.refusal().map(|refusal| refusal.code.to_string());
        }
    }

    /// Calls one phase of one entry.
    ///
    /// `deny_always`: the entry has already changed what was sent on, so that going on without it would mix two messages.
    /// A failure that is allowed is [`Verdict::Proceed`].
    pub(super) async fn call(&self, position: usize, call: Call, deny_always: bool) -> Result<Verdict, Stop> {
        let Some(link) = self.plan.chain.links().get(position) else { return Ok(Verdict::Proceed) };
        if link.shadow.is_some() {
            self.show(position, Shown::Phase { call, now: None });
            return Ok(Verdict::Proceed);
        }
        self.mark_ran(position);
        let chosen = self.chosen(position, link);
        // The other version may take part in it.
        if !chosen.entry.phases().contains(call.phase()) {
            return Ok(Verdict::Proceed);
        }
        self.note_call(position);
        let on_failure = match (call.phase(), allows(chosen.entry, deny_always)) {
            (Phase::Finish, _) => OnFailure::Nothing,
            (_, true) => OnFailure::Allow,
            (_, false) => OnFailure::Deny,
        };
        let site = Site { position, on_failure, trace: self.trace.as_ref() };
        let need = chosen.entry.plugin.setup().need;
        let mut kept = match (need, chosen.entry.isolation(), self.held.get(position)) {
            (InstanceNeed::Body | InstanceNeed::Exchange, _, Some(held)) => Some(held.lock().await),
            // Where any instance will do, none is waited for: the other way of the exchange may have it for long.
            (InstanceNeed::Call, Isolation::Request, Some(held)) => held.try_lock().ok(),
            _ => None,
        };
        let mut unkept = Held::default();
        let held = kept.as_deref_mut().unwrap_or(&mut unkept);
        let called = chosen.call(held, &self.exchange, site, &call).await;
        drop(kept);
        if let Some(canary) = &link.canary {
            self.compare(canary, chosen, call.phase(), &called);
        }
        match called {
            Ok(Verdict::Reject(rejection)) => Err(Stop::rejected(*rejection, position)),
            Ok(Verdict::Respond(answer)) => Err(Stop::answered(answer, position)),
            Ok(verdict) => Ok(verdict),
            Err(failure) => self.failed(chosen, position, call.phase(), &failure, deny_always),
        }
    }

    pub(super) fn mark_ran(&self, position: usize) {
        set_bit(&self.ran, position);
    }

    pub(super) fn watchers(&self) -> MutexGuard<'_, Vec<Watcher>> {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The version that serves this exchange: chosen when it is first asked for, and kept.
    pub(super) fn chosen<'a>(&self, position: usize, link: &'a Link) -> Chosen<'a> {
        match &link.canary {
            Some(canary) if self.meets_canary(position, link, canary) => {
                Chosen { entry: &canary.entry, metrics: &canary.metrics }
            }
            _ => link.stable(),
        }
    }

    fn meets_canary(&self, position: usize, link: &Link, canary: &Canary) -> bool {
        let choice = |log: &Log| log.choices.iter().find(|(other, _)| *other == position).map(|(_, canary)| *canary);
        if let Some(chosen) = choice(&self.log()) {
            return chosen;
        }
        let serves = canary.serves(&self.exchange.facts.id, self.exchange.lock().identity.get("consumer"));
        let mut log = self.log();
        // The other way of the exchange may have come first.
        if let Some(chosen) = choice(&log) {
            return chosen;
        }
        log.choices.push((position, serves));
        drop(log);
        let version = if serves { Version::Canary } else { Version::Stable };
        if serves { &canary.metrics } else { &link.metrics }.chosen();
        self.note_event(canary, version, Event::Met);
        serves
    }

    /// Holds what a version did against the thresholds of its entry's rollback.
    fn compare(&self, canary: &Canary, chosen: Chosen<'_>, phase: Phase, called: &Result<Verdict, Failure>) {
        let event = match called {
            Ok(Verdict::Reject(_)) => Event::Rejected,
            // A machine that is full is no fault of the version; a breaker that is open is, where it costs a request something.
            Err(failure) => match failure.kind {
                FailureKind::NoInstance => return,
                FailureKind::Suspended if phase == Phase::Finish => return,
                _ => Event::Failed,
            },
            _ => return,
        };
        self.note_event(canary, chosen.entry.version(), event);
    }

    fn note_event(&self, canary: &Canary, version: Version, event: Event) {
        let clock = &self.ground.services.clock;
        let now = Now { monotonic_ms: clock.monotonic_ns() / 1_000_000, unix_ms: clock.now_unix_ms() };
        if let Some(rollback) = canary.state.note(version, event, now) {
            canary.metrics.rolled_back();
            tracing::warn!(
                plugin = canary.entry.name.as_ref(),
                version = Version::Canary.as_str(),
                "canary rolled back, the stable version serves all new exchanges: {}",
                rollback.why
            );
        }
    }

    fn note_call(&self, position: usize) {
        if set_bit(&self.called, position) {
            self.log().called.push(position);
        }
    }

    fn failed(
        &self,
        chosen: Chosen<'_>,
        position: usize,
        phase: Phase,
        failure: &Failure,
        deny_always: bool,
    ) -> Result<Verdict, Stop> {
        let entry = chosen.entry;
        let allowed = allows(entry, deny_always);
        // An open breaker says so once when it opens, not for every request.
        if failure.kind != FailureKind::Suspended {
            tracing::warn!(
                plugin = entry.name.as_ref(),
                version = entry.version().unless_stable(),
                phase = phase.as_str(),
                request_id = self.exchange.facts.id,
                kind = failure.kind.as_str(),
                "plugin failed, request {}: {}",
                if allowed { "goes on without it" } else { "refused" },
                failure.message
            );
        }
        if !allowed {
            return Err(Stop::failed(failure, &entry.name, position));
        }
        chosen.metrics.bypassed();
        *self.log().bypasses.entry(entry.name.clone()).or_default() += 1;
        Ok(Verdict::Proceed)
    }

    /// An entry wants the whole of what is never buffered.
    pub(super) fn cannot_buffer(&self, position: usize) -> Result<(), Stop> {
        self.passed_over(
            position,
            Code::CannotBuffer,
            "must read the whole answer, and the answer is a stream of events",
        )
    }

    /// An entry reads bodies, and what will pass is none.
    pub(super) fn cannot_read_upgrade(&self, position: usize) -> Result<(), Stop> {
        self.passed_over(position, Code::CannotReadUpgrade, "reads bodies, and cannot read what another protocol says")
    }

    /// What an entry cannot do is held against its `on_error`, as a failure would be.
    fn passed_over(&self, position: usize, code: Code, why: &str) -> Result<(), Stop> {
        let Some(link) = self.plan.chain.links().get(position) else { return Ok(()) };
        let chosen = self.chosen(position, link);
        let name = &chosen.entry.name;
        if chosen.entry.options.on_error == OnError::Deny {
            let message = format!("The policy `{name}` {why}.");
            return Err(Stop { by: Some(position), ..Stop::refuse(Refusal::new(code, message)) });
        }
        chosen.metrics.bypassed();
        *self.log().bypasses.entry(name.clone()).or_default() += 1;
        Ok(())
    }

    /// Gives back the instances that are still held; those at work in a cancelled call are gone already.
    pub(super) fn release_held(&self) {
        for (position, (held, link)) in self.held.iter().zip(self.plan.chain.links()).enumerate() {
            if let Ok(mut held) = held.try_lock()
                && !held.is_empty()
            {
                self.chosen(position, link).entry.release(&mut held);
            }
        }
    }

    pub(super) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// True if it was not set before. It is looked at first: to write costs more than all else here, and most bits are set twice.
fn set_bit(bits: &AtomicU64, position: usize) -> bool {
    let bit = 1_u64 << (position % 64);
    bits.load(Ordering::Acquire) & bit == 0 && bits.fetch_or(bit, Ordering::AcqRel) & bit == 0
}

fn allows(entry: &Entry, deny_always: bool) -> bool {
    entry.options.on_error == OnError::Allow && !deny_always
}
