//! The call of a language model that a script holds: built by a test, edited by a policy under the contract's rules.

use std::collections::{BTreeMap, BTreeSet};

use super::model_edits;

const OPERATIONS: [&str; 3] = ["chat", "embeddings", "count-tokens"];
const DIALECTS: [&str; 4] = ["openai-chat", "openai-responses", "anthropic-messages", "gemini"];

/// What a client asks of a model: the same segments whatever dialect it speaks.
///
/// ```
/// # use sluicegate_plugin::testing::ModelCall;
/// let call = ModelCall::new("small")
///     .dialect_is("anthropic-messages")
///     .text("system", "Answer in one sentence.")
///     .text("user", "What is the weather in Rome?")
///     .tool_definition("weather", "Says what the weather is like in a place.")
///     .number_is("temperature", 0.2);
/// assert_eq!(call.texts("user", "text"), ["What is the weather in Rome?"]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ModelCall {
    pub(super) operation: String,
    pub(super) dialect: String,
    pub(super) streamed: bool,
    pub(super) model: String,
    pub(super) features: BTreeSet<String>,
    pub(super) numbers: BTreeMap<String, f64>,
    pub(super) words: BTreeMap<String, String>,
    /// In the order of the call.
    pub(super) segments: Vec<Segment>,
    /// The number that an inserted segment gets.
    pub(super) next: u32,
    pub(super) edits: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Segment {
    pub(super) number: u32,
    pub(super) role: String,
    pub(super) place: &'static str,
    pub(super) tool: Option<String>,
    pub(super) text: String,
    pub(super) signed: bool,
}

impl ModelCall {
    /// A chat with this model, in OpenAI's dialect, whose answer shall come in one piece. Nothing is said yet.
    pub fn new(model: &str) -> ModelCall {
        ModelCall {
            operation: "chat".to_owned(),
            dialect: "openai-chat".to_owned(),
            streamed: false,
            model: model.to_owned(),
            features: BTreeSet::new(),
            numbers: BTreeMap::new(),
            words: BTreeMap::new(),
            segments: Vec::new(),
            next: 0,
            edits: 0,
        }
    }

    /// # Panics
    /// If it is none of `chat`, `embeddings` and `count-tokens`.
    pub fn operation_is(mut self, operation: &str) -> ModelCall {
        assert!(OPERATIONS.contains(&operation), "an operation is one of {OPERATIONS:?}, and not {operation:?}");
        self.operation = operation.to_owned();
        self
    }

    /// # Panics
    /// If it is none of `openai-chat`, `openai-responses`, `anthropic-messages` and `gemini`.
    pub fn dialect_is(mut self, dialect: &str) -> ModelCall {
        assert!(DIALECTS.contains(&dialect), "a client's dialect is one of {DIALECTS:?}, and not {dialect:?}");
        self.dialect = dialect.to_owned();
        self
    }

    /// The client asks for the answer as a stream.
    pub fn streamed(mut self) -> ModelCall {
        self.streamed = true;
        self
    }

    /// A text that somebody says: `system`, `user` or `assistant`; of nobody in a call of `embeddings`. Segments are numbered from
    /// 0 in the order in which they are given.
    pub fn text(self, role: &str, text: &str) -> ModelCall {
        self.segment(role, "text", None, text)
    }

    /// The description of a tool. The call then needs the feature `tools`.
    pub fn tool_definition(self, tool: &str, description: &str) -> ModelCall {
        self.needs("tools").segment("", "tool-definition", Some(tool), description)
    }

    /// The arguments of a tool that the model has called before.
    ///
    /// # Panics
    /// If they are no JSON object.
    pub fn tool_arguments(self, tool: &str, arguments: &str) -> ModelCall {
        assert!(model_edits::is_object(arguments), "arguments of a tool are a JSON object, and not {arguments:?}");
        self.segment("assistant", "tool-arguments", Some(tool), arguments)
    }

    /// What a tool has given back.
    pub fn tool_result(self, tool: &str, text: &str) -> ModelCall {
        self.segment("tool", "tool-result", Some(tool), text)
    }

    /// What the client's application calls its own user.
    pub fn end_user_id(self, id: &str) -> ModelCall {
        self.segment("", "end-user-id", None, id)
    }

    /// A provider has signed the segment that was given last, so that it cannot be rewritten.
    pub fn signed(mut self) -> ModelCall {
        if let Some(segment) = self.segments.last_mut() {
            segment.signed = true;
        }
        self
    }

    /// The call needs a feature: `images`, `structured-output` and so on.
    pub fn needs(mut self, feature: &str) -> ModelCall {
        self.features.insert(feature.to_owned());
        self
    }

    /// A parameter that is a number, such as `temperature`.
    pub fn number_is(mut self, name: &str, value: f64) -> ModelCall {
        self.numbers.insert(name.to_owned(), value);
        self
    }

    /// A parameter that is a word, such as `tool-choice`.
    pub fn word_is(mut self, name: &str, value: &str) -> ModelCall {
        self.words.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn model(&self) -> &str {
        &self.model
    }

    pub fn number(&self, name: &str) -> Option<f64> {
        self.numbers.get(name).copied()
    }

    pub fn word(&self, name: &str) -> Option<&str> {
        self.words.get(name).map(String::as_str)
    }

    /// The texts of a role and a place, in the order of the call; empty stands for any.
    pub fn texts(&self, role: &str, place: &str) -> Vec<&str> {
        self.matching(role, place).map(|segment| segment.text.as_str()).collect()
    }

    /// None for a segment that does not exist, or was removed.
    pub fn text_of(&self, segment: u32) -> Option<&str> {
        self.get(segment).map(|segment| segment.text.as_str())
    }

    pub(super) fn get(&self, number: u32) -> Option<&Segment> {
        self.segments.iter().find(|segment| segment.number == number)
    }

    pub(super) fn matching(&self, role: &str, place: &str) -> impl Iterator<Item = &Segment> {
        let matches = |asked: &str, found: &str| asked.is_empty() || asked == found;
        self.segments.iter().filter(move |segment| matches(role, &segment.role) && matches(place, segment.place))
    }

    /// Where a client of this dialect sends such a call.
    pub(super) fn path(&self) -> String {
        let model = &self.model;
        match (self.dialect.as_str(), self.operation.as_str()) {
            ("gemini", "embeddings") => format!("/v1beta/models/{model}:embedContent"),
            ("gemini", "count-tokens") => format!("/v1beta/models/{model}:countTokens"),
            ("gemini", _) if self.streamed => format!("/v1beta/models/{model}:streamGenerateContent"),
            ("gemini", _) => format!("/v1beta/models/{model}:generateContent"),
            ("anthropic-messages", "count-tokens") => "/v1/messages/count_tokens".to_owned(),
            ("anthropic-messages", _) => "/v1/messages".to_owned(),
            (_, "embeddings") => "/v1/embeddings".to_owned(),
            ("openai-responses", _) => "/v1/responses".to_owned(),
            _ => "/v1/chat/completions".to_owned(),
        }
    }

    fn segment(mut self, role: &str, place: &'static str, tool: Option<&str>, text: &str) -> ModelCall {
        self.segments.push(Segment {
            number: self.next,
            role: role.to_owned(),
            place,
            tool: tool.map(str::to_owned),
            text: text.to_owned(),
            signed: false,
        });
        self.next += 1;
        self
    }
}
