//! A language model's call and answer as plugins see them. What stands behind belongs to the host; here is what plugins may ask.

use std::sync::Arc;

use http::HeaderMap;

pub use crate::bindings::host::edits::EditError;
pub use crate::bindings::host::model_call::Reading;

/// A call that can be read and edited: the contract's `model-call`, word for word. What is asked for is known at once.
pub trait ModelCall: Send {
    fn operation(&self) -> &'static str;
    fn dialect(&self) -> &'static str;
    fn streamed(&self) -> bool;
    fn model(&self) -> String;
    fn set_model(&mut self, model: &str) -> Result<(), EditError>;
    fn has(&self, feature: &str) -> bool;
    fn number(&self, name: &str) -> Option<f64>;
    fn set_number(&mut self, name: &str, value: Option<f64>) -> Result<(), EditError>;
    fn word(&self, name: &str) -> Option<String>;
    fn set_word(&mut self, name: &str, value: Option<&str>) -> Result<(), EditError>;
    fn read(&self, role: &str, place: &str) -> Reading;
    fn text_bytes(&self) -> u64;
    fn role(&self, segment: u32) -> Option<String>;
    fn place(&self, segment: u32) -> Option<String>;
    fn tool(&self, segment: u32) -> Option<String>;
    fn rewrite(&mut self, segment: u32, text: &str) -> Result<(), EditError>;
    fn insert(&mut self, role: &str, text: &str, before: Option<u32>) -> Result<u32, EditError>;
    fn remove(&mut self, segment: u32) -> Result<(), EditError>;
    /// Another one with its edits so far, on which further ones do not touch this one.
    fn copy(&self) -> Box<dyn ModelCall>;
}

/// A model's part in an exchange.
pub struct ModelState {
    /// Of the exchange, or of the attempt that is under way or was sent last.
    pub call: Box<dyn ModelCall>,
    /// What plugins may change now.
    pub editable: Editable,
    /// The head that goes to the target of the attempt under way.
    pub upstream: HeaderMap,
    pub credentials: Credentials,
    pub attempts: Vec<Attempt>,
    pub usage: ModelUsage,
    /// What plugins wrote as the answer.
    pub written: Vec<Written>,
    pub(crate) written_bytes: usize,
    /// How often the call was changed.
    pub(crate) edits: u64,
}

/// What plugins may change of a model's part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Editable {
    Nothing,
    /// The call, its model included, and the answer that may be written.
    Call,
    /// The copy for one target, the head that goes there and the credential.
    Attempt,
}

/// The credentials of the target that is tried.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// Each with the milliseconds that it still rests.
    pub names: Vec<(String, u64)>,
    pub chosen: Option<String>,
}

/// One attempt, as far as it has come. Texts are empty, and figures none, where nothing is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attempt {
    /// The candidate's number.
    pub target: u32,
    /// Milliseconds since the exchange began.
    pub began_ms: u64,
    pub ended: &'static str,
    pub reason: String,
    pub status: Option<u64>,
    pub retry_after_ms: Option<u64>,
    pub first_byte_ms: Option<u64>,
    pub duration_ms: Option<u64>,
    pub usage: ModelUsage,
}

/// What an answer has used: tokens, and what they cost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelUsage {
    pub input_tokens: Option<u64>,
    pub cache_read_tokens: Option<u64>,
    pub cache_write_tokens: Option<u64>,
    pub output_tokens: Option<u64>,
    pub reasoning_tokens: Option<u64>,
    pub cost_nano_usd: Option<u64>,
    /// The vendor's own figures as JSON.
    pub raw: Option<Arc<str>>,
}

/// A piece of an answer that a plugin wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    Text { choice: u32, text: String },
    ToolCall { choice: u32, tool: String, arguments: String },
    End { choice: u32, reason: String },
}

impl ModelState {
    pub fn new(call: Box<dyn ModelCall>) -> ModelState {
        ModelState {
            call,
            editable: Editable::Nothing,
            upstream: HeaderMap::new(),
            credentials: Credentials::default(),
            attempts: Vec::new(),
            usage: ModelUsage::default(),
            written: Vec::new(),
            written_bytes: 0,
            edits: 0,
        }
    }
}

impl ModelState {
    /// What was written as an answer is none.
    pub fn forget_written(&mut self) {
        self.written.clear();
        self.written_bytes = 0;
    }
}

/// For a plugin whose changes nobody else sees.
impl Clone for ModelState {
    fn clone(&self) -> ModelState {
        ModelState {
            call: self.call.copy(),
            editable: self.editable,
            upstream: self.upstream.clone(),
            credentials: self.credentials.clone(),
            attempts: self.attempts.clone(),
            usage: self.usage.clone(),
            written: self.written.clone(),
            written_bytes: self.written_bytes,
            edits: self.edits,
        }
    }
}

impl ModelUsage {
    pub(crate) fn figure(&self, name: &str) -> Option<u64> {
        match name {
            "input-tokens" => self.input_tokens,
            "cache-read-tokens" => self.cache_read_tokens,
            "cache-write-tokens" => self.cache_write_tokens,
            "output-tokens" => self.output_tokens,
            "reasoning-tokens" => self.reasoning_tokens,
            "cost-nano-usd" => self.cost_nano_usd,
            _ => None,
        }
    }

    /// How the price was found.
    pub(crate) fn pricing(&self) -> &'static str {
        match (self.output_tokens, self.cost_nano_usd) {
            (None, _) => "missing",
            (Some(_), None) => "unpriced",
            (Some(_), Some(_)) => "exact",
        }
    }
}
