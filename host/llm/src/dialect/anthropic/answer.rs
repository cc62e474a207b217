//! Reads a whole answer: a message with its blocks, or a count of tokens.

use bytes::Bytes;

use super::error;
use super::usage::Figures;
use crate::answer::{EndReason, Event, Piece};
use crate::call::Operation;
use crate::dialect::Family;
use crate::error::Broken;
use crate::json::{Document, Value};

/// Tools that one answer may call; a provider that calls more is broken.
pub const TOOLS_MAX: u32 = 1024;

pub fn read_answer(operation: Operation, body: &Bytes) -> Result<Vec<Event>, Broken> {
    let expected = match operation {
        Operation::Chat => "A message as a JSON object was expected",
        Operation::CountTokens => "A count of tokens as a JSON object was expected",
        Operation::Embeddings => return Err(Broken::new("The anthropic-messages dialect has no embeddings.")),
    };
    let document = Document::parse(body.clone()).map_err(|_| Broken::found(expected, body))?;
    let root = &document.root;
    if text(root, "type") == "error" || root.get("error").is_some_and(|error| !error.is_null()) {
        return match error::described(root, None) {
            Some(error) => Ok(vec![Event::Error(error)]),
            None => Err(Broken::found(expected, body)),
        };
    }
    match operation {
        Operation::CountTokens => {
            let counted = root.get("input_tokens").and_then(Value::as_u64);
            let input_tokens = counted.ok_or_else(|| Broken::found(expected, body))?;
            Ok(vec![Event::Counted { input_tokens }, Event::Done])
        }
        _ => message(&document).ok_or_else(|| Broken::found(expected, body))?,
    }
}

/// None: it is no message.
fn message(document: &Document) -> Option<Result<Vec<Event>, Broken>> {
    let root = &document.root;
    let content = root.get("content")?.as_array()?;
    let mut events = vec![begin(root)];
    let mut tools = 0;
    for block in content {
        if let Err(broken) = read_block(document, block, &mut tools, &mut events) {
            return Some(Err(broken));
        }
    }
    let said = content.iter().any(|block| text(block, "type") == "text" && !text(block, "text").is_empty());
    end(root, tools, said, &mut events);
    let mut figures = Figures::default();
    figures.add(document, root.get("usage"));
    events.extend(figures.usage().map(Event::Usage));
    events.push(Event::Done);
    Some(Ok(events))
}

fn read_block(document: &Document, block: &Value, tools: &mut u32, events: &mut Vec<Event>) -> Result<(), Broken> {
    match text(block, "type") {
        "text" => say(Piece::Text, text(block, "text"), events),
        "thinking" => {
            say(Piece::Thought, text(block, "thinking"), events);
            events.push(sealed(document.raw(block).to_owned()));
        }
        "redacted_thinking" => events.push(sealed(document.raw(block).to_owned())),
        "tool_use" => {
            let tool = next_tool(tools)?;
            events.push(tool_begin(tool, block)?);
            let input = block.get("input").filter(|input| input.as_object().is_some());
            let arguments = input.map_or("{}", |input| document.raw(input)).to_owned();
            events.push(piece(Piece::ToolArguments { tool, text: arguments }));
        }
        // Tools that the provider runs itself: only a client of this dialect asks for them, and it gets the bytes as they are.
        _ => {}
    }
    Ok(())
}

pub fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value.get(member).and_then(Value::as_str).unwrap_or_default()
}

pub fn piece(piece: Piece) -> Event {
    Event::Piece { choice: 0, piece }
}

pub fn say(make: impl Fn(String) -> Piece, said: &str, events: &mut Vec<Event>) {
    if !said.is_empty() {
        events.push(piece(make(said.to_owned())));
    }
}

pub fn sealed(raw: String) -> Event {
    piece(Piece::ThoughtSealed { family: Family::Anthropic, raw })
}

pub fn begin(message: &Value) -> Event {
    Event::Begin { id: text(message, "id").to_owned(), model: text(message, "model").to_owned(), created: None }
}

pub fn next_tool(tools: &mut u32) -> Result<u32, Broken> {
    let tool = *tools;
    if tool >= TOOLS_MAX {
        return Err(Broken::new(format!("The answer calls more than {TOOLS_MAX} tools.")));
    }
    *tools += 1;
    Ok(tool)
}

pub fn tool_begin(tool: u32, block: &Value) -> Result<Event, Broken> {
    Piece::tool_begin(tool, text(block, "id"), text(block, "name")).map(piece)
}

/// Of what has `stop_reason` and `stop_details`: a message, or the delta that ends one. `said`: there was text.
pub fn end(ended: &Value, tools: u32, said: bool, events: &mut Vec<Event>) {
    let explanation = ended.get("stop_details").map_or("", |details| text(details, "explanation"));
    let reason = match text(ended, "stop_reason") {
        "max_tokens" | "model_context_window_exceeded" => EndReason::Length,
        "stop_sequence" => EndReason::StopSequence,
        "tool_use" => EndReason::ToolCalls,
        "pause_turn" => EndReason::Pause,
        "refusal" => {
            // What the model said itself stands for it; the explanation often repeats that.
            if !said {
                say(Piece::Refusal, explanation, events);
            }
            EndReason::Refusal
        }
        // An imitation that does not say why.
        "" if tools > 0 => EndReason::ToolCalls,
        _ => EndReason::Stop,
    };
    events.push(Event::End { choice: 0, reason });
}
