//! Reads a stream of named events: a message starts, its blocks start, grow and stop, and it says why it ended.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;

use super::answer::{self, begin, piece, say, text};
use super::error;
use super::usage::Figures;
use crate::answer::{Event, Piece};
use crate::call::Operation;
use crate::error::Broken;
use crate::intake::{self, ReadFrames};
use crate::json::{Document, Value};
use crate::sse::{Decoder, EVENT_BYTES_MAX, Frame};

/// Blocks that are open at once; the vendor has one.
const OPEN_BLOCKS_MAX: usize = 64;
/// Of all thoughts that are open, each of which must go back as a whole.
const THOUGHTS_BYTES_MAX: usize = EVENT_BYTES_MAX;

#[derive(Debug, Default, PartialEq)]
enum State {
    #[default]
    Fresh,
    Begun,
    /// Done or failed.
    Over,
}

#[derive(Debug)]
enum Block {
    Text,
    Thinking(Thinking),
    Tool {
        tool: u32,
        input: Input,
    },
    /// Thoughts that are sealed already, and what nobody but a client of this dialect asks for.
    Other,
}

/// How far the input of a tool is told.
#[derive(Debug)]
enum Input {
    /// Its start has an empty one, as the vendor's has: none, where no pieces follow.
    Nothing,
    /// Its start had all of it, as imitations have it.
    Whole,
    Pieces,
}

/// As it goes back.
#[derive(Debug, Serialize)]
struct Thinking {
    r#type: &'static str,
    thinking: String,
    signature: String,
}

pub type StreamReader = intake::Reader<Frames>;

#[derive(Default)]
pub struct Frames {
    state: State,
    /// Those that are open, by their index.
    blocks: BTreeMap<u64, Block>,
    /// Of the thoughts among them.
    thought_bytes: usize,
    tools: u32,
    /// There was text.
    said: bool,
    ended: bool,
    figures: Figures,
}

impl ReadFrames for Frames {
    type Decoder = Decoder;

    fn frame(&mut self, frame: &Frame, events: &mut Vec<Event>) -> Result<(), Broken> {
        match frame.object()? {
            Some(document) => self.event(&frame.name, &document, events),
            None => Ok(()),
        }
    }

    fn is_over(&self) -> bool {
        self.state == State::Over
    }

    fn whole(&mut self, body: Bytes, events: &mut Vec<Event>) -> Result<(), Broken> {
        self.state = State::Over;
        events.extend(answer::read_answer(Operation::Chat, &body)?);
        Ok(())
    }

    fn end(&mut self, head: &[u8], _events: &mut Vec<Event>) -> Result<(), Broken> {
        match self.state {
            State::Over => Ok(()),
            State::Begun => Err(Broken::new("The stream ended before its `message_stop` event.")),
            State::Fresh => Err(Broken::found("The stream ended before its `message_start` event", head)),
        }
    }
}

