//! Reads a whole answer.

use bytes::Bytes;

use super::{error, thought};
use crate::answer::{EndReason, Event, Piece};
use crate::call::Operation;
use crate::error::{Broken, ProviderError, ProviderErrorKind};
use crate::json::{Document, Value};
use crate::usage::Usage;

/// Tools that one answer may call.
pub const TOOLS_MAX: u32 = 1024;

pub fn read_answer(operation: Operation, body: &Bytes) -> Result<Vec<Event>, Broken> {
    let expected = "An answer as a JSON object was expected";
    let document = Document::parse(body.clone()).map_err(|_| Broken::found(expected, body))?;
    let root = &document.root;
    let mut events = Vec::new();
    let known = match operation {
        Operation::Chat => root.get("output").is_some() || root.get("stopReason").is_some(),
        Operation::CountTokens => root.get("inputTokens").and_then(Value::as_u64).is_some(),
        Operation::Embeddings => false,
    };
    if !known {
        return match error::error_in(root, None) {
            Some(error) => Ok(vec![Event::Error(error)]),
            None => Err(Broken::found(expected, body)),
        };
    }
    events.push(begin());
    if operation == Operation::CountTokens {
        let input_tokens = root.get("inputTokens").and_then(Value::as_u64).unwrap_or(0);
        events.extend([Event::Counted { input_tokens }, Event::Done]);
        return Ok(events);
    }
    let message = root.get("output").and_then(|output| output.get("message"));
    let blocks = message.and_then(|message| message.get("content")).and_then(Value::as_array).unwrap_or_default();
    let mut tools = 0;
    for block in blocks {
        self::block(&document, block, &mut tools, &mut events)?;
    }
    let Some(word) = root.get("stopReason").and_then(Value::as_str) else {
        return Err(Broken::new("The answer has no `stopReason`."));
    };
    let usage = root.get("usage").map(|usage| self::usage(&document, usage));
    match end_reason(word) {
        Ok(reason) => {
            events.push(Event::End { choice: 0, reason });
            events.extend(usage.map(Event::Usage));
            events.push(Event::Done);
        }
        Err(error) => {
            events.extend(usage.map(Event::Usage));
            events.push(Event::Error(error));
        }
    }
    Ok(events)
}

/// An answer's id stands in a field of its head only, and its model nowhere.
pub fn begin() -> Event {
    Event::Begin { id: String::new(), model: String::new(), created: None }
}

pub fn piece(piece: Piece) -> Event {
    Event::Piece { choice: 0, piece }
}

pub fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value.get(member).and_then(Value::as_str).unwrap_or_default()
}

fn block(document: &Document, block: &Value, tools: &mut u32, events: &mut Vec<Event>) -> Result<(), Broken> {
    let said = text(block, "text");
    if !said.is_empty() {
        events.push(piece(Piece::Text(said.to_owned())));
    }
    if let Some(used) = block.get("toolUse") {
        let tool = next_tool(tools)?;
        events.push(tool_begin(tool, used)?);
        let input = used.get("input").map_or("{}", |input| document.raw(input)).to_owned();
        events.push(piece(Piece::ToolArguments { tool, text: input }));
    }
    if let Some(reasoning) = block.get("reasoningContent") {
        if let Some(thought) = reasoning.get("reasoningText") {
            let said = text(thought, "text");
            if !said.is_empty() {
                events.push(piece(Piece::Thought(said.to_owned())));
            }
            events.extend(thought::sealed(said, text(thought, "signature")).map(piece));
        }
        events.extend(thought::redacted(thought::decoded(text(reasoning, "redactedContent"))).map(piece));
    }
    Ok(())
}

pub fn next_tool(tools: &mut u32) -> Result<u32, Broken> {
    let tool = *tools;
    if tool >= TOOLS_MAX {
        return Err(Broken::new(format!("The answer calls more than {TOOLS_MAX} tools.")));
    }
    *tools += 1;
    Ok(tool)
}

pub fn tool_begin(tool: u32, used: &Value) -> Result<Event, Broken> {
    let id = match text(used, "toolUseId") {
        "" => format!("call_0_{tool}"),
        id => id.to_owned(),
    };
    Piece::tool_begin(tool, id, text(used, "name")).map(piece)
}

/// The error where the model's answer is none.
pub fn end_reason(word: &str) -> Result<EndReason, ProviderError> {
    Ok(match word {
        "stop_sequence" => EndReason::StopSequence,
        "max_tokens" | "model_context_window_exceeded" => EndReason::Length,
        "tool_use" => EndReason::ToolCalls,
        "content_filtered" | "guardrail_intervened" => EndReason::ContentFilter,
        "refusal" => EndReason::Refusal,
        "pause_turn" => EndReason::Pause,
        "malformed_model_output" | "malformed_tool_use" => {
            return Err(ProviderError {
                kind: ProviderErrorKind::Server,
                status: 500,
                message: format!("The model's answer is none: {word}."),
                code: Some(word.to_owned()),
                param: None,
                retry_after: None,
            });
        }
        // `end_turn`, and what the vendor may add.
        _ => EndReason::Stop,
    })
}

/// The vendor counts what a cache had and got beside the rest of the input.
pub fn usage(document: &Document, usage: &Value) -> Usage {
    let number = |name: &str| usage.get(name).and_then(Value::as_u64).unwrap_or(0);
    let (read, written) = (number("cacheReadInputTokens"), number("cacheWriteInputTokens"));
    Usage {
        input_tokens: number("inputTokens").saturating_add(read).saturating_add(written),
        cache_read_tokens: read,
        cache_write_tokens: written,
        output_tokens: number("outputTokens"),
        reasoning_tokens: None,
        raw: Some(document.raw(usage).to_owned()),
    }
}
