//! Documents of the vendor in and out.

mod answers;
mod calls;
mod conversation;
mod embeddings;
mod errors;
mod outgoing;
mod spoken;
mod streams;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::answer::Event;
use crate::call::{Call, Message, Operation, Part, Role};
use crate::dialect::testing::{self, sum};
use crate::dialect::{Asked, Dialect, Outgoing, Target, WriteStream};
use crate::error::{Broken, CallError, NoCounterpart};
use crate::intake::Decode;
use crate::json::Document;

const TARGET: Target<'static> = Target { model: "gemini-3-theirs", output_tokens_default: 4096 };

fn read_as(operation: Operation, text: &str) -> Result<Call, CallError> {
    let (model, streamed) = (Some("gemini-3".to_owned()), Some(false));
    let document = Document::parse(Bytes::from(text.to_owned())).unwrap();
    super::read_call(&Asked { dialect: Dialect::Gemini, operation, model, streamed, as_array: false }, &document)
}

/// With one text of the user's, unless the members say otherwise.
fn read(members: Value) -> Result<Call, CallError> {
    let mut body = json!({ "contents": [{ "role": "user", "parts": [{ "text": "Hi" }] }] });
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    read_as(Operation::Chat, &body.to_string())
}

/// A call of chat completions with these messages.
fn chat(messages: Vec<(Role, Vec<Part>)>) -> Call {
    let mut call = Call::new(Dialect::OpenAi, Operation::Chat, Bytes::new());
    call.model = "gpt-5".to_owned();
    call.messages = messages.into_iter().map(|(role, parts)| Message { role, parts }).collect();
    call
}

/// Of one text of the user's.
fn hello() -> Call {
    chat(vec![(Role::User, vec![Part::Text("Hi".into())])])
}

fn written(call: &Call) -> Result<Outgoing, NoCounterpart> {
    super::write_call(call, TARGET)
}

fn body(call: &Call) -> Value {
    serde_json::from_slice(&written(call).unwrap().body).unwrap()
}

fn refusal(call: &Call) -> String {
    written(call).unwrap_err().message
}

fn read_pieces(pieces: &[&[u8]]) -> (Vec<Event>, Result<(), Broken>) {
    testing::read_pieces(super::StreamReader::default(), pieces)
}

/// The data of the events that a client reads; they have no names.
fn write_events(call: &Call, events: &[Event]) -> Vec<Value> {
    let (mut writer, mut out) = (super::StreamWriter::new(call), Vec::new());
    events.iter().for_each(|event| writer.write(event, &mut out));
    let (mut decoder, mut frames) = (crate::sse::Decoder::default(), Vec::new());
    decoder.push(&out, &mut frames).unwrap();
    decoder.end(&mut frames).unwrap();
    let data = frames.into_iter().map(|frame| {
        assert_eq!(frame.name, "");
        serde_json::from_str(&frame.data.unwrap()).unwrap()
    });
    data.collect()
}