impl Frames {
    fn event(&mut self, name: &str, document: &Document, events: &mut Vec<Event>) -> Result<(), Broken> {
        let event = &document.root;
        let named = event.get("type").and_then(Value::as_str);
        let index = event.get("index").and_then(Value::as_u64).unwrap_or(0);
        match named.unwrap_or(name) {
            // Behind the reason of the end only the figures count. Who passes events on must not pass what nobody read.
            name if self.ended && name.starts_with("content_block_") => silent(event)?,
            "message_start" => {
                let message = event.get("message").unwrap_or(event);
                self.begin(message, events);
                self.count(document, message, events);
            }
            "content_block_start" => {
                self.begin(&NOTHING, events);
                self.block_start(document, index, event.get("content_block"), events)?;
            }
            "content_block_delta" => {
                if let Some(delta) = event.get("delta") {
                    self.block_delta(index, delta, events)?;
                }
            }
            "content_block_stop" => {
                if let Some(block) = self.blocks.remove(&index) {
                    self.stop(block, events);
                }
            }
            "message_delta" => {
                self.begin(&NOTHING, events);
                if let Some(delta) = event.get("delta").filter(|delta| !text(delta, "stop_reason").is_empty()) {
                    self.end_choice(delta, events);
                }
                self.count(document, event, events);
            }
            "message_stop" => {
                self.begin(&NOTHING, events);
                self.end_choice(&NOTHING, events);
                events.push(Event::Done);
                self.state = State::Over;
            }
            "error" => self.fail(event, document, events)?,
            // An error without a name is how some servers break off.
            _ if event.get("error").is_some_and(|error| !error.is_null()) => self.fail(event, document, events)?,
            // `ping`, and what the vendor may add.
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, message: &Value, events: &mut Vec<Event>) {
        if self.state == State::Fresh {
            self.state = State::Begun;
            events.push(begin(message));
        }
    }

    fn count(&mut self, document: &Document, holder: &Value, events: &mut Vec<Event>) {
        if let Some(usage) = holder.get("usage").filter(|usage| usage.as_object().is_some()) {
            self.figures.add(document, Some(usage));
            events.extend(self.figures.usage().map(Event::Usage));
        }
    }

    /// Once.
    fn end_choice(&mut self, ended: &Value, events: &mut Vec<Event>) {
        // A block that nobody has stopped is whole all the same where its message is.
        for block in std::mem::take(&mut self.blocks).into_values() {
            self.stop(block, events);
        }
        if !std::mem::replace(&mut self.ended, true) {
            answer::end(ended, self.tools, self.said, events);
        }
    }

    fn fail(&mut self, event: &Value, document: &Document, events: &mut Vec<Event>) -> Result<(), Broken> {
        let error = error::described(event, None)
            .ok_or_else(|| Broken::found("An error event was expected to hold its error", document.source()))?;
        events.push(Event::Error(error));
        self.state = State::Over;
        Ok(())
    }

    fn block_start(
        &mut self,
        document: &Document,
        index: u64,
        block: Option<&Value>,
        events: &mut Vec<Event>,
    ) -> Result<(), Broken> {
        let Some(block) = block else { return Ok(()) };
        if let Some(before) = self.blocks.remove(&index) {
            self.stop(before, events);
        }
        if self.blocks.len() >= OPEN_BLOCKS_MAX {
            return Err(Broken::new(format!("The answer has more than {OPEN_BLOCKS_MAX} blocks open at once.")));
        }
        let opened = match text(block, "type") {
            "text" => {
                self.said |= !text(block, "text").is_empty();
                say(Piece::Text, text(block, "text"), events);
                Block::Text
            }
            "thinking" => {
                say(Piece::Thought, text(block, "thinking"), events);
                self.keep(text(block, "thinking").len() + text(block, "signature").len())?;
                Block::Thinking(Thinking {
                    r#type: "thinking",
                    thinking: text(block, "thinking").to_owned(),
                    signature: text(block, "signature").to_owned(),
                })
            }
            "redacted_thinking" => {
                events.push(answer::sealed(document.raw(block).to_owned()));
                Block::Other
            }
            "tool_use" => {
                let tool = answer::next_tool(&mut self.tools)?;
                events.push(answer::tool_begin(tool, block)?);
                // Told with the frame that it stands in, so that a change finds its place.
                let whole = block.get("input").filter(|input| input.as_object().is_some_and(|input| !input.is_empty()));
                let text = whole.map(|input| document.raw(input).to_owned());
                events.extend(text.map(|text| piece(Piece::ToolArguments { tool, text })));
                Block::Tool { tool, input: if whole.is_some() { Input::Whole } else { Input::Nothing } }
            }
            _ => Block::Other,
        };
        self.blocks.insert(index, opened);
        Ok(())
    }

    fn block_delta(&mut self, index: u64, delta: &Value, events: &mut Vec<Event>) -> Result<(), Broken> {
        self.keep(["thinking", "signature"].iter().map(|member| text(delta, member).len()).sum())?;
        let Some(block) = self.blocks.get_mut(&index) else {
            return Err(Broken::new(format!(
                "The stream has a piece of block {index} outside of the block's `content_block_start` and `content_block_stop` events."
            )));
        };
        match (block, text(delta, "type")) {
            (Block::Text, "text_delta") => {
                self.said |= !text(delta, "text").is_empty();
                say(Piece::Text, text(delta, "text"), events);
            }
            (Block::Thinking(thinking), "thinking_delta") => {
                let said = text(delta, "thinking");
                say(Piece::Thought, said, events);
                thinking.thinking.push_str(said);
            }
            (Block::Thinking(thinking), "signature_delta") => thinking.signature.push_str(text(delta, "signature")),
            (Block::Tool { tool, input }, "input_json_delta") => {
                let said = text(delta, "partial_json");
                if !said.is_empty() {
                    if matches!(input, Input::Whole) {
                        return Err(Broken::new(format!(
                            "Block {index} of the answer has all of its `input` at its start, and pieces of it behind that."
                        )));
                    }
                    *input = Input::Pieces;
                    events.push(piece(Piece::ToolArguments { tool: *tool, text: said.to_owned() }));
                }
            }
            // Citations, and what the vendor may add.
            _ => {}
        }
        Ok(())
    }

    fn keep(&mut self, bytes: usize) -> Result<(), Broken> {
        self.thought_bytes += bytes;
        match self.thought_bytes > THOUGHTS_BYTES_MAX {
            true => Err(Broken::new(format!(
                "The thoughts under way in the answer are longer than {THOUGHTS_BYTES_MAX} bytes."
            ))),
            false => Ok(()),
        }
    }

    fn stop(&mut self, block: Block, events: &mut Vec<Event>) {
        match block {
            Block::Thinking(thinking) => {
                let bytes = thinking.thinking.len() + thinking.signature.len();
                self.thought_bytes = self.thought_bytes.saturating_sub(bytes);
                if let Ok(raw) = serde_json::to_string(&thinking) {
                    events.push(answer::sealed(raw));
                }
            }
            Block::Tool { tool, input: Input::Nothing } => {
                events.push(piece(Piece::ToolArguments { tool, text: "{}".to_owned() }));
            }
            Block::Tool { .. } | Block::Text | Block::Other => {}
        }
    }
}

/// Fails where the event starts a block or goes on with one, and not with nothing.
fn silent(event: &Value) -> Result<(), Broken> {
    let members = ["text", "thinking", "partial_json", "signature"];
    let has_words = |part: &Value| members.iter().any(|member| !text(part, member).is_empty());
    let starts = |block: &Value| !matches!(text(block, "type"), "text" | "thinking") || has_words(block);
    match event.get("content_block").is_some_and(starts) || event.get("delta").is_some_and(has_words) {
        true => Err(Broken::new("The answer has a block that goes on behind its `stop_reason`.")),
        false => Ok(()),
    }
}

static NOTHING: Value = Value { kind: crate::json::Kind::Null, span: 0..0 };
