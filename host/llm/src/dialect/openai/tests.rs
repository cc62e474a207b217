//! The dialect against documents as vendors send and take them.

mod answers;
mod errors;
mod printed;
mod requests;
mod spliced;
mod streams;
mod written;

use bytes::Bytes;
use serde_json::Value;

use crate::answer::{Answer, Event};
use crate::call::{Call, Operation, Role, Text};
use crate::dialect::testing;
use crate::dialect::{Asked, Dialect, Target, Wire, read_call, write_call};
use crate::error::{Broken, CallError};
use crate::{Message, Part};

const TARGET: Target<'_> = Target { model: "gpt-4o", output_tokens_default: 4_096 };

fn asked(operation: Operation) -> Asked {
    Asked { dialect: Dialect::OpenAi, operation, model: None, streamed: None, as_array: false }
}

fn chat(body: &str) -> Result<Call, CallError> {
    read_call(&asked(Operation::Chat), Bytes::copy_from_slice(body.as_bytes()))
}

fn embeddings(body: &str) -> Result<Call, CallError> {
    read_call(&asked(Operation::Embeddings), Bytes::copy_from_slice(body.as_bytes()))
}

/// A call whose members besides model and messages are these.
fn with(members: &str) -> String {
    format!(r#"{{"model":"m","messages":[{{"role":"user","content":"Hi"}}],{members}}}"#)
}

/// A call with these messages.
fn saying(messages: &str) -> String {
    format!(r#"{{"model":"m","messages":[{messages}]}}"#)
}

/// A call of another dialect in which the user says "Hi".
fn foreign() -> Call {
    let mut call = Call::new(Dialect::Anthropic, Operation::Chat, Bytes::from_static(b"{}"));
    call.model = "claude".to_owned();
    call.messages = vec![message(Role::User, vec![Part::Text("Hi".into())])];
    call
}

fn message(role: Role, parts: Vec<Part>) -> Message {
    Message { role, parts }
}

fn text(text: &str) -> Part {
    Part::Text(Text::from(text))
}

fn printed(call: &Call) -> Value {
    serde_json::from_slice(&write_call(call, &Wire::OpenAi, TARGET).unwrap().body).unwrap()
}

fn refusal(call: &Call) -> String {
    write_call(call, &Wire::OpenAi, TARGET).unwrap_err().message
}

fn stream(pieces: &[&[u8]]) -> (Vec<Event>, Result<(), Broken>) {
    testing::read_pieces(super::StreamReader::default(), pieces)
}

fn added(events: Vec<Event>) -> Answer {
    let mut answer = Answer::default();
    events.into_iter().for_each(|event| answer.take(event));
    answer
}
