//! Documents of the vendor in and out.

mod answers;
mod calls;
mod clients;
mod errors;
mod outgoing;
mod streams;
mod written;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::answer::{Event, Piece};
use crate::call::{Call, Message, Operation, Part, Role};
use crate::dialect::testing::{self, sum};
use crate::dialect::{Asked, Dialect, Outgoing, Target, WriteStream};
use crate::error::{Broken, CallError, NoCounterpart};
use crate::intake::Decode;
use crate::json::Document;

const TARGET: Target<'static> = Target { model: "claude-theirs", output_tokens_default: 4096 };

fn read_text(operation: Operation, text: &str) -> Result<Call, CallError> {
    let asked = Asked { dialect: Dialect::Anthropic, operation, model: None, streamed: None, as_array: false };
    let document = Document::parse(Bytes::from(text.to_owned())).unwrap();
    super::read_call(&asked, &document)
}

/// With a model, a limit and a message, unless the members say otherwise.
fn read(members: Value) -> Result<Call, CallError> {
    let mut body = json!({ "model": "claude", "max_tokens": 100, "messages": [{ "role": "user", "content": "Hi" }] });
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    read_text(Operation::Chat, &body.to_string())
}

/// A call of chat completions with one message of the user's.
fn chat() -> Call {
    let mut call = Call::new(Dialect::OpenAi, Operation::Chat, Bytes::new());
    call.model = "gpt".to_owned();
    call.messages.push(message(Role::User, vec![Part::Text("Hi".into())]));
    call
}

fn message(role: Role, parts: Vec<Part>) -> Message {
    Message { role, parts }
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

fn piece(piece: Piece) -> Event {
    Event::Piece { choice: 0, piece }
}

fn read_pieces(pieces: &[&[u8]]) -> (Vec<Event>, Result<(), Broken>) {
    testing::read_pieces(super::StreamReader::default(), pieces)
}

fn write_bytes(call: &Call, events: &[Event]) -> Vec<u8> {
    let (mut writer, mut out) = (super::StreamWriter::new(call), Vec::new());
    for event in events {
        writer.write(event, &mut out);
    }
    out
}

/// The events as a client reads them: name and data.
fn write_events(call: &Call, events: &[Event]) -> Vec<(String, Value)> {
    let (mut decoder, mut frames) = (crate::sse::Decoder::default(), Vec::new());
    decoder.push(&write_bytes(call, events), &mut frames).unwrap();
    decoder.end(&mut frames).unwrap();
    frames.into_iter().map(|frame| (frame.name, serde_json::from_str(&frame.data.unwrap()).unwrap())).collect()
}

/// The writer shows thoughts of other vendors without a signature; they come back, and Anthropic would refuse them.
#[test]
fn thoughts_that_nobody_signed_do_not_go_to_the_vendor() {
    let source = r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":""},{"type":"text", "text":"b"},{"type":"thinking","thinking":"x","signature":"s"}]},{"role":"user","content":"c"}]}"#;
    let asked = crate::dialect::Asked {
        dialect: crate::Dialect::Anthropic,
        operation: crate::Operation::Chat,
        model: None,
        streamed: None,
        as_array: false,
    };
    let call = crate::dialect::read_call(&asked, bytes::Bytes::from_static(source.as_bytes())).unwrap();
    let target = crate::dialect::Target { model: "m", output_tokens_default: 1 };
    let sent = crate::dialect::write_call(&call, &crate::dialect::Wire::Anthropic, target).unwrap().body;
    assert_eq!(sent, source.replace(r#"{"type":"thinking","thinking":"hm","signature":""},"#, ""));
    let thoughts =
        call.messages.iter().flat_map(|message| &message.parts).filter(|part| matches!(part, crate::Part::Thought(_)));
    assert_eq!(thoughts.count(), 1);
}
