//! Writes an answer: whole, or one of those that a stream is made of.

use serde::Serialize;

use super::parts::{Called, Content, Part, Sealed, object};
use super::write::is_batch;
use crate::answer::{Answer, EndReason, Piece};
use crate::call::{Call, Operation};
use crate::dialect::Family;
use crate::usage::Usage;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response<'a> {
    pub candidates: Vec<Candidate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage_metadata: Option<Figures>,
    pub model_version: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub response_id: std::borrow::Cow<'a, str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<&'static str>,
    pub index: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    prompt_token_count: u64,
    candidates_token_count: u64,
    total_token_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached_content_token_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thoughts_token_count: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Counted {
    total_tokens: u64,
}

#[derive(Serialize)]
struct Vector<'a> {
    values: &'a [f32],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Embedded<'a> {
    Embedding(Vector<'a>),
    Embeddings(Vec<Vector<'a>>),
}

pub fn write_answer(call: &Call, answer: &Answer) -> Vec<u8> {
    let written = match call.operation {
        Operation::Chat => serde_json::to_vec(&response(call, answer)),
        Operation::CountTokens => serde_json::to_vec(&Counted { total_tokens: answer.counted.unwrap_or(0) }),
        Operation::Embeddings => {
            let mut vectors = answer.vectors.iter().map(|values| Vector { values });
            serde_json::to_vec(&match vectors.next() {
                Some(only) if !is_batch(call) => Embedded::Embedding(only),
                first => Embedded::Embeddings(first.into_iter().chain(vectors).collect()),
            })
        }
    };
    written.unwrap_or_default()
}

fn response<'a>(call: &'a Call, answer: &'a Answer) -> Response<'a> {
    let candidates = (0..).zip(&answer.choices).map(|(index, choice)| {
        let mut speaker = Speaker::showing(call.thoughts_wanted == Some(true));
        let mut parts: Vec<Part> = choice.pieces.iter().flat_map(|piece| speaker.piece(piece)).collect();
        parts.extend(speaker.calls());
        Candidate {
            content: content(parts),
            finish_reason: Some(finish_reason(choice.end.unwrap_or(EndReason::Stop), speaker.malformed)),
            index,
        }
    });
    Response {
        candidates: candidates.collect(),
        usage_metadata: answer.usage.as_ref().map(Figures::of),
        model_version: &call.model,
        response_id: response_id(&answer.id).into(),
    }
}

pub fn content(parts: Vec<Part>) -> Option<Content> {
    (!parts.is_empty()).then_some(Content { role: Some("model"), parts })
}

/// Another vendor's id, in the letters that ids have.
pub fn response_id(id: &str) -> String {
    id.chars().filter(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_')).take(128).collect()
}

pub fn finish_reason(reason: EndReason, malformed: bool) -> &'static str {
    match reason {
        EndReason::Length => "MAX_TOKENS",
        EndReason::ContentFilter | EndReason::Refusal => "SAFETY",
        EndReason::Stop | EndReason::StopSequence | EndReason::ToolCalls | EndReason::Pause if malformed => {
            "MALFORMED_FUNCTION_CALL"
        }
        EndReason::Stop | EndReason::StopSequence | EndReason::ToolCalls | EndReason::Pause => "STOP",
    }
}

impl Figures {
    /// Thoughts stand apart from the rest of the output.
    pub fn of(usage: &Usage) -> Figures {
        let some = |tokens: u64| (tokens > 0).then_some(tokens);
        let thoughts = usage.reasoning_tokens.unwrap_or(0).min(usage.output_tokens);
        Figures {
            prompt_token_count: usage.input_tokens,
            candidates_token_count: usage.output_tokens - thoughts,
            total_token_count: usage.total_tokens(),
            cached_content_token_count: some(usage.cache_read_tokens),
            thoughts_token_count: some(thoughts),
        }
    }
}

/// Makes parts of one choice's pieces. Calls have no pieces here, so they are kept until they are whole.
#[derive(Default)]
pub struct Speaker {
    shows_thoughts: bool,
    calls: Vec<Kept>,
    /// Of the call that comes next.
    signature: Option<String>,
    /// A call was left out because its arguments are no object.
    pub malformed: bool,
}

struct Kept {
    tool: u32,
    id: String,
    name: String,
    arguments: String,
    signature: Option<String>,
}

impl Speaker {
    /// Thoughts are shown only to a client that asks for them: others would take them for the answer.
    pub fn showing(thoughts: bool) -> Speaker {
        Speaker { shows_thoughts: thoughts, ..Speaker::default() }
    }

    pub fn piece(&mut self, piece: &Piece) -> Option<Part> {
        match piece {
            Piece::Text(text) | Piece::Refusal(text) => (!text.is_empty()).then(|| Part::text(text)),
            Piece::Thought(text) => (self.shows_thoughts && !text.is_empty()).then(|| Part::thought(text)),
            Piece::ThoughtSealed { family: Family::Gemini, raw } => match Sealed::read(raw)? {
                Sealed::Part(raw) => Some(Part::Raw(raw)),
                Sealed::OfCall(signature) => {
                    self.signature = Some(signature);
                    None
                }
            },
            Piece::ThoughtSealed { .. } => None,
            Piece::ToolBegin { tool, id, name } => {
                let (id, name, signature) = (id.clone(), name.clone(), self.signature.take());
                self.calls.push(Kept { tool: *tool, id, name, arguments: String::new(), signature });
                None
            }
            Piece::ToolArguments { tool, text } => {
                if let Some(kept) = self.calls.iter_mut().find(|kept| kept.tool == *tool) {
                    kept.arguments.push_str(text);
                }
                None
            }
        }
    }

    /// All calls, at the choice's end.
    pub fn calls(&mut self) -> Vec<Part> {
        let mut parts = Vec::new();
        for Kept { id, name, arguments, signature, .. } in std::mem::take(&mut self.calls) {
            match object(&arguments) {
                Some(args) => parts.push(Part::call(Called { id, name, args }, signature)),
                None => self.malformed = true,
            }
        }
        parts
    }
}
