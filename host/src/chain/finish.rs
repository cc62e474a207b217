//! The end of an exchange: one outcome, `finish` for each plugin that ran, one line in the log. Whatever happened.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Version;
use sluicegate_runtime::{Call, Version as PluginVersion};

use super::open::{ClientConnection, OpenExchange};
use super::reply_body::Cut;
use super::run::Run;
use super::trace::{Ending, micros};
use crate::error::{Code, Fault};
use crate::telemetry::access_log::{Record, ShadowRecord};
use crate::telemetry::metrics::Answered;
use crate::telemetry::outcome::Outcome;

/// Owned by whoever holds the exchange: the handler until there is an answer, then the answer's body. Dropped without a
/// word, it means that the client has gone.
pub(super) struct Finisher {
    run: Arc<Run>,
    open: Option<OpenExchange>,
}

impl Finisher {
    pub(super) fn new(run: Arc<Run>, connection: Arc<ClientConnection>) -> Finisher {
        let open = run.ground.open.enter(&run.exchange, connection);
        Finisher { run, open: Some(open) }
    }

    pub(super) fn run(&self) -> &Arc<Run> {
        &self.run
    }

    /// Ready when the generation was ended in the middle of it.
    pub(super) fn poll_ended(&self, context: &Context<'_>) -> Poll<()> {
        self.open.as_ref().map_or(Poll::Pending, |open| open.poll_ended(context))
    }

    /// From here on the new one speaks for the exchange, and this one says nothing more.
    pub(super) fn hand_over(&mut self) -> Finisher {
        Finisher { run: self.run.clone(), open: self.open.take() }
    }

    /// The answer went out whole: its outcome is what was decided on the way, or [`Outcome::Complete`].
    pub(super) fn complete(&mut self) {
        self.end(Outcome::Complete);
    }

    /// The answer will end before its time; what is noted here goes over what was decided before.
    pub(super) fn note_cut(&mut self, cut: &Cut) {
        if self.open.is_none() {
            return;
        }
        tracing::warn!(request_id = self.run.exchange.facts.id, code = cut.code, "answer cut: {}", cut.message);
        if let Some(trace) = &self.run.trace {
            trace.cut(&cut.code, &cut.message);
        }
        let mut log = self.run.log();
        log.outcome = Some(cut.outcome);
        log.fault = Some(cut.fault);
        log.code = Some(cut.code.clone());
    }

    /// The answer was cut.
    pub(super) fn cut(&mut self, cut: &Cut) {
        self.note_cut(cut);
        self.end(cut.outcome);
    }

    fn end(&mut self, outcome: Outcome) {
        let Some(open) = self.open.take() else { return };
        let run = self.run.clone();
        let (outcome, upstream) = {
            let mut log = run.log();
            (*log.outcome.get_or_insert(outcome), log.upstream)
        };
        let mut state = run.exchange.lock();
        (state.outcome, state.upstream) = (outcome.as_str(), upstream);
        drop(state);
        let has_finish = run.positions_that_ran().next().is_some() || run.has_shadows();
        match has_finish.then(tokio::runtime::Handle::try_current) {
            Some(Ok(handle)) => drop(handle.spawn(async move {
                run.call_finish(outcome).await;
                let duration = run.settle(outcome);
                let shadows = run.end_shadows().await;
                run.write_line(outcome, duration, shadows);
                run.end_trace(outcome, duration);
                drop(open);
            })),
            _ => {
                let duration = run.settle(outcome);
                run.write_line(outcome, duration, Vec::new());
                run.end_trace(outcome, duration);
            }
        }
    }
}

impl Drop for Finisher {
    fn drop(&mut self) {
        let Some(open) = &self.open else { return };
        let (outcome, fault, code) = if std::thread::panicking() {
            (Outcome::Failed, Fault::Gateway, Some(Code::Internal))
        } else if open.is_cut() {
            (Outcome::TimedOut, Fault::Gateway, Some(Code::Draining))
        } else if self.run.ground.open.is_ended() {
            (Outcome::TimedOut, Fault::Gateway, Some(Code::GenerationEnded))
        } else if self.run.model.as_ref().is_some_and(|model| model.seen().done) {
            // Many clients leave when they have read the answer's own end, and do not wait for the connection's.
            return self.end(Outcome::Complete);
        } else {
            (Outcome::ClientGone, Fault::Client, None)
        };
        let mut log = self.run.log();
        log.outcome = Some(outcome);
        log.fault = Some(fault);
        log.code = code.map(|code| code.as_str().to_owned());
        drop(log);
        self.end(outcome);
    }
}

impl Run {
    /// A failure here changes nothing for the client; it is counted and logged like any other.
    async fn call_finish(&self, outcome: Outcome) {
        self.publish_usage_seen();
        self.note_answer_over(outcome);
        let positions: Vec<usize> = self.positions_that_ran().collect();
        for position in positions {
            // The answer is out: there is nothing left to refuse.
            drop(self.call(position, Call::Finish, false).await);
        }
    }

