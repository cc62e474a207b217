//! Reads a whole answer: a response with its items.

use bytes::Bytes;

use super::error;
use crate::answer::{EndReason, Event, Piece};
use crate::call::Operation;
use crate::dialect::Family;
use crate::error::Broken;
use crate::json::{Document, Value};
use crate::usage::Usage;

/// Tools that one answer may call; a provider that calls more is broken.
pub const TOOLS_MAX: u32 = 1024;

/// Between the parts of a summary, which have a paragraph each.
pub const PARAGRAPH: &str = "\n\n";

pub fn read_answer(operation: Operation, body: &Bytes) -> Result<Vec<Event>, Broken> {
    if operation != Operation::Chat {
        return Err(Broken::new("The openai-responses dialect answers chats only."));
    }
    let expected = "A response as a JSON object was expected";
    let document = Document::parse(body.clone()).map_err(|_| Broken::found(expected, body))?;
    let mut events = Vec::new();
    let response = &document.root;
    if is_response(response) {
        begin(response, &mut events);
        let mut end = Ending::default();
        let failed = matches!(text(response, "status"), "failed" | "cancelled");
        if !failed {
            items(&document, response, &mut end, &mut events)?;
        }
        finish(&document, response, text(response, "status"), &end, &mut events);
        return Ok(events);
    }
    match response.get("error").filter(|error| !error.is_null()) {
        Some(error) => Ok(vec![Event::Error(error::read(error))]),
        None => Err(Broken::found(expected, body)),
    }
}

fn is_response(value: &Value) -> bool {
    value.get("output").is_some_and(|output| output.as_array().is_some()) || text(value, "object") == "response"
}

/// What of an answer's items decides on the reason of its end, and how many tools it called.
#[derive(Debug, Default)]
pub struct Ending {
    pub tools: u32,
    pub refused: bool,
}

impl Ending {
    /// The next tool's number.
    pub fn tool(&mut self) -> Result<u32, Broken> {
        let tool = self.tools;
        if tool >= TOOLS_MAX {
            return Err(Broken::new(format!("The answer calls more than {TOOLS_MAX} tools.")));
        }
        self.tools += 1;
        Ok(tool)
    }
}

pub fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value.get(member).and_then(Value::as_str).unwrap_or_default()
}

pub fn piece(piece: Piece) -> Event {
    Event::Piece { choice: 0, piece }
}

pub fn begin(response: &Value, events: &mut Vec<Event>) {
    let created = response.get("created_at").and_then(Value::as_f64).filter(|seconds| *seconds >= 0.0);
    events.push(Event::Begin {
        id: text(response, "id").to_owned(),
        model: text(response, "model").to_owned(),
        created: created.map(|seconds| seconds as u64),
    });
}

/// Adds what the items of a response's output say.
pub fn items(document: &Document, response: &Value, end: &mut Ending, events: &mut Vec<Event>) -> Result<(), Broken> {
    for item in response.get("output").and_then(Value::as_array).unwrap_or_default() {
        match text(item, "type") {
            "message" => message(item, end, events),
            "reasoning" => {
                thoughts(item, events);
                events.push(sealed(document, item));
            }
            kind @ ("function_call" | "custom_tool_call") => {
                let tool = end.tool()?;
                events.push(tool_begin(tool, item)?);
                let arguments = text(item, arguments_member(kind));
                if !arguments.is_empty() {
                    events.push(piece(Piece::ToolArguments { tool, text: arguments.to_owned() }));
                }
            }
            "" => {}
            // What the vendor's built-in tools did: the message says what came of it.
            _ => events.push(sealed(document, item)),
        }
    }
    Ok(())
}

/// Where a call of this kind has what the tool is given. A custom tool, which only a client of this dialect can ask for, takes a text
/// of any form.
pub fn arguments_member(kind: &str) -> &'static str {
    if kind == "custom_tool_call" { "input" } else { "arguments" }
}

/// Adds the texts of a message's parts.
pub fn message(item: &Value, end: &mut Ending, events: &mut Vec<Event>) {
    for part in item.get("content").and_then(Value::as_array).unwrap_or_default() {
        match text(part, "type") {
            "output_text" => events.push(piece(Piece::Text(text(part, "text").to_owned()))),
            "refusal" => {
                end.refused = true;
                events.push(piece(Piece::Refusal(text(part, "refusal").to_owned())));
            }
            _ => {}
        }
    }
}

/// Adds what of a thought can be seen: its summary, or the thought itself with open models.
pub fn thoughts(item: &Value, events: &mut Vec<Event>) {
    let parts = |member: &str| item.get(member).and_then(Value::as_array).unwrap_or_default().iter();
    let mut before = "";
    for part in parts("summary").chain(parts("content")) {
        let shown = text(part, "text");
        if !shown.is_empty() {
            events.push(piece(Piece::Thought(format!("{before}{shown}"))));
            before = PARAGRAPH;
        }
    }
}

/// A thought, or what else has no counterpart and goes back to a client of this dialect as it is.
pub fn sealed(document: &Document, item: &Value) -> Event {
    piece(Piece::ThoughtSealed { family: Family::OpenAi, raw: document.raw(item).to_owned() })
}

pub fn tool_begin(tool: u32, item: &Value) -> Result<Event, Broken> {
    let id = match text(item, "call_id") {
        "" => format!("call_0_{tool}"),
        id => id.to_owned(),
    };
    Piece::tool_begin(tool, id, text(item, "name")).map(piece)
}

/// Adds the end that the status says, with the response's usage, or its error.
pub fn finish(document: &Document, response: &Value, status: &str, end: &Ending, events: &mut Vec<Event>) {
    let error = response.get("error").filter(|error| !error.is_null());
    let reason = match status {
        "failed" => {
            let error = error
                .map_or_else(|| error::server("The provider failed to answer, and does not say why."), error::read);
            events.push(Event::Error(error));
            return;
        }
        "cancelled" => {
            events.push(Event::Error(error::server("The provider cancelled the answer.")));
            return;
        }
        "incomplete" => match response.get("incomplete_details").map(|details| text(details, "reason")) {
            Some("content_filter") => EndReason::ContentFilter,
            _ => EndReason::Length,
        },
        // It works in the background and has to be asked again.
        "queued" | "in_progress" => EndReason::Pause,
        _ if end.tools > 0 => EndReason::ToolCalls,
        _ if end.refused => EndReason::Refusal,
        _ => EndReason::Stop,
    };
    events.push(Event::End { choice: 0, reason });
    if let Some(usage) = response.get("usage").filter(|usage| usage.as_object().is_some()) {
        events.push(Event::Usage(read_usage(document, usage)));
    }
    events.push(Event::Done);
}

fn read_usage(document: &Document, usage: &Value) -> Usage {
    let number = |value: Option<&Value>, member: &str| value.and_then(|value| value.get(member)?.as_u64());
    let input = usage.get("input_tokens_details");
    Usage {
        input_tokens: number(Some(usage), "input_tokens").unwrap_or(0),
        cache_read_tokens: number(input, "cached_tokens").unwrap_or(0),
        cache_write_tokens: number(input, "cache_write_tokens").unwrap_or(0),
        output_tokens: number(Some(usage), "output_tokens").unwrap_or(0),
        reasoning_tokens: number(usage.get("output_tokens_details"), "reasoning_tokens"),
        raw: Some(document.raw(usage).to_owned()),
    }
}
