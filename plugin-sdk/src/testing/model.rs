//! What a scripted exchange holds of a model: the call, its attempts, what the answer has used, and what a policy wrote.

use std::collections::BTreeMap;

use super::exchange::Exchange;
use super::message::Fields;
use super::model_call::ModelCall;

pub(super) struct Model {
    /// As the phase `call` left it: what each attempt begins with.
    pub(super) asked: ModelCall,
    /// Of the exchange, or of the attempt that is under way or was made last.
    pub(super) call: ModelCall,
    /// The head that goes to the target of the attempt.
    pub(super) upstream: Fields,
    /// Each with the milliseconds that it still rests.
    pub(super) credentials: Vec<(String, u64)>,
    pub(super) chosen: Option<String>,
    pub(super) attempts: Vec<Attempt>,
    pub(super) usage: BTreeMap<String, u64>,
    pub(super) usage_raw: Option<String>,
    pub(super) written: Vec<Written>,
}

#[derive(Default)]
pub(super) struct Attempt {
    pub(super) target: u32,
    pub(super) ended: String,
    pub(super) reason: String,
    pub(super) figures: BTreeMap<String, u64>,
}

/// A piece of an answer that a policy wrote with [`model_answer`](crate::model_answer).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    Text { choice: u32, text: String },
    ToolCall { choice: u32, tool: String, arguments: String },
    End { choice: u32, reason: String },
}

impl Exchange {
    /// A call of a language model, sent by POST to the path of its dialect.
    pub fn model_call(call: ModelCall) -> Exchange {
        let mut exchange = Exchange::new("POST", &call.path());
        exchange.model = Some(Box::new(Model {
            asked: call.clone(),
            call,
            upstream: Fields::default(),
            credentials: Vec::new(),
            chosen: None,
            attempts: Vec::new(),
            usage: BTreeMap::new(),
            usage_raw: None,
            written: Vec::new(),
        }));
        exchange
    }

    /// A credential of the targets that the policy may choose, and the milliseconds that it still rests.
    pub fn credential(mut self, name: &str, rests_ms: u64) -> Exchange {
        self.model_mut().credentials.push((name.to_owned(), rests_ms));
        self
    }

    /// The targets that can serve a feature; all of them unless given.
    pub fn capable<const N: usize>(mut self, feature: &str, targets: [&str; N]) -> Exchange {
        let numbers = targets.map(|name| self.target_number(name));
        self.capable.insert(feature.to_owned(), numbers.into());
        self
    }

    /// What became of the attempt that was made last: `answered`, `refused`, `unreachable`, `timed-out` or `cut`, with figures such
    /// as `status`.
    pub fn attempt_ended<const N: usize>(&mut self, ended: &str, figures: [(&str, u64); N]) {
        let attempt = self.model_mut().attempts.last_mut();
        let attempt = attempt.unwrap_or_else(|| panic!("no attempt was made yet"));
        ended.clone_into(&mut attempt.ended);
        attempt.figures.extend(figures.map(|(name, figure)| (name.to_owned(), figure)));
    }

    /// The provider reports what it has used so far, such as `output-tokens`; then hand it to
    /// [`delta_usage`](super::Configured::delta_usage).
    pub fn used<const N: usize>(&mut self, figures: [(&str, u64); N]) {
        let figures = figures.map(|(name, figure)| (name.to_owned(), figure));
        let model = self.model_mut();
        model.usage.extend(figures.clone());
        if let Some(attempt) = model.attempts.last_mut() {
            attempt.figures.extend(figures);
        }
    }

    /// What the provider itself calls its usage, as JSON.
    pub fn used_raw(&mut self, json: &str) {
        self.model_mut().usage_raw = Some(json.to_owned());
    }

    /// The call as it stands: of the exchange, or of the attempt that was made last.
    ///
    /// # Panics
    /// If the exchange is no call of a model. So do the other functions for models.
    pub fn call(&self) -> &ModelCall {
        &self.model_ref().call
    }

    /// What the policy has written as the answer.
    pub fn written(&self) -> &[Written] {
        &self.model_ref().written
    }

    /// The text of the first choice that the policy has written as the answer.
    pub fn written_text(&self) -> String {
        let text = |written: &Written| match written {
            Written::Text { choice: 0, text } => Some(text.clone()),
            _ => None,
        };
        self.written().iter().filter_map(text).collect()
    }

    /// The first value of a field in the head that the last attempt sends.
    pub fn upstream_header(&self, name: &str) -> Option<String> {
        self.model_ref().upstream.in_clear(name).next().map(|value| String::from_utf8_lossy(value).into_owned())
    }

    /// The credential that the policy chose for the last attempt.
    pub fn chosen_credential(&self) -> Option<&str> {
        self.model_ref().chosen.as_deref()
    }

    /// Begins an attempt at this target, with a copy of the call and of the head.
    pub(super) fn begin_attempt(&mut self, target: &str) {
        let attempt = Attempt { target: self.target_number(target), ..Attempt::default() };
        let head = self.request.fields.without_credentials();
        let model = self.model_mut();
        model.call = model.asked.clone();
        model.upstream = head;
        model.chosen = None;
        model.attempts.push(attempt);
    }

    pub(super) fn target_number(&self, name: &str) -> u32 {
        let numbered = self.targets.iter().zip(0..);
        let number = numbered.filter(|(known, _)| *known == name).map(|(_, number)| number).next();
        number.unwrap_or_else(|| panic!("the exchange has no target {name:?}: name it with Exchange::targets before"))
    }

    pub(super) fn model_mut(&mut self) -> &mut Model {
        self.model.as_mut().unwrap_or_else(|| panic!("{NO_MODEL}"))
    }

    fn model_ref(&self) -> &Model {
        self.model.as_ref().unwrap_or_else(|| panic!("{NO_MODEL}"))
    }
}

const NO_MODEL: &str = "the exchange is no call of a model: make it with Exchange::model_call";