    /// Counts the exchange, and says how long it took.
    fn settle(&self, outcome: Outcome) -> Duration {
        self.release_held();
        let facts = &self.exchange.facts;
        let dropped = self.exchange.log_lines_dropped();
        if dropped > 0 {
            tracing::warn!(target: "plugin", request_id = facts.id, "{dropped} lines of plugins were dropped");
        }
        let duration = facts.started.elapsed();
        let log = self.log();
        let overhead = log.first_byte.unwrap_or(duration).saturating_sub(log.upstream_wait);
        self.plan.metrics.answered(&Answered {
            method: &log.method,
            status: log.status,
            outcome,
            fault: log.fault,
            duration,
            overhead,
        });
        duration
    }

    /// Writes the log's line.
    fn write_line(&self, outcome: Outcome, duration: Duration, shadows: Vec<(Arc<str>, ShadowRecord)>) {
        if !self.ground.access_log.is_on() {
            return;
        }
        let facts = &self.exchange.facts;
        let log = self.log();
        let state = self.exchange.lock();
        let entry_name =
            |position: usize| self.plan.chain.links().get(position).map(|link| link.entry.name.to_string());
        self.ground.access_log.log(Record {
            time_unix_ms: log.time_unix_ms,
            request_id: facts.id.clone(),
            trace_id: log.trace_id.clone(),
            client_address: facts.client_address,
            client_certificate: log.certificate.as_deref().map(str::to_owned),
            protocol: protocol(log.version),
            method: log.method.as_str().to_owned(),
            authority: state.request.authority.clone(),
            path: log.path.clone(),
            route: self.plan.route.as_ref().map(|route| route.name.clone()),
            generation: facts.generation,
            key_id: state.identity.get("key").map(str::to_owned),
            consumer: state.identity.get("consumer").map(str::to_owned),
            team: state.identity.get("team").map(str::to_owned),
            status: log.status.map(|status| status.as_u16()),
            outcome,
            fault: log.fault,
            code: log.code.clone(),
            decided_by: log.decided_by.and_then(entry_name),
            plugins: log.called.iter().copied().filter_map(entry_name).collect(),
            versions: log
                .choices
                .iter()
                .filter(|(position, is_canary)| *is_canary && log.called.contains(position))
                .filter_map(|(position, _)| Some((entry_name(*position)?, PluginVersion::Canary.as_str())))
                .collect(),
            shadow: shadows.into_iter().map(|(entry, record)| (entry.to_string(), record)).collect(),
            upstream: log.upstream.and_then(|number| self.targets().name(number)),
            attempts: log.attempts,
            tried: log
                .tried
                .iter()
                .filter(|number| log.upstream != Some(**number))
                .filter_map(|number| self.targets().name(*number))
                .collect(),
            request_bytes: self.exchange.request_bytes.load(Ordering::Relaxed),
            reply_bytes: self.exchange.reply_bytes.load(Ordering::Relaxed),
            first_byte: log.first_byte,
            duration,
            upgrade: self
                .upgrade
                .as_ref()
                .filter(|upgrade| upgrade.has_switched())
                .map(|upgrade| upgrade.protocol().to_owned()),
            model: self.model.as_ref().and_then(|model| model.model().map(str::to_owned)),
            usage: self.model.as_ref().map(|model| model.seen().clone()).unwrap_or_default(),
            labels: state.labels.clone(),
            bypasses: log.bypasses.clone(),
        });
    }

    /// Tells who traces it.
    fn end_trace(&self, outcome: Outcome, duration: Duration) {
        let Some(trace) = &self.trace else { return };
        let facts = &self.exchange.facts;
        let log = self.log();
        let state = self.exchange.lock();
        let decided_by = log.decided_by.and_then(|position| self.plan.chain.links().get(position));
        trace.end(&Ending {
            request_id: &facts.id,
            generation: facts.generation,
            time: log.time_unix_ms,
            client_address: facts.client_address,
            method: &log.method,
            authority: &state.request.authority,
            path: &log.path,
            route: self.plan.route.as_ref().map(|route| route.name.as_str()),
            consumer: state.identity.get("consumer"),
            key_id: state.identity.get("key"),
            status: log.status.map(|status| status.as_u16()),
            outcome: outcome.as_str(),
            fault: log.fault.map(Fault::as_str),
            code: log.code.as_deref(),
            decided_by: decided_by.map(|link| link.entry.name.to_string()),
            request_bytes: self.exchange.request_bytes.load(Ordering::Relaxed),
            reply_bytes: self.exchange.reply_bytes.load(Ordering::Relaxed),
            first_byte_us: log.first_byte.map(micros),
            duration_us: micros(duration),
        });
    }
}

/// By the names of ALPN (RFC 7301).
fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_2 => "h2",
        Version::HTTP_10 => "http/1.0",
        _ => "http/1.1",
    }
}
