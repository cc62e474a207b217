//! Documents of the vendor in and out.

mod answers;
mod calls;
mod clients;
mod items;
mod outgoing;
mod streams;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::answer::Event;
use crate::call::{Call, Operation};
use crate::dialect::testing::{self, sum};
use crate::dialect::{Asked, Dialect, Outgoing, Target, WriteStream};
use crate::error::{Broken, CallError, NoCounterpart};
use crate::intake::Decode;
use crate::json::Document;

const TARGET: Target<'static> = Target { model: "gpt-5-theirs", output_tokens_default: 4096 };

fn read_text(text: &str) -> Result<Call, CallError> {
    let asked = Asked {
        dialect: Dialect::OpenAiResponses,
        operation: Operation::Chat,
        model: None,
        streamed: None,
        as_array: false,
    };
    let document = Document::parse(Bytes::from(text.to_owned())).unwrap();
    super::read_call(&asked, &document)
}

/// With a model and an input, unless the members say otherwise.
fn read(members: Value) -> Result<Call, CallError> {
    let mut body = json!({ "model": "gpt-5", "input": "Hi" });
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    read_text(&body.to_string())
}

/// A call of chat completions without anything in it.
fn chat() -> Call {
    let mut call = Call::new(Dialect::OpenAi, Operation::Chat, Bytes::new());
    call.model = "gpt-5".to_owned();
    call
}

fn written(call: &Call) -> Result<Outgoing, NoCounterpart> {
    super::write_call(call, TARGET, "/responses")
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

/// The events as a client reads them: name and data.
fn write_events(call: &Call, events: &[Event]) -> Vec<(String, Value)> {
    let (mut writer, mut out) = (super::StreamWriter::new(call), Vec::new());
    for event in events {
        writer.write(event, &mut out);
    }
    let (mut decoder, mut frames) = (crate::sse::Decoder::default(), Vec::new());
    decoder.push(&out, &mut frames).unwrap();
    decoder.end(&mut frames).unwrap();
    frames.into_iter().map(|frame| (frame.name, serde_json::from_str(&frame.data.unwrap()).unwrap())).collect()
}
