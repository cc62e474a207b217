//! One exchange under way: calls plugins, decides what a failure means, and keeps what the log will say.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use sluicegate_runtime::{Call, Exchange, Failure, FailureKind, Held, InstanceNeed, OnError, Phase, Verdict};

use super::plan::{Ground, Link, Plan};
use super::stop::Stop;
use crate::error::{Code, Fault, Refusal};
use crate::telemetry::outcome::Outcome;

pub(super) struct Run {
    pub(super) ground: Arc<Ground>,
    pub(super) plan: Arc<Plan>,
    pub(super) exchange: Arc<Exchange>,
    pub(super) log: Mutex<Log>,
    /// Of the request's body, as received.
    pub(super) request_bytes: AtomicU64,
    /// Its last byte has been handed on.
    pub(super) request_ended: AtomicBool,
    /// When the route's time for the whole exchange is over.
    pub(super) deadline: Option<tokio::time::Instant>,
    /// Entries at positions below it take part in the answer. Grows as `head` passes them, so that no entry meets the answer to
    /// a request that it has not met.
    depth: AtomicUsize,
    /// One bit a position: the entry ran.
    ran: AtomicU64,
    /// The instances that entries keep between their calls.
    held: Box<[tokio::sync::Mutex<Held>]>,
}

/// What the access log will say besides what the exchange knows.
#[derive(Default)]
pub(super) struct Log {
    pub(super) time_unix_ms: u64,
    pub(super) trace_id: Option<String>,
    /// As the client sent them.
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) status: Option<StatusCode>,
    /// Set when it is decided; a later fault goes over it.
    pub(super) outcome: Option<Outcome>,
    pub(super) fault: Option<Fault>,
    pub(super) code: Option<String>,
    pub(super) decided_by: Option<usize>,
    /// Positions that were called, in the order of their first calls.
    pub(super) called: Vec<usize>,
    pub(super) attempts: u32,
    /// Spent waiting for the upstream's head.
    pub(super) upstream_wait: Duration,
    pub(super) first_byte: Option<Duration>,
    pub(super) bypasses: BTreeMap<Arc<str>, u32>,
}

impl Run {
    pub(super) fn new(ground: Arc<Ground>, plan: Arc<Plan>, exchange: Arc<Exchange>, log: Log) -> Run {
        let length = plan.chain.links().len();
        let timeout = plan.route.as_ref().and_then(|route| route.timeout);
        Run {
            deadline: timeout.map(|timeout| (exchange.facts.started + timeout).into()),
            ground,
            exchange,
            log: Mutex::new(log),
            request_bytes: AtomicU64::new(0),
            request_ended: AtomicBool::new(false),
            depth: AtomicUsize::new(0),
            ran: AtomicU64::new(0),
            held: (0..length).map(|_| tokio::sync::Mutex::default()).collect(),
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
        let mut log = self.log();
        log.outcome = Some(stop.outcome);
        log.decided_by = stop.by;
        log.fault = stop.refusal().map(|refusal| refusal.fault);
        log.code = stop.refusal().map(|refusal| refusal.code.to_string());
    }

    /// Calls one phase of one entry.
    ///
    /// `deny_always`: the entry has already changed what was sent on, so that going on without it would mix two messages.
    /// A failure that is allowed is [`Verdict::Proceed`].
    pub(super) async fn call(&self, position: usize, call: Call, deny_always: bool) -> Result<Verdict, Stop> {
        let Some(link) = self.plan.chain.links().get(position) else { return Ok(Verdict::Proceed) };
        self.ran.fetch_or(1_u64 << (position % 64), Ordering::AcqRel);
        self.note_call(position);
        let was_suspended = link.entry.breaker_is_open();
        let started = Instant::now();
        let called = match (link.entry.plugin.setup().need, self.held.get(position)) {
            (InstanceNeed::Body | InstanceNeed::Exchange, Some(held)) => {
                link.entry.call(&mut *held.lock().await, &self.exchange, position, &call).await
            }
            _ => link.entry.call(&mut Held::default(), &self.exchange, position, &call).await,
        };
        link.metrics.called(call.phase(), started.elapsed());
        if was_suspended {
            link.metrics.breaker_open(link.entry.breaker_is_open());
        }
        match called {
            Ok(Verdict::Reject(rejection)) => Err(Stop::rejected(rejection, position)),
            Ok(Verdict::Respond(answer)) => Err(Stop::answered(answer, position)),
            Ok(verdict) => Ok(verdict),
            Err(failure) => self.failed(link, position, call.phase(), &failure, deny_always),
        }
    }

    /// At most [`super::ENTRIES_MAX`] positions, so that to look through them costs next to nothing.
    fn note_call(&self, position: usize) {
        let called = &mut self.log().called;
        if !called.contains(&position) {
            called.push(position);
        }
    }

    fn failed(
        &self,
        link: &Link,
        position: usize,
        phase: Phase,
        failure: &Failure,
        deny_always: bool,
    ) -> Result<Verdict, Stop> {
        let entry = &link.entry;
        link.metrics.trapped(failure.kind.as_str());
        link.metrics.breaker_open(entry.breaker_is_open());
        let allowed = entry.options.on_error == OnError::Allow && !deny_always;
        // An open breaker says so once when it opens, not for every request.
        if failure.kind != FailureKind::Suspended {
            tracing::warn!(
                plugin = entry.name.as_ref(),
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
        link.metrics.bypassed();
        *self.log().bypasses.entry(entry.name.clone()).or_default() += 1;
        Ok(Verdict::Proceed)
    }

    /// An entry wants the whole of what is never buffered.
    pub(super) fn cannot_buffer(&self, position: usize) -> Result<(), Stop> {
        let Some(link) = self.plan.chain.links().get(position) else { return Ok(()) };
        let name = &link.entry.name;
        if link.entry.options.on_error == OnError::Deny {
            let message =
                format!("The policy `{name}` must read the whole answer, and the answer is a stream of events.");
            return Err(Stop { by: Some(position), ..Stop::refuse(Refusal::new(Code::CannotBuffer, message)) });
        }
        link.metrics.bypassed();
        *self.log().bypasses.entry(name.clone()).or_default() += 1;
        Ok(())
    }

    /// Gives back the instances that are still held; those at work in a cancelled call are gone already.
    pub(super) fn release_held(&self) {
        for (held, link) in self.held.iter().zip(self.plan.chain.links()) {
            if let Ok(mut held) = held.try_lock() {
                link.entry.release(&mut held);
            }
        }
    }

    pub(super) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
