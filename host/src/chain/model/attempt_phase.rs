//! The phase `attempt`: for each target that is tried, plugins edit a copy of the call and of the head, choose the credential, or leave
//! the target out.

use std::sync::Arc;

use http::HeaderMap;
use sluicegate_llm::Call;
use sluicegate_runtime::model::{Attempt, Credentials, Editable, ModelState};
use sluicegate_runtime::{Call as PluginCall, Phase, Verdict};

use super::ModelSide;
use super::call_phase::{Ready, unreadable};
use crate::chain::run::Run;
use crate::chain::stop::Stop;
use crate::telemetry::outcome::Outcome;

/// What one target is sent.
pub(super) struct Prepared {
    pub(super) call: Arc<Call>,
    pub(super) head: HeaderMap,
    /// The number of the credential that a plugin chose.
    pub(super) key: Option<usize>,
    /// Why a plugin leaves this target out.
    pub(super) skipped: Option<String>,
}

/// How an attempt ended, in the contract's words.
#[derive(Default)]
pub(super) struct Ended {
    pub(super) word: &'static str,
    pub(super) reason: String,
    pub(super) status: Option<u16>,
    pub(super) retry_after: Option<std::time::Duration>,
}

impl Run {
    pub(super) async fn attempt_phase(&self, ready: &Ready, number: u32, side: &ModelSide) -> Result<Prepared, Stop> {
        let head = self.upstream_head(&ready.call, side);
        let mut prepared = Prepared { call: ready.call.clone(), head, key: None, skipped: None };
        self.with_model(|model| {
            model.attempts.push(Attempt { target: number, began_ms: self.elapsed_ms(), ..Attempt::default() });
        });
        if self.plan.chain.positions(Phase::Attempt).is_empty() {
            return Ok(prepared);
        }
        let draft = ready.draft.separate();
        self.with_model(|model| {
            model.call = Box::new(draft.clone());
            model.upstream = std::mem::take(&mut prepared.head);
            model.credentials = Credentials { names: side.keys.rests(), chosen: None };
            model.editable = Editable::Attempt;
        });
        let decided = self.attempt_plugins().await;
        self.with_model(|model| {
            model.editable = Editable::Nothing;
            prepared.head = model.upstream.clone();
            prepared.key = model.credentials.chosen.take().and_then(|name| side.keys.number(&name));
        });
        prepared.skipped = decided?;
        prepared.call = draft.finished().map_err(|error| unreadable(&error))?;
        Ok(prepared)
    }

    /// Why the target is left out, if a plugin leaves it out.
    async fn attempt_plugins(&self) -> Result<Option<String>, Stop> {
        for position in self.plan.chain.positions(Phase::Attempt) {
            if let Verdict::Skip(why) = self.call(*position, PluginCall::Attempt, false).await? {
                return Ok(Some(self.ground.redaction.redact(&why).into_owned()));
            }
        }
        Ok(None)
    }

    /// Notes what became of the attempt that is under way.
    pub(super) fn note_ended(&self, ended: Ended) {
        let now_ms = self.elapsed_ms();
        self.with_model(|model| {
            let Some(attempt) = model.attempts.last_mut() else { return };
            let took_ms = now_ms.saturating_sub(attempt.began_ms);
            attempt.ended = ended.word;
            attempt.reason = ended.reason;
            attempt.status = ended.status.map(u64::from);
            attempt.retry_after_ms =
                ended.retry_after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
            match ended.word {
                "answered" => attempt.first_byte_ms = Some(took_ms),
                _ => attempt.duration_ms = Some(took_ms),
            }
        });
    }

    /// The answer is over, in whatever way: so is the attempt that brought it.
    pub(in crate::chain) fn note_answer_over(&self, outcome: Outcome) {
        let now_ms = self.elapsed_ms();
        self.with_model(|model| {
            let Some(attempt) = model.attempts.last_mut().filter(|attempt| attempt.duration_ms.is_none()) else {
                return;
            };
            attempt.duration_ms = Some(now_ms.saturating_sub(attempt.began_ms));
            match outcome {
                Outcome::UpstreamCut => attempt.ended = "cut",
                Outcome::TimedOut => attempt.ended = "timed-out",
                _ => {}
            }
        });
    }

    /// Nothing can be changed any more, also where a phase was given up in its middle.
    pub(in crate::chain) fn close_model(&self) {
        if self.model.is_some() {
            self.with_model(|model| model.editable = Editable::Nothing);
        }
    }

    fn with_model(&self, work: impl FnOnce(&mut ModelState)) {
        if let Some(model) = &mut self.exchange.lock().model {
            work(model);
        }
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.exchange.facts.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
