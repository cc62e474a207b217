//! An answer in no dialect, made up once for all of them.

use serde::Serialize;

use crate::model::tools::{Call, calls};
use crate::model::{Model, REFUSAL, draw::Fingerprint, sample::sample, story};
use crate::question::{Form, Question, Reasoning, Role};
use crate::tokens;

mod pieces;

pub use pieces::{Encoder, Event, Piece, events};

/// Nobody is thought for longer, whatever a request asks.
pub const REASONING_TOKENS_MAX: u64 = 20_000;

#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Same question, same number.
    pub fingerprint: u64,
    pub model: Model,
    pub choices: Vec<Choice>,
    pub usage: Usage,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// What was thought before; empty if nothing.
    pub reasoning: String,
    pub text: String,
    pub calls: Vec<Call>,
    /// The text says no, also where it is cut short.
    pub refused: bool,
    pub finish: Finish,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finish {
    /// Everything is said.
    Stop,
    /// This stop string was met; it is not part of the text.
    StopString(String),
    /// The limit of tokens was met first.
    Length,
    /// Tools are called.
    Calls,
    /// The text says no.
    Refusal,
}

/// The tokens of all choices together, as the provider counts them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// All of the input, with what the cache had and got.
    pub input: u64,
    pub cache_read: u64,
    pub cache_write: u64,
    /// All of the output, with reasoning.
    pub output: u64,
    pub reasoning: u64,
}

impl Question {
    pub fn answer(&self) -> Answer {
        let fingerprint = self.fingerprint();
        let number = |index: u32| Fingerprint::new().number(fingerprint).number(u64::from(index)).finish();
        let seed = |index| if index == 0 { fingerprint } else { number(index) };
        let choices: Vec<Choice> = (0..self.choices).map(|index| self.choice(seed(index))).collect();
        let input = self.input();
        let usage = Usage {
            input: input.tokens,
            cache_read: input.cache_read,
            cache_write: input.cache_write,
            output: choices.iter().map(Choice::tokens).sum(),
            reasoning: choices.iter().map(|choice| tokens::count(&choice.reasoning)).sum(),
        };
        Answer { fingerprint, model: self.model, choices, usage }
    }

    fn choice(&self, seed: u64) -> Choice {
        let refused = self.model == Model::Refuse;
        let (text, calls) = (String::new(), Vec::new());
        let mut choice = Choice { reasoning: self.reasoning(seed), text, calls, refused, finish: Finish::Stop };
        if refused {
            choice.text = REFUSAL.to_owned();
            choice.finish = Finish::Refusal;
        } else {
            choice.calls = self.calls(seed);
            choice.text = self.text(seed, &choice.calls);
            choice.stop_at(&self.stop);
            if !choice.calls.is_empty() {
                choice.finish = Finish::Calls;
            }
        }
        if let Some(tokens_max) = self.output_tokens_max {
            choice.cut_to(tokens_max);
        }
        choice
    }

    fn reasoning(&self, seed: u64) -> String {
        let (words, tokens_max) = match (self.asked.reasoning_tokens, self.reasoning) {
            // Each word costs at least one token.
            (Some(tokens), _) => (tokens.min(REASONING_TOKENS_MAX) as usize, tokens.min(REASONING_TOKENS_MAX)),
            (None, Reasoning::On { words, tokens_max }) if self.model.reasons() => (words, tokens_max),
            (None, _) => return String::new(),
        };
        let mut text = story::story(words, !seed);
        text.truncate(bytes_of(&text, tokens_max));
        text
    }

    fn calls(&self, seed: u64) -> Vec<Call> {
        // Results are an answer to the user's last text, which is not to be acted on again.
        let user_text = match self.last_results() {
            Some(_) => None,
            None => self.turns.last().filter(|turn| turn.role != Role::Assistant).map(|_| self.last_user_text()),
        };
        calls(&self.tools, &self.tool_choice, self.parallel_calls, user_text.as_deref(), seed)
    }

    fn text(&self, seed: u64, calls: &[Call]) -> String {
        match (&self.form, self.model) {
            (_, Model::Story) if !calls.is_empty() => story::story(story::words_wanted(&self.last_user_text()), seed),
            (_, _) if !calls.is_empty() => String::new(),
            (Form::Schema(schema), _) => sample(schema, seed).to_string(),
            (Form::Json, _) => serde_json::json!({ "answer": self.plain_text(seed) }).to_string(),
            (Form::Text, _) => self.plain_text(seed),
        }
    }

    fn plain_text(&self, seed: u64) -> String {
        match self.model {
            Model::Story => story::story(story::words_wanted(&self.last_user_text()), seed),
            _ => self.last_results().unwrap_or_else(|| self.last_user_text()),
        }
    }
}

impl Choice {
    pub fn tokens(&self) -> u64 {
        let calls: u64 = self.calls.iter().map(call_tokens).sum();
        tokens::count(&self.reasoning) + tokens::count(&self.text) + calls
    }

    fn stop_at(&mut self, stop: &[String]) {
        let found =
            stop.iter().filter(|stop| !stop.is_empty()).filter_map(|stop| Some((self.text.find(stop.as_str())?, stop)));
        if let Some((position, stop)) = found.min_by_key(|(position, _)| *position) {
            self.text.truncate(position);
            self.calls.clear();
            self.finish = Finish::StopString(stop.clone());
        }
    }

    /// Reasoning, text and calls share the limit in this order; a call that does not fit is left out as a whole.
    fn cut_to(&mut self, tokens_max: u64) {
        let mut left = tokens_max;
        for text in [&mut self.reasoning, &mut self.text] {
            let kept = bytes_of(text, left);
            if kept < text.len() {
                text.truncate(kept);
                self.finish = Finish::Length;
            }
            left -= tokens::count(text);
        }
        let mut fitting = 0;
        for call in &self.calls {
            let Some(rest) = left.checked_sub(call_tokens(call)) else { break };
            left = rest;
            fitting += 1;
        }
        if fitting < self.calls.len() {
            self.calls.truncate(fitting);
            self.finish = Finish::Length;
        }
    }
}

pub fn call_tokens(call: &Call) -> u64 {
    tokens::count(&call.name) + tokens::count(&call.arguments.to_string())
}

fn bytes_of(text: &str, tokens_max: u64) -> usize {
    tokens::split(text).take(usize::try_from(tokens_max).unwrap_or(usize::MAX)).map(str::len).sum()
}

#[cfg(test)]
mod tests;
