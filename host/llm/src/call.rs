//! A model call as the gateway understands it, whatever dialect it came in.
//!
//! What no field here stands for is kept in [`Call::source`]: towards a provider of the same dialect the client's own bytes go on,
//! spliced where something was changed. Towards another dialect, each dialect's reader names what it did not understand in
//! [`Call::foreign`], so that nothing is dropped in silence.

use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::dialect::{Dialect, Family};

/// One request of a client.
#[derive(Debug, Clone)]
pub struct Call {
    /// What the client speaks.
    pub dialect: Dialect,
    pub operation: Operation,
    /// As the client named it, in the body or in the path.
    pub model: String,
    /// Where the model's name stands in [`Call::source`], as a JSON string with its quotes. None where the path names it.
    pub model_span: Option<Range<usize>>,
    /// Whether the client wants the answer in pieces.
    pub streamed: bool,
    /// Whether the pieces are to be the elements of one JSON array, which Gemini has where nobody asks for server-sent events.
    pub as_array: bool,
    /// Whether a client that streams asked for the figures of usage where its dialect has them only on demand.
    pub usage_wanted: bool,
    /// Whether the client said that it wants to see what the model thinks, or does not.
    pub thoughts_wanted: Option<bool>,
    /// In the order of the conversation; the system's are where the client put them, those of a field of its own first.
    pub messages: Vec<Message>,
    pub tools: Vec<Tool>,
    pub tool_choice: Option<ToolChoice>,
    /// Whether the model may call several tools at once. None: as the provider does it.
    pub parallel_tools: Option<bool>,
    pub format: Option<Format>,
    pub parameters: Parameters,
    /// Texts to embed; empty for any other operation.
    pub embeddings: Vec<Embedding>,
    /// Members of the request that the call has no place for, and that would change the answer: JSON pointers such as `/logprobs`.
    /// Towards another dialect such a call is refused.
    pub foreign: Vec<String>,
    /// Keeps the call with a provider of this dialect, and says why: state that only it has, such as `previous_response_id`.
    pub stateful: Option<String>,
    /// The client's body as it came.
    pub source: Bytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    Chat,
    Embeddings,
    /// Only counts what the call would cost on the way in.
    CountTokens,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    pub role: Role,
    pub parts: Vec<Part>,
}

/// Results of tools are parts of a [`Role::Tool`] message, or of the user's, as the client's dialect has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    System,
    User,
    Assistant,
    Tool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    Text(Text),
    Image(Image),
    /// Of the assistant.
    ToolCall(ToolCall),
    ToolResult(ToolResult),
    /// Of the assistant, in an earlier answer.
    Thought(Thought),
    /// What the assistant said in place of an answer.
    Refusal(Text),
}

