//! Documents of the vendor in and out.

mod answers;
mod outgoing;
mod streams;

use bytes::Bytes;
use serde_json::Value;

use crate::answer::Event;
use crate::call::{Call, Message, Operation, Part, Role, Text};
use crate::dialect::testing::{self, sum};
use crate::dialect::{Dialect, Outgoing, Target};
use crate::error::{Broken, NoCounterpart};

const TARGET: Target<'static> = Target { model: "us.anthropic.claude-v1:0", output_tokens_default: 4_096 };

/// A call of chat completions with one text of the user's.
fn chat() -> Call {
    let mut call = Call::new(Dialect::OpenAi, Operation::Chat, Bytes::new());
    call.messages = vec![Message { role: Role::User, parts: vec![text("Hi")] }];
    call
}

fn said(messages: Vec<(Role, Vec<Part>)>) -> Call {
    let messages = messages.into_iter().map(|(role, parts)| Message { role, parts }).collect();
    Call { messages, ..chat() }
}

fn text(text: &str) -> Part {
    Part::Text(Text::from(text))
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
