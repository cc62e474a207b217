//! Reads a stream of frames.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::answer::{self, begin, end_reason, next_tool, piece, text, tool_begin};
use super::frame::{Decoder, Frame};
use super::{error, thought};
use crate::answer::{Event, Piece};
use crate::call::Operation;
use crate::dialect::ReadStream;
use crate::error::Broken;
use crate::json::{Document, Value};

const EXPECTED: &str = "A stream of frames was expected";
/// Of what came first, for a sentence about a stream that is none.
const HEAD_BYTES: usize = 64;
/// Blocks that are open at once.
const BLOCKS_MAX: usize = 1024;
/// Of all thoughts that are kept until they are whole, and of a body that is no stream.
const KEPT_BYTES_MAX: usize = 4 << 20;

#[derive(Default)]
pub struct StreamReader {
    decoder: Decoder,
    head: Vec<u8>,
    form: Form,
    begun: bool,
    blocks: BTreeMap<u64, Block>,
    tools: u32,
    kept_bytes: usize,
    stopped: bool,
    over: bool,
}

#[derive(Default)]
enum Form {
    #[default]
    Unknown,
    Frames,
    /// One JSON text, kept until its end.
    Json(Vec<u8>),
    /// Shown in the error as far as it comes.
    Page,
}

#[derive(Default)]
struct Block {
    tool: Option<u32>,
    /// What was thought, and its signature: they must come back together.
    thought: String,
    signature: String,
    redacted: Vec<u8>,
}

impl ReadStream for StreamReader {
    fn push(&mut self, bytes: &[u8], events: &mut Vec<Event>) -> Result<(), Broken> {
        if self.over {
            return Ok(());
        }
        self.head.extend(bytes.iter().take(HEAD_BYTES.saturating_sub(self.head.len())));
        if matches!(self.form, Form::Unknown) {
            self.form = match bytes.first() {
                None => Form::Unknown,
                // A length below 16 MiB begins so.
                Some(0) => Form::Frames,
                Some(b'{') => Form::Json(Vec::new()),
                Some(_) => Form::Page,
            };
        }
        match &mut self.form {
            Form::Unknown => Ok(()),
            Form::Json(body) => {
                body.extend_from_slice(bytes);
                match body.len() > KEPT_BYTES_MAX {
                    true => {
                        Err(Broken::new(format!("The answer is no stream, and longer than {KEPT_BYTES_MAX} bytes.")))
                    }
                    false => Ok(()),
                }
            }
            Form::Page if self.head.len() < HEAD_BYTES => Ok(()),
            Form::Page => Err(error::broken(EXPECTED, &self.head)),
            Form::Frames => {
                let mut frames = Vec::new();
                // What came in front of a broken frame is told all the same.
                let pushed = self.decoder.push(bytes, &mut frames);
                for frame in frames {
                    self.frame(&frame, events)?;
                }
                if self.over { Ok(()) } else { pushed }
            }
        }
    }

    fn end(&mut self, events: &mut Vec<Event>) -> Result<(), Broken> {
        if self.over {
            return Ok(());
        }
        match std::mem::take(&mut self.form) {
            Form::Json(body) => {
                self.over = true;
                events.extend(answer::read_answer(Operation::Chat, &Bytes::from(body))?);
                return Ok(());
            }
            Form::Page => return Err(error::broken(EXPECTED, &self.head)),
            Form::Unknown | Form::Frames => {}
        }
        Err(Broken::new(match (self.decoder.is_within(), self.begun, self.stopped) {
            (true, _, _) => "The stream ended in the middle of a frame.",
            (_, false, _) => "The stream ended before its `messageStart` event.",
            (_, true, false) => "The stream ended before its `messageStop` event.",
            (_, true, true) => "The stream ended before its `metadata` event.",
        }))
    }
}

impl StreamReader {
    fn frame(&mut self, frame: &Frame, events: &mut Vec<Event>) -> Result<(), Broken> {
        if self.over {
            return Ok(());
        }
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
        let known =
            ["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"];
        if !known.contains(&frame.name.as_str()) {
            return Ok(());
        }
        let Ok(document) = Document::parse(frame.payload.clone()) else {
            return Err(error::broken("A frame with a JSON object was expected", &frame.payload));
        };
        if !self.begun {
            self.begun = true;
            events.push(begin());
        }
        self.event(&frame.name, &document, events)
    }

    fn event(&mut self, name: &str, document: &Document, events: &mut Vec<Event>) -> Result<(), Broken> {
        let root = &document.root;
        let index = root.get("contentBlockIndex").and_then(Value::as_u64).unwrap_or(0);
        match name {
            "contentBlockStart" => {
                if let Some(used) = root.get("start").and_then(|start| start.get("toolUse")) {
                    let tool = next_tool(&mut self.tools)?;
                    self.block(index)?.tool = Some(tool);
                    events.push(tool_begin(tool, used));
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
                Ok(reason) if !self.stopped => {
                    self.stopped = true;
                    events.push(Event::End { choice: 0, reason });
                }
                Ok(_) => {}
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
