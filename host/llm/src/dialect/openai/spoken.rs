//! What a message of an answer says, whole or as a delta, and why it ends.

use crate::answer::{EndReason, Piece};
use crate::error::{ProviderError, ProviderErrorKind};
use crate::json::{Kind, Value};

/// Thought, text and refusal; empty ones say nothing.
pub fn pieces(message: &Value) -> Vec<Piece> {
    let mut pieces = Vec::new();
    // Some vendors send the thought under both names.
    let thought = text(message, "reasoning_content").or_else(|| text(message, "reasoning"));
    pieces.extend(thought.map(Piece::Thought));
    match message.get("content").map(|content| &content.kind) {
        Some(Kind::String(text)) if !text.is_empty() => pieces.push(Piece::Text(text.clone())),
        Some(Kind::Array(parts)) => parts.iter().for_each(|part| push_part(part, &mut pieces)),
        _ => {}
    }
    pieces.extend(text(message, "refusal").map(Piece::Refusal));
    pieces
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Mistral's models that think answer in parts.
fn push_part(part: &Value, pieces: &mut Vec<Piece>) {
    match part.get("type").and_then(Value::as_str) {
        Some("text") => pieces.extend(text(part, "text").map(Piece::Text)),
        Some("refusal") => pieces.extend(text(part, "refusal").map(Piece::Refusal)),
        Some("thinking") => {
            let inner = part.get("thinking").and_then(Value::as_array).unwrap_or_default();
            pieces.extend(inner.iter().filter_map(|part| text(part, "text")).map(Piece::Thought));
        }
        _ => {}
    }
}

/// What a choice had besides text.
#[derive(Debug, Clone, Copy, Default)]
pub struct Had {
    pub calls: bool,
    pub refusal: bool,
}

/// None: there was no reason, as some vendors have it.
pub fn end_reason(finish_reason: Option<&str>, had: Had) -> Result<EndReason, ProviderError> {
    match finish_reason {
        Some("length" | "max_tokens" | "model_length") => Ok(EndReason::Length),
        Some("tool_calls" | "function_call") => Ok(EndReason::ToolCalls),
        Some("content_filter") => Ok(EndReason::ContentFilter),
        Some("error") => Err(failed(ProviderErrorKind::Server, 500, "error")),
        // DeepSeek's.
        Some("insufficient_system_resource") => {
            Err(failed(ProviderErrorKind::Overloaded, 503, "insufficient_system_resource"))
        }
        // OpenAI says `stop` too where a tool had to be called, or where the model refused.
        _ if had.calls => Ok(EndReason::ToolCalls),
        _ if had.refusal => Ok(EndReason::Refusal),
        _ => Ok(EndReason::Stop),
    }
}

fn failed(kind: ProviderErrorKind, status: u16, reason: &str) -> ProviderError {
    let message = format!("The provider broke the answer off with the finish reason `{reason}`.");
    ProviderError { kind, status, message, code: Some(reason.to_owned()), param: None, retry_after: None }
}

/// `refused`: the choice says so itself, in a refusal of its own.
pub fn finish_reason(reason: EndReason, refused: bool) -> &'static str {
    match reason {
        EndReason::Stop | EndReason::StopSequence | EndReason::Pause => "stop",
        EndReason::Length => "length",
        EndReason::ToolCalls => "tool_calls",
        EndReason::Refusal if refused => "stop",
        EndReason::ContentFilter | EndReason::Refusal => "content_filter",
    }
}
