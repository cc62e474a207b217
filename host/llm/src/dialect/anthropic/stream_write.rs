//! Writes a stream for a client.

use serde::Serialize;
use serde_json::value::RawValue;

use super::error::type_of;
use super::print::{self, Message, Stop};
use super::turns::thought_block;
use super::usage::Printed;
use crate::answer::{EndReason, Event, Piece};
use crate::call::Call;
use crate::dialect::WriteStream;
use crate::error::ProviderError;
use crate::sse;
use crate::usage::Usage;

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Said<'a> {
    MessageStart { message: Message<'a> },
    ContentBlockStart { index: u64, content_block: Start<'a> },
    ContentBlockDelta { index: u64, delta: Delta<'a> },
    ContentBlockStop { index: u64 },
    MessageDelta { delta: Stop<'a>, usage: Printed },
    MessageStop,
    Error { error: Failed<'a> },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Start<'a> {
    Text {
        text: &'static str,
    },
    Thinking {
        thinking: &'static str,
        signature: &'static str,
    },
    ToolUse {
        id: &'a str,
        name: &'a str,
        input: Nothing,
    },
    /// A redacted thought, which comes whole.
    #[serde(untagged)]
    Thought(Box<RawValue>),
}

/// `{}`
#[derive(Serialize)]
struct Nothing {}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Delta<'a> {
    #[serde(rename = "text_delta")]
    Text { text: &'a str },
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: &'a str },
    #[serde(rename = "signature_delta")]
    Signature { signature: &'a str },
    #[serde(rename = "input_json_delta")]
    InputJson { partial_json: &'a str },
}

#[derive(Serialize)]
struct Failed<'a> {
    r#type: &'a str,
    message: &'a str,
}

/// A thought as its vendor has it.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Sealed {
    r#type: String,
    thinking: String,
    signature: String,
}

#[derive(Debug, PartialEq)]
enum Block {
    Text,
    Thinking,
    Tool { tool: u32, arguments: Arguments },
}

/// How far the JSON text of a tool's arguments has come.
#[derive(Debug, Default, PartialEq)]
struct Arguments {
    depth: usize,
    begun: bool,
    in_string: bool,
    escaped: bool,
}

pub struct StreamWriter {
    call: Call,
    begun: bool,
    over: bool,
    /// Those that are open, by their index: one, unless providers mix the arguments of several calls.
    open: Vec<(u64, Block)>,
    next: u64,
    refused: bool,
    end: Option<EndReason>,
    usage: Usage,
}

impl StreamWriter {
    pub fn new(call: &Call) -> StreamWriter {
        StreamWriter {
            call: Call { messages: Vec::new(), tools: Vec::new(), source: bytes::Bytes::new(), ..call.clone() },
            begun: false,
            over: false,
            open: Vec::new(),
            next: 0,
            refused: false,
            end: None,
            usage: Usage::default(),
        }
    }
}

impl WriteStream for StreamWriter {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        match event {
            Event::Begin { id, .. } => self.begin(id, out),
            // An answer of this dialect has one choice.
            Event::Piece { choice: 0, piece } => {
                self.begin("", out);
                self.piece(piece, out);
            }
            Event::End { choice: 0, reason } => self.end = Some(*reason),
            Event::Usage(usage) => self.usage = usage.clone(),
            Event::Done => {
                self.begin("", out);
                self.close(true, out);
                let stop = print::stop(&self.call, self.end.unwrap_or(EndReason::Stop), self.refused);
                write("message_delta", &Said::MessageDelta { delta: stop, usage: Printed::of(&self.usage) }, out);
                write("message_stop", &Said::MessageStop, out);
                self.over = true;
            }
            Event::Error(error) => {
                self.over = true;
                fail(error, out);
            }
            Event::Piece { .. } | Event::End { .. } | Event::Vectors(_) | Event::Counted { .. } => {}
        }
    }
}

impl StreamWriter {
    fn begin(&mut self, id: &str, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.begun, true) {
            let message = print::message(&self.call, id, &self.usage);
            write("message_start", &Said::MessageStart { message }, out);
        }
    }

    fn piece(&mut self, piece: &Piece, out: &mut Vec<u8>) {
        match piece {
            Piece::Text(text) | Piece::Refusal(text) => {
                self.refused |= matches!(piece, Piece::Refusal(_));
                if !text.is_empty() {
                    let index = self.within(Block::Text, out);
                    delta(index, Delta::Text { text }, out);
                }
            }
            Piece::Thought(thinking) => {
                if !thinking.is_empty() && print::shows_thoughts(&self.call) {
                    let index = self.within(Block::Thinking, out);
                    delta(index, Delta::Thinking { thinking }, out);
                }
            }
            Piece::ThoughtSealed { family, raw } => match thought_block(*family, raw) {
                Some(raw) => self.seal(raw, out),
                None => self.stop_thought(out),
            },
            Piece::ToolBegin { tool, id, name } => {
                let id = &print::tool_id(id, *tool);
                let start = Start::ToolUse { id, name, input: Nothing {} };
                self.start(Block::Tool { tool: *tool, arguments: Arguments::default() }, start, out);
            }
            Piece::ToolArguments { tool, text } => {
                let found = self.open.iter_mut().find_map(|(index, block)| match block {
                    Block::Tool { tool: other, arguments } if other == tool => Some((*index, arguments)),
                    _ => None,
                });
                if let Some((index, arguments)) = found.filter(|_| !text.is_empty()) {
                    arguments.take(text);
                    delta(index, Delta::InputJson { partial_json: text }, out);
                }
            }
        }
    }

    /// A thought of the client's own vendor ends with what has to come back.
    fn seal(&mut self, raw: Box<RawValue>, out: &mut Vec<u8>) {
        let sealed: Sealed = serde_json::from_str(raw.get()).unwrap_or_default();
        if sealed.r#type != "thinking" {
            self.stop_thought(out);
            let index = self.next;
            self.start(Block::Thinking, Start::Thought(raw), out);
            self.stop_at(index, out);
            return;
        }
        // Nothing of it was shown before where it comes whole.
        if !self.open.iter().any(|(_, block)| *block == Block::Thinking) {
            let index = self.within(Block::Thinking, out);
            if !sealed.thinking.is_empty() {
                delta(index, Delta::Thinking { thinking: &sealed.thinking }, out);
            }
        }
        let index = self.within(Block::Thinking, out);
        delta(index, Delta::Signature { signature: &sealed.signature }, out);
        self.stop_at(index, out);
    }

    fn stop_thought(&mut self, out: &mut Vec<u8>) {
        let open = self.open.iter().find(|(_, block)| *block == Block::Thinking).map(|(index, _)| *index);
        if let Some(index) = open {
            self.stop_at(index, out);
        }
    }

    /// The index of the open block of this kind, text or thinking; opens one where there is none.
    fn within(&mut self, kind: Block, out: &mut Vec<u8>) -> u64 {
        if let Some((index, _)) = self.open.iter().find(|(_, block)| *block == kind) {
            return *index;
        }
        let start = match kind {
            Block::Text => Start::Text { text: "" },
            _ => Start::Thinking { thinking: "", signature: "" },
        };
        self.start(kind, start, out)
    }

    fn start(&mut self, block: Block, start: Start<'_>, out: &mut Vec<u8>) -> u64 {
        self.close(false, out);
        let index = self.next;
        self.next += 1;
        self.open.push((index, block));
        write("content_block_start", &Said::ContentBlockStart { index, content_block: start }, out);
        index
    }

    /// Stops what is open. A call whose arguments are not whole stays open: they may still come, mixed with those of the next.
    fn close(&mut self, all: bool, out: &mut Vec<u8>) {
        let (whole, rest) = std::mem::take(&mut self.open)
            .into_iter()
            .partition(|(_, block)| all || !matches!(block, Block::Tool { arguments, .. } if !arguments.is_whole()));
        self.open = rest;
        let whole: Vec<(u64, Block)> = whole;
        for (index, _) in whole {
            write("content_block_stop", &Said::ContentBlockStop { index }, out);
        }
    }

    fn stop_at(&mut self, index: u64, out: &mut Vec<u8>) {
        self.open.retain(|(other, _)| *other != index);
        write("content_block_stop", &Said::ContentBlockStop { index }, out);
    }
}

impl Arguments {
    fn take(&mut self, text: &str) {
        for byte in text.bytes() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = self.in_string,
                b'"' => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'{' | b'[' => {
                    self.begun = true;
                    self.depth += 1;
                }
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }

    fn is_whole(&self) -> bool {
        self.begun && self.depth == 0
    }
}

fn delta(index: u64, delta: Delta<'_>, out: &mut Vec<u8>) {
    write("content_block_delta", &Said::ContentBlockDelta { index, delta }, out);
}

fn fail(error: &ProviderError, out: &mut Vec<u8>) {
    let r#type = type_of(error.kind);
    write("error", &Said::Error { error: Failed { r#type, message: &error.message } }, out);
}

fn write(name: &str, said: &Said<'_>, out: &mut Vec<u8>) {
    if let Ok(json) = serde_json::to_string(said) {
        sse::write(name, &json, out);
    }
}
