//! A model's part in an exchange that a plugin is driven through: the call, one attempt after another, the answer's text.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use sluicegate_llm::{Asked, Endpoint, dialect};
use sluicegate_runtime::model::{Attempt, Editable, ModelCall, ModelState, Written};
use sluicegate_runtime::{Call, Delta, State, Verdict};

use crate::chain::{SharedDraft, hints};
use crate::config::TestRequest;

/// What came of a model's call.
#[derive(Debug, Default)]
pub struct ModelOutcome {
    /// The model that is called once plugins have seen the call.
    pub model: String,
    /// As the client sent them.
    pub texts_before: Vec<String>,
    /// As the last attempt sends them, or as `call` left them.
    pub texts: Vec<String>,
    /// The number of the target that was not skipped.
    pub target: Option<u32>,
    /// Number and reason of each that was.
    pub skipped: Vec<(u32, String)>,
    /// What the client gets of the first choice, and why it ends; none where there is no answer.
    pub text: Option<String>,
    pub end: Option<String>,
    /// The plugin wrote the answer.
    pub is_written: bool,
}

/// The way through the phases of a model.
pub struct ModelWalk {
    asked: Asked,
    /// As the phase `call` left it.
    call: Option<Box<dyn ModelCall>>,
    untried: VecDeque<u32>,
    /// The exchange has targets, and one of them must be found.
    has_targets: bool,
    deltas: VecDeque<Delta>,
    pub outcome: ModelOutcome,
}

impl ModelWalk {
    /// None for what is no call of a model. `is_for_models`: the plugin has a phase that only such a call has.
    pub fn new(request: &TestRequest, is_for_models: bool) -> Option<ModelWalk> {
        let hints = hints(&request.headers, request.query.as_deref());
        let Endpoint::Call(asked) = Endpoint::of(request.method.as_str(), &request.path, hints) else { return None };
        let is_call = is_for_models || dialect::read_call(&asked, request.body.clone()).is_ok();
        is_call.then(|| ModelWalk {
            asked,
            call: None,
            untried: VecDeque::new(),
            has_targets: false,
            deltas: VecDeque::new(),
            outcome: ModelOutcome::default(),
        })
    }

    /// Reads the call from the body as the phase `body` left it.
    ///
    /// # Errors
    /// Why it is none, in a sentence that begins with "it".
    pub fn begin(&mut self, state: &mut State, body: &Bytes) -> Result<(), String> {
        let call = dialect::read_call(&self.asked, body.clone())
            .map_err(|error| format!("it was sent a body that is no call of a model: {}", error.message))?;
        let draft = SharedDraft::new(self.asked.clone(), Arc::new(call));
        let mut model = ModelState::new(Box::new(draft));
        model.editable = Editable::Call;
        self.outcome.texts_before = texts(model.call.as_ref());
        state.model = Some(Box::new(model));
        Ok(())
    }

    /// Behind `call`: what it left is what each attempt begins with.
    pub fn end_call(&mut self, state: &mut State) {
        if let Some(model) = &mut state.model {
            model.editable = Editable::Nothing;
            self.call = Some(model.call.copy());
        }
    }

    /// The targets to try, in their order. A plugin that `looks` is asked about each.
    pub fn plan(&mut self, order: &[u32], looks: bool) {
        self.has_targets = true;
        self.untried = order.iter().copied().collect();
        if !looks {
            self.outcome.target = self.untried.pop_front();
            self.untried.clear();
        }
    }

    /// The answer of the target, in pieces. A plugin that `looks` is shown each.
    pub fn answer(&mut self, pieces: &[String], looks: bool) {
        self.outcome.text = Some(String::new());
        for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
            match looks {
                true => self.deltas.push_back(Delta::Text { choice: 0, text: piece.as_str().into() }),
                false => self.deliver(piece),
            }
        }
        match looks {
            true => self.deltas.push_back(Delta::End { choice: 0, reason: STOP }),
            false => self.outcome.end = Some(STOP.to_owned()),
        }
    }

    /// The next attempt or piece.
    pub fn next(&mut self, state: &mut State) -> Option<Call> {
        let model = state.model.as_mut()?;
        if let Some(target) = self.untried.pop_front() {
            model.call = self.call.as_ref()?.copy();
            model.upstream = state.request.headers.clone();
            model.attempts.push(Attempt { target, ..Attempt::default() });
            model.editable = Editable::Attempt;
            return Some(Call::Attempt);
        }
        self.deltas.pop_front().map(Call::Delta)
    }

    /// What the plugin made of the call that came last.
    pub fn record(&mut self, state: &mut State, call: &Call, verdict: &Verdict) {
        let Some(model) = &mut state.model else { return };
        model.editable = Editable::Nothing;
        match (call, verdict) {
            (Call::Model, Verdict::Written) => self.take_written(&model.written),
            (Call::Attempt, verdict) => {
                let Some(attempt) = model.attempts.last_mut() else { return };
                match verdict {
                    Verdict::Skip(reason) => {
                        (attempt.ended, attempt.reason) = ("skipped", reason.as_ref().clone());
                        self.outcome.skipped.push((attempt.target, reason.as_ref().clone()));
                    }
                    Verdict::Reject(_) => {}
                    _ => {
                        attempt.ended = "answered";
                        self.outcome.target = Some(attempt.target);
                        self.untried.clear();
                    }
                }
            }
            (Call::Delta(delta), verdict) => self.take_delta(delta, verdict),
            _ => {}
        }
    }

    fn take_delta(&mut self, delta: &Delta, verdict: &Verdict) {
        match (delta, verdict) {
            (Delta::Text { .. } | Delta::End { .. }, Verdict::ReplaceText(text)) => self.deliver(text),
            (Delta::Text { text, .. }, Verdict::Proceed) => self.deliver(text),
            (_, Verdict::Stop(reason)) => self.outcome.end = Some((*reason).to_string()),
            _ => {}
        }
        let is_over = matches!(verdict, Verdict::Stop(_) | Verdict::Reject(_));
        if is_over {
            self.deltas.clear();
        } else if let Delta::End { reason, .. } = delta {
            self.outcome.end = Some((*reason).to_owned());
        }
    }

    fn take_written(&mut self, written: &[Written]) {
        self.outcome.is_written = true;
        self.outcome.text = Some(String::new());
        self.outcome.end = Some(STOP.to_owned());
        for piece in written {
            match piece {
                Written::Text { choice: 0, text } => self.deliver(text),
                Written::End { choice: 0, reason } => self.outcome.end = Some(reason.clone()),
                _ => {}
            }
        }
    }

    fn deliver(&mut self, text: &str) {
        self.outcome.text.get_or_insert_default().push_str(text);
    }

    /// All targets were left out, so that nobody answers.
    pub fn has_nobody(&self) -> bool {
        self.has_targets && self.outcome.target.is_none()
    }

    /// At the end of the exchange.
    pub fn finish(mut self, state: &State) -> ModelOutcome {
        if let Some(model) = &state.model {
            self.outcome.model = model.call.model();
            self.outcome.texts = texts(model.call.as_ref());
        }
        self.outcome
    }
}

/// How an answer ends that has all been said.
const STOP: &str = "stop";

fn texts(call: &dyn ModelCall) -> Vec<String> {
    let reading = call.read("", "");
    let mut start = 0;
    let mut text = |end: u32| {
        let end = usize::try_from(end).unwrap_or(usize::MAX);
        let text = reading.text.get(start..end).unwrap_or_default().to_owned();
        start = end;
        text
    };
    reading.ends.iter().map(|end| text(*end)).collect()
}
