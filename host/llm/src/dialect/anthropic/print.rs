//! Writes a whole answer for a client, and has the parts that a stream shares with it.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use super::turns::{object, thought_block};
use super::usage::Printed;
use crate::answer::{Answer, Choice, EndReason, Piece};
use crate::call::{Call, Operation};
use crate::usage::Usage;

#[derive(Serialize)]
pub struct Message<'a> {
    id: String,
    r#type: &'static str,
    role: &'static str,
    model: &'a str,
    content: Vec<Block<'a>>,
    #[serde(flatten)]
    stop: Stop<'a>,
    usage: Printed,
}

/// Why an answer ended.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Stop<'a> {
    stop_reason: Option<&'static str>,
    stop_sequence: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Block<'a> {
    Text {
        text: &'a str,
    },
    Thinking {
        thinking: &'a str,
        /// Empty: nobody of this dialect has signed it.
        signature: &'static str,
    },
    ToolUse {
        id: Cow<'a, str>,
        name: &'a str,
        input: Box<RawValue>,
    },
    /// What was thought, as it came.
    #[serde(untagged)]
    Thought(Box<RawValue>),
}

/// What Anthropic's page on fine-grained streaming has for arguments that are no JSON, as those that a limit has cut.
#[derive(Serialize)]
struct InvalidJson<'a> {
    #[serde(rename = "INVALID_JSON")]
    invalid_json: &'a str,
}

#[derive(Serialize)]
struct Count {
    input_tokens: u64,
}

pub fn write_answer(call: &Call, answer: &Answer) -> Vec<u8> {
    if call.operation == Operation::CountTokens {
        let input_tokens = answer.counted.unwrap_or_default();
        return serde_json::to_vec(&Count { input_tokens }).unwrap_or_default();
    }
    let nothing = Choice::default();
    let choice = answer.choices.first().unwrap_or(&nothing);
    let refused = choice.pieces.iter().any(|piece| matches!(piece, Piece::Refusal(_)));
    let usage = answer.usage.clone().unwrap_or_default();
    let mut message = message(call, &answer.id, &usage);
    message.content = content(choice, shows_thoughts(call));
    message.stop = stop(call, choice.end.unwrap_or(EndReason::Stop), refused);
    serde_json::to_vec(&message).unwrap_or_default()
}

/// With nothing in it yet.
pub fn message<'a>(call: &'a Call, id: &str, usage: &Usage) -> Message<'a> {
    Message {
        id: message_id(id),
        r#type: "message",
        role: "assistant",
        model: &call.model,
        content: Vec::new(),
        stop: Stop::default(),
        usage: Printed::of(usage),
    }
}

fn message_id(id: &str) -> String {
    if id.starts_with("msg_") {
        return id.to_owned();
    }
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || "_-".contains(letter) { letter } else { '_' };
    format!("msg_{}", id.chars().map(plain).collect::<String>())
}

/// Of a call to which its provider gave none.
pub fn tool_id(id: &str, tool: u32) -> Cow<'_, str> {
    if id.is_empty() { Cow::Owned(format!("call_0_{tool}")) } else { Cow::Borrowed(id) }
}

pub fn stop_reason(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Stop => "end_turn",
        EndReason::StopSequence => "stop_sequence",
        EndReason::Length => "max_tokens",
        EndReason::ToolCalls => "tool_use",
        EndReason::ContentFilter | EndReason::Refusal => "refusal",
        EndReason::Pause => "pause_turn",
    }
}

pub fn stop<'a>(call: &'a Call, reason: EndReason, refused: bool) -> Stop<'a> {
    let stop_reason = if refused && reason == EndReason::Stop { "refusal" } else { stop_reason(reason) };
    // Which it was is known where there is one only.
    let stop_sequence = match call.parameters.stop.as_slice() {
        [only] if reason == EndReason::StopSequence => Some(only.as_str()),
        _ => None,
    };
    Stop { stop_reason: Some(stop_reason), stop_sequence }
}

/// Whatever a provider shows unasked.
pub fn shows_thoughts(call: &Call) -> bool {
    call.thoughts_wanted != Some(false)
}

fn content(choice: &Choice, shows_thoughts: bool) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut thought: Option<&str> = None;
    for piece in &choice.pieces {
        if let Piece::ThoughtSealed { family, raw } = piece
            && let Some(raw) = thought_block(*family, raw)
        {
            // The block has the text that was shown.
            thought = None;
            blocks.push(Block::Thought(raw));
            continue;
        }
        blocks.extend(thought.take().map(unsigned));
        match piece {
            Piece::Text(text) | Piece::Refusal(text) => {
                if !text.is_empty() {
                    blocks.push(Block::Text { text });
                }
            }
            Piece::Thought(text) => thought = Some(text.as_str()).filter(|_| shows_thoughts),
            Piece::ToolBegin { tool, id, name } => {
                let input = input(choice.arguments(*tool));
                blocks.push(Block::ToolUse { id: tool_id(id, *tool), name, input });
            }
            Piece::ThoughtSealed { .. } | Piece::ToolArguments { .. } => {}
        }
    }
    blocks.extend(thought.map(unsigned));
    blocks
}

fn unsigned(thinking: &str) -> Block<'_> {
    Block::Thinking { thinking, signature: "" }
}

fn input(arguments: &str) -> Box<RawValue> {
    let invalid = || serde_json::value::to_raw_value(&InvalidJson { invalid_json: arguments }).unwrap_or_default();
    object(arguments).unwrap_or_else(invalid)
}
