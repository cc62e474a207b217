//! One call of a plugin as a trace sees it: begun, ended, or cancelled with its exchange.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use sluicegate_runtime::{Call, Delta, Entry, Exchange, Failure, Phase, Verdict};

use super::record::Recorder;
use super::step::{CallStep, Did};

/// What a failure of a call means for its exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::chain) enum OnFailure {
    Deny,
    Allow,
    /// There is nothing to refuse any more, or nothing that the entry could refuse.
    Nothing,
}

/// Under way. Dropped before its end, the call was cancelled.
pub(in crate::chain) struct CallTrace {
    recorder: Arc<Recorder>,
    exchange: Arc<Exchange>,
    position: usize,
    phase: Phase,
    on_failure: OnFailure,
    begun: Instant,
    /// None once it was handed on.
    step: Option<CallStep>,
}

impl CallTrace {
    pub(in crate::chain) fn begin(
        recorder: &Arc<Recorder>,
        exchange: &Arc<Exchange>,
        position: usize,
        entry: &Entry,
        call: &Call,
        on_failure: OnFailure,
    ) -> CallTrace {
        let begun = Instant::now();
        let bytes_in = match call {
            Call::Body { bytes, .. } | Call::ReplyBody { bytes, .. } => Some(bytes.len() as u64),
            Call::Delta(Delta::Text { text, .. } | Delta::ToolArguments { text, .. }) => Some(text.len() as u64),
            _ => None,
        };
        let step = CallStep {
            at_us: recorder.at_us(begun),
            phase: call.phase().as_str(),
            entry: entry.name.clone(),
            version: entry.version().as_str(),
            calls: 1,
            bytes_in,
            decision: "cancelled",
            ..CallStep::default()
        };
        CallTrace {
            recorder: recorder.clone(),
            exchange: exchange.clone(),
            position,
            phase: call.phase(),
            on_failure,
            begun,
            step: Some(step),
        }
    }

    pub(in crate::chain) fn end(mut self, called: &Result<Verdict, Failure>) {
        let Some(mut step) = self.step.take() else { return };
        let answers = |step: &mut CallStep, decision, status: StatusCode| {
            step.decision = decision;
            step.status = Some(status.as_u16());
        };
        match called {
            Ok(Verdict::Proceed) => {
                step.decision = "proceed";
                step.bytes_out = step.bytes_in;
            }
            Ok(Verdict::Replace(bytes)) => {
                step.decision = "replace";
                step.bytes_out = Some(bytes.len() as u64);
            }
            Ok(Verdict::ReplaceText(text)) => {
                step.decision = "replace";
                step.bytes_out = Some(text.len() as u64);
            }
            Ok(Verdict::Written) => step.decision = "answer",
            Ok(Verdict::Skip(why)) => {
                step.decision = "skip";
                step.message = Some(why.as_ref().clone());
            }
            Ok(Verdict::Stop(reason)) => {
                step.decision = "stop";
                step.message = Some((**reason).to_owned());
            }
            Ok(Verdict::Reject(rejection)) => {
                answers(&mut step, "reject", rejection.status);
                step.code = Some(rejection.code.clone());
                step.message = Some(rejection.message.clone());
            }
            Ok(Verdict::Respond(answer)) => {
                answers(&mut step, "respond", answer.status);
                step.bytes_out = Some(answer.body.len() as u64);
            }
            Err(failure) => {
                step.decision = "fail";
                step.failure = Some(failure.kind.as_str());
                step.message = Some(failure.message.clone());
                step.then = Some(self.on_failure.as_str());
            }
        }
        self.hand_on(step);
    }

    fn hand_on(&self, mut step: CallStep) {
        let done = self.exchange.take_done(self.position, self.phase);
        self.recorder.learn(&self.exchange, &done);
        step.took_us = micros(self.begun.elapsed());
        step.code = step.code.map(|code| self.recorder.shown(&code));
        step.message = step.message.map(|message| self.recorder.message(&message));
        step.waited_us = micros(done.waited);
        step.host_calls = done.host_calls;
        step.did_left_out = done.left_out;
        step.did = done
            .deeds
            .iter()
            .map(|deed| Did {
                call: deed.call,
                name: self.recorder.shown(&deed.name),
                value: self.recorder.shown_value(&deed.value),
                refused: deed.refused,
            })
            .collect();
        self.recorder.called(self.position, self.phase, step);
    }
}

impl Drop for CallTrace {
    fn drop(&mut self) {
        if let Some(step) = self.step.take() {
            self.hand_on(step);
        }
    }
}

impl OnFailure {
    fn as_str(self) -> &'static str {
        match self {
            OnFailure::Deny => "deny",
            OnFailure::Allow => "allow",
            OnFailure::Nothing => "nothing",
        }
    }
}

pub(in crate::chain) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