/// Text, and where it stands in [`Call::source`]: as a JSON string with its quotes, or as the JSON that the text is, where a result of
/// a tool is an object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text {
    pub text: String,
    pub span: Option<Range<usize>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub source: ImageSource,
    /// `low`, `high`, `auto`, where the client said so.
    pub detail: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageSource {
    /// `https:` or another scheme that a provider fetches.
    Address(String),
    /// `media_type` such as `image/png`; `data` as base64 with the standard alphabet.
    Inline { media_type: String, data: String },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// Empty where the dialect has none.
    pub id: String,
    pub name: String,
    /// JSON text of an object; empty where the client sent an empty text.
    pub arguments: String,
    /// Of the arguments in [`Call::source`]: of a JSON string with its quotes, or of the object itself.
    pub span: Option<Range<usize>>,
    /// A provider's own sign on the call, which only it can read (Gemini's `thoughtSignature`), and whose it is.
    pub signature: Option<(Family, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolResult {
    /// Of the call that it answers; empty where the dialect has none.
    pub id: String,
    /// Of the tool; empty where the dialect does not say it. [`Call::tool_names`] finds it by the id.
    pub name: String,
    pub content: Vec<ResultPart>,
    pub is_error: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResultPart {
    Text(Text),
    Image(Image),
}

/// Never rewritten: most are signed. Only a provider of the family that made it gets it back; others are not told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thought {
    pub family: Family,
    /// The block or item as the vendor wrote it, as JSON text.
    pub raw: String,
}

#[derive(Debug, Clone)]
pub struct Tool {
    pub name: String,
    pub description: Option<Text>,
    /// A JSON schema, byte for byte as the client wrote it. None: the tool takes nothing.
    pub schema: Option<Box<RawValue>>,
    /// Whether arguments must fit the schema. None: as the provider does it.
    pub strict: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolChoice {
    Auto,
    None,
    /// Any of them, but one.
    Required,
    Named(String),
}

/// What form the answer must have.
#[derive(Debug, Clone)]
pub enum Format {
    Text,
    /// Any JSON object.
    Json,
    Schema {
        name: String,
        description: Option<String>,
        schema: Box<RawValue>,
        strict: Option<bool>,
    },
}

/// None: as the provider does it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parameters {
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub top_k: Option<u64>,
    pub max_output_tokens: Option<u64>,
    pub stop: Vec<String>,
    pub seed: Option<i64>,
    /// How many answers; None is one.
    pub choices: Option<u32>,
    pub presence_penalty: Option<f64>,
    pub frequency_penalty: Option<f64>,
    pub reasoning: Option<Reasoning>,
    /// The client's name for its own user.
    pub end_user: Option<Text>,
    /// Another name for the same user, where the client sends both. No other dialect has a place for it.
    pub end_user_again: Option<Text>,
    pub service_tier: Option<String>,
    /// Of an embedding.
    pub dimensions: Option<u64>,
    /// Whether vectors are wanted as base64 of little-endian `f32`.
    pub base64_vectors: bool,
}

/// How long a model may think.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reasoning {
    Off,
    Effort(Effort),
    /// At most so many tokens.
    Budget(u64),
    /// As long as the model finds right.
    Adaptive,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    Minimal,
    Low,
    Medium,
    High,
    /// `xhigh`.
    ExtraHigh,
    /// `max`.
    Highest,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Embedding {
    Text(Text),
    /// Tokens of the vendor's own.
    Tokens(Vec<u64>),
}

impl Text {
    /// Of a string that the source has at this span.
    pub fn at(text: impl Into<String>, span: Range<usize>) -> Text {
        Text { text: text.into(), span: Some(span) }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        Text { text: text.to_owned(), span: None }
    }
}

impl Effort {
    pub const ALL: [Effort; 6] =
        [Effort::Minimal, Effort::Low, Effort::Medium, Effort::High, Effort::ExtraHigh, Effort::Highest];

    /// OpenAI's word, which is also the contract's.
    pub fn as_str(self) -> &'static str {
        match self {
            Effort::Minimal => "minimal",
            Effort::Low => "low",
            Effort::Medium => "medium",
            Effort::High => "high",
            Effort::ExtraHigh => "xhigh",
            Effort::Highest => "max",
        }
    }

    /// By that word.
    pub fn from_name(name: &str) -> Option<Effort> {
        Effort::ALL.into_iter().find(|effort| effort.as_str() == name)
    }

    /// Tokens of thinking that stand for it with a vendor who counts them. The steps double, as the vendors' own defaults roughly do.
    pub fn budget_tokens(self) -> u64 {
        match self {
            Effort::Minimal => 1_024,
            Effort::Low => 2_048,
            Effort::Medium => 8_192,
            Effort::High => 16_384,
            Effort::ExtraHigh => 32_768,
            Effort::Highest => 65_536,
        }
    }

    /// The nearest step that is not below the budget.
    pub fn of_budget(tokens: u64) -> Effort {
        Effort::ALL.into_iter().find(|effort| tokens <= effort.budget_tokens()).unwrap_or(Effort::Highest)
    }
}

impl Call {
    /// A chat of which nothing is known yet but where it comes from.
    pub fn new(dialect: Dialect, operation: Operation, source: Bytes) -> Call {
        Call {
            dialect,
            operation,
            model: String::new(),
            model_span: None,
            streamed: false,
            as_array: false,
            usage_wanted: false,
            thoughts_wanted: None,
            messages: Vec::new(),
            tools: Vec::new(),
            tool_choice: None,
            parallel_tools: None,
            format: None,
            parameters: Parameters::default(),
            embeddings: Vec::new(),
            foreign: Vec::new(),
            stateful: None,
            source,
        }
    }

    /// The tools that calls named, by the ids of the calls, for dialects whose results say the name. The last of several with one id
    /// counts.
    pub fn tool_names(&self) -> HashMap<&str, &str> {
        let parts = self.messages.iter().flat_map(|message| &message.parts);
        let calls = parts.filter_map(|part| match part {
            Part::ToolCall(call) => Some((call.id.as_str(), call.name.as_str())),
            _ => None,
        });
        calls.collect()
    }

    /// Whether any part is an image.
    pub fn has_images(&self) -> bool {
        self.messages.iter().flat_map(|message| &message.parts).any(|part| match part {
            Part::Image(_) => true,
            Part::ToolResult(result) => result.content.iter().any(|part| matches!(part, ResultPart::Image(_))),
            _ => false,
        })
    }
}
