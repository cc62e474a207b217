//! New texts in a conversation, as the client's dialect has them.

use std::collections::HashSet;

use super::changes::Changes;
use super::members::{Names, find, gemini_request, quoted, set, set_at, way};
use super::segment::Segment;
use super::{Draft, EditError};
use crate::call::{Message, Operation, Part};
use crate::dialect::Dialect;
use crate::json::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speaker {
    System,
    User,
    Assistant,
}

/// A text to insert.
pub struct Insertion<'a> {
    speaker: Speaker,
    text: &'a str,
    before: Option<u32>,
}

const ANTHROPIC_SYSTEM: Names = &["system"];
const GEMINI_SYSTEM: Names = &["systemInstruction", "system_instruction"];
const GEMINI_PARTS: Names = &["parts"];

impl<'a> Insertion<'a> {
    pub fn new(role: &str, text: &'a str, before: Option<u32>) -> Result<Insertion<'a>, EditError> {
        let speaker = match role {
            "system" => Speaker::System,
            "user" => Speaker::User,
            "assistant" => Speaker::Assistant,
            _ => return Err(EditError::InvalidName),
        };
        // Some dialects have no empty text, and none needs one.
        if text.is_empty() { Err(EditError::InvalidValue) } else { Ok(Insertion { speaker, text, before }) }
    }

    pub fn make(&self, draft: &Draft, root: &Value, changes: &mut Changes) -> Result<(), EditError> {
        let call = draft.call();
        if call.operation == Operation::Embeddings {
            return Err(EditError::Forbidden);
        }
        let before = self.before.map(|number| draft.segments.get(number).ok_or(EditError::InvalidName)).transpose()?;
        if before.is_some_and(|segment| segment.seat.message().is_none()) {
            return Err(EditError::Forbidden);
        }
        match (call.dialect, self.speaker) {
            (Dialect::Anthropic, Speaker::System) => self.anthropic_system(draft, root, before, changes),
            (Dialect::Gemini, Speaker::System) => self.gemini_system(draft, root, before, changes),
            (Dialect::OpenAiResponses, _) => self.item(draft, root, before, changes),
            (Dialect::Gemini, _) => self.message(draft, gemini_request(root), "contents", before, changes),
            (Dialect::OpenAi | Dialect::Anthropic | Dialect::Bedrock, _) => {
                self.message(draft, root, "messages", before, changes)
            }
        }
    }

    /// A message in a list that has one for each of the typed form, but for what the system says in a place of its own.
    fn message(
        &self,
        draft: &Draft,
        request: &Value,
        list: &str,
        before: Option<&Segment>,
        changes: &mut Changes,
    ) -> Result<(), EditError> {
        let list = request.get(list).ok_or(EditError::Forbidden)?;
        let items = list.as_array().unwrap_or_default();
        let messages = &draft.call.messages;
        let own = messages.len().saturating_sub(items.len());
        let at = match before.and_then(|segment| segment.seat.message()) {
            None => items.len(),
            Some(message) if splits_call(messages, message) => return Err(EditError::Forbidden),
            Some(message) => message.checked_sub(own).ok_or(EditError::Forbidden)?,
        };
        let text = quoted(self.text);
        let json = match draft.call.dialect {
            Dialect::Gemini => {
                let role = if self.speaker == Speaker::User { "user" } else { "model" };
                format!(r#"{{"role":"{role}","parts":[{{"text":{text}}}]}}"#)
            }
            _ => format!(r#"{{"role":"{}","content":{text}}}"#, self.role(items)),
        };
        changes.insert_item(list, at, &json);
        Ok(())
    }

    /// OpenAI does not take `system` beside `developer`.
    fn role(&self, items: &[Value]) -> &'static str {
        let says = |item: &Value| item.get("role").and_then(Value::as_str) == Some("developer");
        match self.speaker {
            Speaker::System if items.iter().any(says) => "developer",
            Speaker::System => "system",
            Speaker::User => "user",
            Speaker::Assistant => "assistant",
        }
    }

    /// Of OpenAI's responses.
    fn item(
        &self,
        draft: &Draft,
        root: &Value,
        before: Option<&Segment>,
        changes: &mut Changes,
    ) -> Result<(), EditError> {
        let input = find(root, &["input"]);
        let items = input.and_then(Value::as_array).unwrap_or_default();
        let json = format!(r#"{{"type":"message","role":"{}","content":{}}}"#, self.role(items), quoted(self.text));
        let at = before.map(|segment| item_in_front(draft, root, segment)).transpose()?;
        let Some(input) = input else {
            set(changes, root, &[(&["input"], Some(format!("[{json}]")))]);
            return Ok(());
        };
        put_beside(input, at, &json, r#"{"type":"message","role":"user","content":"#, changes);
        Ok(())
    }

    /// A block of `system`; a text there becomes one.
    fn anthropic_system(
        &self,
        draft: &Draft,
        root: &Value,
        before: Option<&Segment>,
        changes: &mut Changes,
    ) -> Result<(), EditError> {
        let Some(system) = find(root, ANTHROPIC_SYSTEM) else {
            // What stands in front of all is in front of any message.
            set(changes, root, &[(ANTHROPIC_SYSTEM, Some(quoted(self.text)))]);
            return Ok(());
        };
        let block = format!(r#"{{"type":"text","text":{}}}"#, quoted(self.text));
        let at = place_in(draft, root, before, system);
        put_beside(system, at, &block, r#"{"type":"text","text":"#, changes);
        Ok(())
    }

    fn gemini_system(
        &self,
        draft: &Draft,
        root: &Value,
        before: Option<&Segment>,
        changes: &mut Changes,
    ) -> Result<(), EditError> {
        let request = gemini_request(root);
        let part = format!(r#"{{"text":{}}}"#, quoted(self.text));
        match find(request, GEMINI_SYSTEM).and_then(|system| find(system, GEMINI_PARTS)) {
            Some(parts) => {
                let end = parts.as_array().unwrap_or_default().len();
                changes.insert_item(parts, place_in(draft, root, before, parts).unwrap_or(end), &part);
            }
            // To count what only contents say, the vendor takes nothing else.
            None if draft.call.operation == Operation::CountTokens && request.span == root.span => {
                return Err(EditError::Forbidden);
            }
            None => set_at(changes, request, &[GEMINI_SYSTEM], &[(GEMINI_PARTS, Some(format!("[{part}]")))]),
        }
        Ok(())
    }
}

/// Puts an item into a list, at a place or behind all others. A single text in the list's place becomes its only other item: `open` is
/// the beginning of the object that it stands in there.
fn put_beside(list: &Value, at: Option<usize>, item: &str, open: &str, changes: &mut Changes) {
    match (list.as_array(), at) {
        (Some(items), at) => changes.insert_item(list, at.unwrap_or(items.len()), item),
        (None, Some(_)) => changes.wrap(&list.span, &format!("[{item},{open}"), "}]"),
        (None, None) => changes.wrap(&list.span, &format!("[{open}"), &format!("}},{item}]")),
    }
}

/// Which item of a list a segment is in, or 0 where the list is a single text; none if it is elsewhere.
fn place_in(draft: &Draft, root: &Value, segment: Option<&Segment>, list: &Value) -> Option<usize> {
    let span = segment?.see(&draft.call)?.span?;
    let way = way(root, span)?;
    let item = way.iter().find(|step| step.container.span == list.span).map(|step| step.at);
    item.or((list.span == *span).then_some(0))
}

/// Whether a message stands between calls of tools and their results.
fn splits_call(messages: &[Message], at: usize) -> bool {
    let mut open = HashSet::new();
    for part in messages.iter().take(at).flat_map(|message| &message.parts) {
        match part {
            Part::ToolCall(call) => drop(open.insert(call.id.as_str())),
            Part::ToolResult(result) => drop(open.remove(result.id.as_str())),
            _ => {}
        }
    }
    let mut behind = messages.iter().skip(at).flat_map(|message| &message.parts);
    behind.any(|part| matches!(part, Part::ToolResult(result) if open.contains(result.id.as_str())))
}

/// Where an item of `input` must come to be in front of the turn that a segment is in: what the model thought or called stays with
/// what it said. A single text has the place 0.
fn item_in_front(draft: &Draft, root: &Value, segment: &Segment) -> Result<usize, EditError> {
    let seen = segment.see(&draft.call).ok_or(EditError::Forbidden)?;
    if segment.seat.message().is_some_and(|message| splits_call(&draft.call.messages, message)) {
        return Err(EditError::Forbidden);
    }
    let way = seen.span.and_then(|span| way(root, span)).unwrap_or_default();
    let [first, rest @ ..] = way.as_slice() else { return Err(EditError::Forbidden) };
    if first.name() != "input" {
        // Nothing can be in front of the instructions.
        return Err(EditError::Forbidden);
    }
    let Some(step) = rest.first() else { return Ok(0) };
    let items = step.container.as_array().unwrap_or_default();
    let item = |at: usize| items.get(at);
    let mut at = step.at;
    let called = item(at).is_some_and(is_of_turn);
    let mut said = false;
    while let Some(before) = at.checked_sub(1).and_then(item) {
        let joins = is_of_turn(before) || (called && !said && is_answer(before));
        if !joins {
            break;
        }
        said |= is_answer(before);
        at -= 1;
    }
    Ok(at)
}

/// What the model did besides what it said: thoughts, and calls of tools.
pub fn is_of_turn(item: &Value) -> bool {
    let kind = item.get("type").and_then(Value::as_str);
    kind.is_some_and(|kind| kind != "message" && kind != "item_reference" && !kind.ends_with("_output"))
}

/// What the model said.
pub fn is_answer(item: &Value) -> bool {
    item.get("role").and_then(Value::as_str) == Some("assistant")
}
