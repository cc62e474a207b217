//! The dialects of the vendors: which there are, and what each can do.
//!
//! A dialect's folder has the same parts: `request` reads a client's call and writes one for a provider, `answer` reads and writes a
//! whole answer, `stream` one in pieces, `error` an error. What one dialect can say and another cannot is in
//! `docs/models.md`, and a test of each pair holds it.

pub mod anthropic;
pub mod bedrock;
mod claude;
pub mod gemini;
mod hosted;
pub mod openai;
pub mod responses;
#[cfg(test)]
pub(crate) mod testing;
mod waiting;

use std::borrow::Cow;

use bytes::Bytes;

use crate::answer::{Answer, Event};
use crate::call::{Call, Operation};
use crate::error::{Broken, CallError, NoCounterpart, ProviderError};
use crate::json::{Document, JsonError};

/// What a client or a provider speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dialect {
    /// Chat completions and embeddings.
    OpenAi,
    OpenAiResponses,
    Anthropic,
    Gemini,
    /// Converse; of providers only.
    Bedrock,
}

/// Whose models: what one signed, only it can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    OpenAi,
    Anthropic,
    Gemini,
}

/// How a provider is spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Wire {
    OpenAi,
    OpenAiResponses,
    /// OpenAI's chat completions and embeddings below `/openai/deployments/{model}`, or below `/openai/v1` where there is no version.
    Azure {
        api_version: Option<String>,
    },
    /// OpenAI's responses below `/openai/v1`, where Azure has them.
    AzureResponses,
    Anthropic,
    Gemini,
    Bedrock,
}

/// A request for a provider, without credentials and without what the transport adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Behind the provider's base path; percent-encoded, begins with `/`.
    pub path: String,
    /// Without `?`.
    pub query: Option<String>,
    /// Besides `content-type: application/json`.
    pub fields: Vec<(&'static str, String)>,
    pub body: Bytes,
}

/// The model that a call goes to.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The provider's name for it.
    pub model: &'a str,
    /// What stands in for a limit of output tokens where the client gave none and the dialect demands one.
    pub output_tokens_default: u64,
}

/// Reads a provider's stream, whatever the pieces in which it comes.
pub trait ReadStream: Send {
    /// Adds the events that these bytes complete.
    fn push(&mut self, bytes: &[u8], events: &mut Vec<Event>) -> Result<(), Broken>;

    /// The provider's bytes are over. Fails if the dialect's own end was not among them: such a stream was cut.
    fn end(&mut self, events: &mut Vec<Event>) -> Result<(), Broken>;
}

/// Writes a stream for a client.
pub trait WriteStream: Send {
    /// Adds the bytes that this event brings; none where the dialect has no such thing in a stream.
    /// After [`Event::Error`] or [`Event::Done`] nothing more is written.
    fn write(&mut self, event: &Event, out: &mut Vec<u8>);
}

impl Dialect {
    /// The contract's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Dialect::OpenAi => "openai-chat",
            Dialect::OpenAiResponses => "openai-responses",
            Dialect::Anthropic => "anthropic-messages",
            Dialect::Gemini => "gemini",
            Dialect::Bedrock => "bedrock",
        }
    }

    pub fn family(self) -> Family {
        match self {
            Dialect::OpenAi | Dialect::OpenAiResponses => Family::OpenAi,
            Dialect::Anthropic | Dialect::Bedrock => Family::Anthropic,
            Dialect::Gemini => Family::Gemini,
        }
    }
}

impl Wire {
    pub fn dialect(&self) -> Dialect {
        match self {
            Wire::OpenAi | Wire::Azure { .. } => Dialect::OpenAi,
            Wire::OpenAiResponses | Wire::AzureResponses => Dialect::OpenAiResponses,
            Wire::Anthropic => Dialect::Anthropic,
            Wire::Gemini => Dialect::Gemini,
            Wire::Bedrock => Dialect::Bedrock,
        }
    }
}

/// What the path of a client's request says: Gemini names model and manner there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub dialect: Dialect,
    pub operation: Operation,
    /// None: the body names it.
    pub model: Option<String>,
    /// None: the body says it.
    pub streamed: Option<bool>,
    /// As [`Call::as_array`].
    pub as_array: bool,
}

/// A failed result of a tool in a dialect without a mark of it: its text says so, unless it does already.
fn said_to_be_error(text: &str) -> Cow<'static, str> {
    match text.get(..5).is_some_and(|begins| begins.eq_ignore_ascii_case("error")) {
        true => Cow::Owned(text.to_owned()),
        false => Cow::Owned(format!("Error: {text}")),
    }
}

