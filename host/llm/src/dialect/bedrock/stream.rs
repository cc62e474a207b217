//! Reads a stream of frames.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::answer::{self, begin, end_reason, next_tool, piece, text, tool_begin};
use super::frame::{Decoder, Frame};
use super::{error, thought};
use crate::answer::{Event, Piece};
use crate::call::Operation;
use crate::error::Broken;
use crate::intake::{self, ReadFrames};
use crate::json::{Document, Value};

/// All others are passed over.
const EVENTS: [&str; 6] =
    ["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"];
/// Blocks that are open at once.
const BLOCKS_MAX: usize = 1024;
/// Of all thoughts that are kept until they are whole.
const KEPT_BYTES_MAX: usize = 4 << 20;

pub type StreamReader = intake::Reader<Frames>;

#[derive(Default)]
pub struct Frames {
    begun: bool,
    blocks: BTreeMap<u64, Block>,
    tools: u32,
    kept_bytes: usize,
    stopped: bool,
    over: bool,
}

#[derive(Default)]
struct Block {
    tool: Option<u32>,
    /// What was thought, and its signature: they must come back together.
    thought: String,
    signature: String,
    redacted: Vec<u8>,
}

impl ReadFrames for Frames {
    type Decoder = Decoder;

    fn frame(&mut self, frame: &Frame, events: &mut Vec<Event>) -> Result<(), Broken> {
        match frame.kind.as_str() {
            "exception" => {
                let document = Document::parse(frame.payload.clone()).ok();
                let root = document.as_ref().map(|document| &document.root);
                let message = root.map(|root| text(root, "message")).unwrap_or_default();
                self.fail(&frame.name, message, events);
                return Ok(());
            }
            "error" => {
                self.fail(&frame.name, &frame.message, events);
                return Ok(());
            }
            _ => {}
        }
        if !EVENTS.contains(&frame.name.as_str()) {
            return Ok(());
        }
        let Ok(document) = Document::parse(frame.payload.clone()) else {
            return Err(Broken::found("A frame with a JSON object was expected", &frame.payload));
        };
        if !self.begun {
            self.begun = true;
            events.push(begin());
        }
        self.event(&frame.name, &document, events)
    }

    fn is_over(&self) -> bool {
        self.over
    }

    fn whole(&mut self, body: Bytes, events: &mut Vec<Event>) -> Result<(), Broken> {
        self.over = true;
        events.extend(answer::read_answer(Operation::Chat, &body)?);
        Ok(())
    }

    fn end(&mut self, _head: &[u8], _events: &mut Vec<Event>) -> Result<(), Broken> {
        Err(Broken::new(match (self.begun, self.stopped) {
            (false, _) => "The stream ended before its `messageStart` event.",
            (true, false) => "The stream ended before its `messageStop` event.",
            (true, true) => "The stream ended before its `metadata` event.",
        }))
    }
}

impl Frames {
    fn event(&mut self, name: &str, document: &Document, events: &mut Vec<Event>) -> Result<(), Broken> {
        let root = &document.root;
        let index = root.get("contentBlockIndex").and_then(Value::as_u64).unwrap_or(0);
        match name {
            // Behind the end only the figures count.
            name if self.stopped && name != "metadata" => {}
            "contentBlockStart" => {
                if let Some(used) = root.get("start").and_then(|start| start.get("toolUse")) {
                    let tool = next_tool(&mut self.tools)?;
                    self.block(index)?.tool = Some(tool);
                    events.push(tool_begin(tool, used)?);
                }
            }
            "contentBlockDelta" => {
                if let Some(delta) = root.get("delta") {
                    self.delta(index, delta, events)?;
                }
            }
            "contentBlockStop" => {
                if let Some(block) = self.blocks.remove(&index) {
                    events.extend(thought::sealed(&block.thought, &block.signature).map(piece));
                    events.extend(thought::redacted(block.redacted).map(piece));
                }
            }
            "messageStop" => match end_reason(text(root, "stopReason")) {
                Ok(reason) => {
                    self.stopped = true;
                    events.push(Event::End { choice: 0, reason });
                }
                Err(error) => {
                    self.over = true;
                    events.push(Event::Error(error));
                }
            },
            "metadata" => {
                events.extend(root.get("usage").map(|usage| Event::Usage(answer::usage(document, usage))));
                if self.stopped {
                    self.over = true;
                    events.push(Event::Done);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn delta(&mut self, index: u64, delta: &Value, events: &mut Vec<Event>) -> Result<(), Broken> {
        let said = text(delta, "text");
        if !said.is_empty() {
            events.push(piece(Piece::Text(said.to_owned())));
        }
        if let Some(used) = delta.get("toolUse") {
            let Some(tool) = self.blocks.get(&index).and_then(|block| block.tool) else {
                return Err(Broken::new("A piece of a tool's input comes before the call's beginning."));
            };
            let input = text(used, "input");
            if !input.is_empty() {
                events.push(piece(Piece::ToolArguments { tool, text: input.to_owned() }));
            }
        }
        if let Some(reasoning) = delta.get("reasoningContent") {
            let said = text(reasoning, "text");
            let (signature, redacted) = (text(reasoning, "signature"), text(reasoning, "redactedContent"));
            self.kept_bytes = self.kept_bytes.saturating_add(said.len() + signature.len() + redacted.len());
            if self.kept_bytes > KEPT_BYTES_MAX {
                return Err(Broken::new(format!("The thoughts of the answer are longer than {KEPT_BYTES_MAX} bytes.")));
            }
            let block = self.block(index)?;
            block.thought.push_str(said);
            block.signature.push_str(signature);
            block.redacted.extend(thought::decoded(redacted));
            if !said.is_empty() {
                events.push(piece(Piece::Thought(said.to_owned())));
            }
        }
        Ok(())
    }

    fn block(&mut self, index: u64) -> Result<&mut Block, Broken> {
        if self.blocks.len() >= BLOCKS_MAX && !self.blocks.contains_key(&index) {
            return Err(Broken::new(format!("The answer has more than {BLOCKS_MAX} open blocks.")));
        }
        Ok(self.blocks.entry(index).or_default())
    }

    fn fail(&mut self, name: &str, message: &str, events: &mut Vec<Event>) {
        self.over = true;
        events.push(Event::Error(error::named(name, message, None)));
    }
}
