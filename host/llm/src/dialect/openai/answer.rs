//! Reads and writes an answer that comes whole.

use bytes::Bytes;
use serde::Serialize;

use super::calls::Calls;
use super::ids::{call_id, completion_id};
use super::spoken::{self, Had};
use super::usage::{self, Written};
use super::{embeddings, error};
use crate::answer::{Answer, CHOICES_MAX, Choice, EndReason, Event, Piece};
use crate::call::{Call, Operation};
use crate::error::Broken;
use crate::json::{Document, Value};

pub fn read_answer(operation: Operation, body: &Bytes) -> Result<Vec<Event>, Broken> {
    let document = match operation {
        Operation::Embeddings => Document::parse_vectors(body.clone()),
        _ => Document::parse(body.clone()),
    };
    let document =
        document.map_err(|problem| Broken::found(&format!("An answer in JSON was expected ({problem})"), body))?;
    if let Some(error) = error::carried(&document.root) {
        return Ok(vec![Event::Error(error)]);
    }
    match operation {
        Operation::Chat => read_chat(&document),
        Operation::Embeddings => embeddings::read_answer(&document),
        Operation::CountTokens => Err(Broken::new("OpenAI's dialect has no answer that only counts tokens.")),
    }
}

pub fn without(member: &str, body: &[u8]) -> Broken {
    Broken::found(&format!("An answer with `{member}` was expected"), body)
}

pub fn begin(root: &Value) -> Event {
    let text = |name| root.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    Event::Begin { id: text("id"), model: text("model"), created: root.get("created").and_then(Value::as_u64) }
}

/// `position` among the choices stands in for an index that is not said.
pub fn choice_number(choice: &Value, position: usize) -> Result<u32, Broken> {
    let number = choice.get("index").and_then(Value::as_u64).unwrap_or(position as u64);
    let number_max = CHOICES_MAX as u64;
    let refused = || Broken::new(format!("The answer has a choice {number}, and at most {number_max} are taken."));
    u32::try_from(number).ok().filter(|_| number < number_max).ok_or_else(refused)
}

fn read_chat(document: &Document) -> Result<Vec<Event>, Broken> {
    let root = &document.root;
    let choices = root.get("choices").and_then(Value::as_array).filter(|choices| !choices.is_empty());
    let choices = choices.ok_or_else(|| without("choices", document.source()))?;
    let mut events = vec![begin(root)];
    let mut read = Vec::with_capacity(choices.len());
    for (position, value) in choices.iter().enumerate() {
        let choice = choice_number(value, position)?;
        if read.contains(&choice) {
            return Err(Broken::new(format!("The answer has the choice {choice} twice.")));
        }
        read.push(choice);
        let message = value.get("message").filter(|message| message.as_object().is_some());
        let message = message.ok_or_else(|| without("choices[].message", document.source()))?;
        let pieces = spoken::pieces(message);
        let refusal = pieces.iter().any(|piece| matches!(piece, Piece::Refusal(_)));
        events.extend(pieces.into_iter().map(|piece| Event::Piece { choice, piece }));
        let mut calls = Calls::default();
        let entries = message.get("tool_calls").and_then(Value::as_array).unwrap_or_default();
        for (place, entry) in entries.iter().enumerate() {
            calls.take(choice, Some(place as u64), entry, document, &mut events)?;
        }
        calls.end()?;
        let had = Had { calls: !calls.is_empty(), refusal };
        match spoken::end_reason(value.get("finish_reason").and_then(Value::as_str), had) {
            Ok(reason) => events.push(Event::End { choice, reason }),
            Err(error) => {
                events.push(Event::Error(error));
                return Ok(events);
            }
        }
    }
    events.extend(usage::of(root, document).map(Event::Usage));
    events.push(Event::Done);
    Ok(events)
}

#[derive(Serialize)]
struct Completion<'a> {
    id: String,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: Vec<WrittenChoice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Written>,
}

#[derive(Serialize)]
struct WrittenChoice<'a> {
    index: usize,
    message: Message<'a>,
    logprobs: (),
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Option<String>,
    refusal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Called<'a>>,
}

#[derive(Serialize)]
struct Called<'a> {
    id: std::borrow::Cow<'a, str>,
    r#type: &'static str,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    arguments: &'a str,
}

pub fn write_answer(call: &Call, answer: &Answer) -> Vec<u8> {
    if call.operation == Operation::Embeddings {
        return embeddings::write_answer(call, answer);
    }
    super::to_json(&Completion {
        id: completion_id(&answer.id),
        object: "chat.completion",
        created: answer.created.unwrap_or_default(),
        model: &call.model,
        choices: answer.choices.iter().enumerate().map(|(index, choice)| written(index, choice)).collect(),
        usage: answer.usage.as_ref().map(Written::from),
    })
}

fn written(index: usize, choice: &Choice) -> WrittenChoice<'_> {
    let refusal = joined(choice, |piece| if let Piece::Refusal(text) = piece { Some(text) } else { None });
    let reasoning_content = joined(choice, |piece| if let Piece::Thought(text) = piece { Some(text) } else { None });
    let text = joined(choice, |piece| if let Piece::Text(text) = piece { Some(text) } else { None });
    let calls = choice.tool_calls().into_iter().enumerate();
    let tool_calls: Vec<Called<'_>> = calls
        .map(|(tool, (id, name, arguments))| {
            let arguments = if arguments.is_empty() { "{}" } else { arguments };
            let id = call_id(id, index as u32, tool as u32);
            Called { id, r#type: "function", function: Function { name, arguments } }
        })
        .collect();
    let silent = refusal.is_some() || !tool_calls.is_empty();
    let finish_reason = spoken::finish_reason(choice.end.unwrap_or(EndReason::Stop), refusal.is_some());
    let content = text.or_else(|| (!silent).then(String::new));
    let message = Message { role: "assistant", content, refusal, reasoning_content, tool_calls };
    WrittenChoice { index, message, logprobs: (), finish_reason }
}

/// None where the choice has no such piece.
fn joined<'a>(choice: &'a Choice, text: impl Fn(&'a Piece) -> Option<&'a String>) -> Option<String> {
    let texts: Vec<&str> = choice.pieces.iter().filter_map(text).map(String::as_str).collect();
    (!texts.is_empty()).then(|| texts.concat())
}
