//! Texts taken out of a call, with the part or the message that has nothing else in it.

use super::EditError;
use super::changes::Changes;
use super::insert::{is_answer, is_of_turn};
use super::members::{Step, find, way};
use super::segment::{Place, Seen};
use crate::call::{Call, Operation};
use crate::dialect::Dialect;
use crate::json::Value;

/// Lists of messages, and what holds them.
const CONVERSATION: [&str; 3] = ["messages", "contents", "input"];

pub fn make(call: &Call, seen: Seen<'_>, root: &Value, changes: &mut Changes) -> Result<(), EditError> {
    let way = seen.span.and_then(|span| way(root, span)).ok_or(EditError::Forbidden)?;
    let last = way.last().ok_or(EditError::Forbidden)?;
    match seen.place {
        // Each call of a tool has its arguments, and each has one result.
        Place::ToolArguments | Place::ToolResult => return Err(EditError::Forbidden),
        Place::ToolDefinition | Place::EndUserId => remove_member(changes, last),
        Place::Text if call.operation == Operation::Embeddings => {
            // Of several parts of one content the part goes, and else what holds the text alone.
            let lists = || way.iter().filter(|step| step.container.as_array().is_some());
            let shared = lists().rfind(|step| step.container.as_array().is_some_and(|items| items.len() > 1));
            let list = shared.or_else(|| lists().next()).ok_or(EditError::Forbidden)?;
            remove_item(changes, list)?;
        }
        Place::Text => {
            // Gemini's requests may be wrapped, so it need not be the first step.
            let known = |step: &Step<'_>| step.name() != "" && is_place_of_texts(step.name());
            let start = way.iter().position(known).ok_or(EditError::Forbidden)?;
            let (place, inside) = way.get(start..).and_then(<[_]>::split_first).ok_or(EditError::Forbidden)?;
            match CONVERSATION.contains(&place.name()) {
                true => remove_said(call.dialect, inside, changes)?,
                false => remove_of_system(place, inside, changes),
            }
        }
    }
    Ok(())
}

fn is_place_of_texts(name: &str) -> bool {
    CONVERSATION.contains(&name)
        || ["system", "instructions", "systemInstruction", "system_instruction"].contains(&name)
}

/// `inside` leads from the list of messages to the text.
fn remove_said(dialect: Dialect, inside: &[Step<'_>], changes: &mut Changes) -> Result<(), EditError> {
    let [list, message, content @ ..] = inside else { return Err(EditError::Forbidden) };
    if let [parts, part, ..] = content {
        if sealed(part.container) {
            // What the vendor has signed beside a text must come back; an empty text stands for none.
            replace_value(changes, part, "\"\"");
            return Ok(());
        }
        if !only_thoughts_beside(parts, message) {
            return remove_item(changes, parts);
        }
    }
    if dialect == Dialect::OpenAi && says_more(message) {
        match message.name() {
            "content" => replace_value(changes, message, "null"),
            _ => remove_member(changes, message),
        }
        return Ok(());
    }
    let items = list.container.as_array().unwrap_or_default();
    let end = list.at + 1;
    let mut start = list.at;
    let goes_on = items.get(end).is_some_and(is_of_turn);
    if dialect == Dialect::OpenAiResponses && items.get(start).is_some_and(is_answer) && !goes_on {
        // The vendor refuses a thought without what it led to.
        let is_thought = |at: usize| items.get(at).and_then(|item| item.get("type")?.as_str()) == Some("reasoning");
        while start.checked_sub(1).is_some_and(is_thought) {
            start -= 1;
        }
    }
    if end - start >= items.len() {
        return Err(EditError::Forbidden);
    }
    changes.remove_items(list.container, start..end);
    Ok(())
}

/// `inside` leads from the member to the text: through nothing, an array of blocks, or an object with an array of parts.
fn remove_of_system(place: &Step<'_>, inside: &[Step<'_>], changes: &mut Changes) {
    let blocks = inside.iter().find(|step| step.container.as_array().is_some());
    if blocks.is_none_or(|blocks| remove_item(changes, blocks).is_err()) {
        remove_member(changes, place);
    }
}

/// Whether a message of OpenAI's has something besides the member that the step leads to.
fn says_more(message: &Step<'_>) -> bool {
    ["content", "refusal", "tool_calls", "audio"].iter().filter(|name| **name != message.name()).any(|name| {
        find(message.container, &[name]).is_some_and(|value| match (value.as_str(), value.as_array()) {
            (Some(text), _) => !text.is_empty(),
            (_, Some(items)) => !items.is_empty(),
            _ => true,
        })
    })
}

fn only_thoughts_beside(parts: &Step<'_>, message: &Step<'_>) -> bool {
    let role = message.container.get("role").and_then(Value::as_str);
    let thinks = matches!(role, Some("assistant" | "model"));
    let others = parts.container.as_array().unwrap_or_default().iter().enumerate().filter(|(at, _)| *at != parts.at);
    others.map(|(_, part)| part).all(|part| thinks && is_thought(part))
}

/// Anthropic's blocks and Gemini's parts.
fn is_thought(part: &Value) -> bool {
    let kind = part.get("type").and_then(Value::as_str);
    matches!(kind, Some("thinking" | "redacted_thinking")) || part.get("thought").and_then(Value::as_bool) == Some(true)
}

fn sealed(part: &Value) -> bool {
    find(part, &["thoughtSignature", "thought_signature"]).is_some()
}

fn remove_item(changes: &mut Changes, list: &Step<'_>) -> Result<(), EditError> {
    if list.container.as_array().unwrap_or_default().len() < 2 {
        return Err(EditError::Forbidden);
    }
    changes.remove_items(list.container, list.at..list.at + 1);
    Ok(())
}

fn remove_member(changes: &mut Changes, step: &Step<'_>) {
    let members = step.container.as_object().unwrap_or_default();
    let removed: Vec<bool> = (0..members.len()).map(|at| at == step.at).collect();
    changes.remove_members(step.container, &removed);
}

fn replace_value(changes: &mut Changes, step: &Step<'_>, json: &str) {
    if let Some((_, value)) = step.container.as_object().and_then(|members| members.get(step.at)) {
        changes.replace(value.span.clone(), json);
    }
}