/// Reads a client's request.
pub fn read_call(asked: &Asked, body: Bytes) -> Result<Call, CallError> {
    let document = Document::parse(body).map_err(|error| not_json(&error))?;
    match asked.dialect {
        Dialect::OpenAi => openai::read_call(asked, &document),
        Dialect::OpenAiResponses => responses::read_call(asked, &document),
        Dialect::Anthropic => anthropic::read_call(asked, &document),
        Dialect::Gemini => gemini::read_call(asked, &document),
        Dialect::Bedrock => Err(CallError::new("", "No client speaks Bedrock's dialect to this gateway.")),
    }
}

fn not_json(error: &JsonError) -> CallError {
    CallError::new("", format!("The body cannot be read as JSON: {error}."))
}

/// Writes a call for a provider. Towards its own dialect the client's bytes go on, but for what must be another.
pub fn write_call(call: &Call, wire: &Wire, target: Target<'_>) -> Result<Outgoing, NoCounterpart> {
    if let Some(why) = call.stateful.as_ref().filter(|_| wire.dialect() != call.dialect) {
        return Err(NoCounterpart::new(why.clone()));
    }
    match wire {
        Wire::OpenAi => openai::write_call(call, target),
        Wire::Azure { api_version } => openai::write_azure_call(call, target, api_version.as_deref()),
        Wire::OpenAiResponses => responses::write_call(call, target, "/responses"),
        Wire::AzureResponses => responses::write_call(call, target, "/openai/v1/responses"),
        Wire::Anthropic => anthropic::write_call(call, target),
        Wire::Gemini => gemini::write_call(call, target),
        Wire::Bedrock => bedrock::write_call(call, target),
    }
}

/// Reads a provider's answer with a good status that does not stream.
pub fn read_answer(dialect: Dialect, operation: Operation, body: &Bytes) -> Result<Vec<Event>, Broken> {
    match dialect {
        Dialect::OpenAi => openai::read_answer(operation, body),
        Dialect::OpenAiResponses => responses::read_answer(operation, body),
        Dialect::Anthropic => anthropic::read_answer(operation, body),
        Dialect::Gemini => gemini::read_answer(operation, body),
        Dialect::Bedrock => bedrock::read_answer(operation, body),
    }
}

/// Reads a provider's stream.
pub fn read_stream(dialect: Dialect) -> Box<dyn ReadStream> {
    match dialect {
        Dialect::OpenAi => Box::new(openai::StreamReader::default()),
        Dialect::OpenAiResponses => Box::new(responses::StreamReader::default()),
        Dialect::Anthropic => Box::new(anthropic::StreamReader::default()),
        Dialect::Gemini => Box::new(gemini::StreamReader::default()),
        Dialect::Bedrock => Box::new(bedrock::StreamReader::default()),
    }
}

/// Writes a whole answer for the client that made this call. `model` is the name that the client knows.
pub fn write_answer(call: &Call, answer: &Answer) -> Vec<u8> {
    match call.dialect {
        Dialect::OpenAi => openai::write_answer(call, answer),
        Dialect::OpenAiResponses => responses::write_answer(call, answer),
        Dialect::Anthropic => anthropic::write_answer(call, answer),
        Dialect::Gemini | Dialect::Bedrock => gemini::write_answer(call, answer),
    }
}

/// Writes a stream for the client that made this call. `id` names the answer where the provider does not.
pub fn write_stream(call: &Call) -> Box<dyn WriteStream> {
    match call.dialect {
        Dialect::OpenAi => Box::new(openai::StreamWriter::new(call)),
        Dialect::OpenAiResponses => Box::new(responses::StreamWriter::new(call)),
        Dialect::Anthropic => Box::new(anthropic::StreamWriter::new(call)),
        Dialect::Gemini | Dialect::Bedrock if call.as_array => Box::new(gemini::StreamWriter::array(call)),
        Dialect::Gemini | Dialect::Bedrock => Box::new(gemini::StreamWriter::new(call)),
    }
}

/// Reads a provider's error: an answer with a status of 400 or more, whatever its body holds.
pub fn read_error(dialect: Dialect, status: u16, body: &[u8]) -> ProviderError {
    match dialect {
        Dialect::OpenAi | Dialect::OpenAiResponses => openai::read_error(status, body),
        Dialect::Anthropic => anthropic::read_error(status, body),
        Dialect::Gemini => gemini::read_error(status, body),
        Dialect::Bedrock => bedrock::read_error(status, body),
    }
}
