//! Reads a stream of named events.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::answer::{self, Ending, PARAGRAPH, begin, piece, text};
use super::error;
use crate::answer::{Event, Piece};
use crate::call::Operation;
use crate::error::Broken;
use crate::intake::{self, ReadFrames};
use crate::json::{Document, Value};
use crate::sse::{Decoder, Frame};

/// Items of one answer.
const ITEMS_MAX: usize = 4096;

/// What of an item has come already. A provider may send a text only when it is done.
#[derive(Debug, Default)]
struct Item {
    tool: Option<u32>,
    /// Of a message: parts that came in pieces.
    parts: Vec<u64>,
    /// Of a call.
    arguments: bool,
    /// Of a thought: the part that came last.
    thought: Option<(bool, u64)>,
    done: bool,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Fresh,
    Begun,
    /// Done or failed.
    Over,
}

pub type StreamReader = intake::Reader<Frames>;

#[derive(Default)]
pub struct Frames {
    state: State,
    items: BTreeMap<u64, Item>,
    end: Ending,
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
        matches!(self.state, State::Over)
    }

    fn whole(&mut self, body: Bytes, events: &mut Vec<Event>) -> Result<(), Broken> {
        self.state = State::Over;
        events.extend(answer::read_answer(Operation::Chat, &body)?);
        Ok(())
    }

    fn end(&mut self, head: &[u8], _events: &mut Vec<Event>) -> Result<(), Broken> {
        match self.state {
            State::Over => Ok(()),
            State::Begun => Err(Broken::new("The stream ended before its `response.completed` event.")),
            State::Fresh => Err(Broken::found("The stream ended before its `response.created` event", head)),
        }
    }
}

impl Frames {
    fn event(&mut self, name: &str, document: &Document, events: &mut Vec<Event>) -> Result<(), Broken> {
        let event = &document.root;
        let name = event.get("type").and_then(Value::as_str).unwrap_or(name);
        let index = event.get("output_index").and_then(Value::as_u64).unwrap_or(0);
        match name {
            "response.created" | "response.queued" | "response.in_progress" => {
                self.begin(event.get("response"), events)
            }
            "response.output_item.added" => self.item_added(event, index, events)?,
            "response.output_item.done" => self.item_done(document, event, index, events)?,
            "response.output_text.delta" | "response.refusal.delta" => {
                let part = content_index(event);
                let item = self.item(index)?;
                if !item.parts.contains(&part) && item.parts.len() < ITEMS_MAX {
                    item.parts.push(part);
                }
                self.say(name == "response.refusal.delta", text(event, "delta"), events);
            }
            "response.output_text.done" | "response.refusal.done" => {
                let part = content_index(event);
                let item = self.item(index)?;
                if !item.parts.contains(&part) && item.parts.len() < ITEMS_MAX {
                    item.parts.push(part);
                    let refused = name == "response.refusal.done";
                    self.say(refused, text(event, if refused { "refusal" } else { "text" }), events);
                }
            }
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                let own = name == "response.reasoning_text.delta";
                let part = event.get(if own { "content_index" } else { "summary_index" });
                self.think(index, (own, part.and_then(Value::as_u64).unwrap_or(0)), text(event, "delta"), events)?;
            }
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                self.argue(index, text(event, "delta"), true, events)?;
            }
            "response.custom_tool_call_input.done" => self.argue(index, text(event, "input"), false, events)?,
            "response.function_call_arguments.done" => self.argue(index, text(event, "arguments"), false, events)?,
            "response.completed" | "response.incomplete" | "response.failed" | "response.cancelled" => {
                self.response_over(document, name, events)?;
            }
            "error" => {
                let error = event.get("error").filter(|error| error.as_object().is_some()).unwrap_or(event);
                events.push(Event::Error(error::read(error)));
                self.state = State::Over;
            }
            _ => {
                // An error without a name is how some servers break off.
                if let Some(error) = event.get("error").filter(|error| !error.is_null()) {
                    events.push(Event::Error(error::read(error)));
                    self.state = State::Over;
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self, response: Option<&Value>, events: &mut Vec<Event>) {
        if matches!(self.state, State::Fresh) {
            self.state = State::Begun;
            begin(response.unwrap_or(&NULL), events);
        }
    }

    fn item(&mut self, index: u64) -> Result<&mut Item, Broken> {
        if self.items.len() >= ITEMS_MAX && !self.items.contains_key(&index) {
            return Err(Broken::new(format!("The answer has more than {ITEMS_MAX} items.")));
        }
        Ok(self.items.entry(index).or_default())
    }

    fn item_added(&mut self, event: &Value, index: u64, events: &mut Vec<Event>) -> Result<(), Broken> {
        self.begin(None, events);
        let is_call = |item: &&Value| matches!(text(item, "type"), "function_call" | "custom_tool_call");
        let Some(item) = event.get("item").filter(is_call) else { return Ok(()) };
        if self.item(index)?.tool.is_none() {
            let tool = self.end.tool()?;
            self.item(index)?.tool = Some(tool);
            events.push(answer::tool_begin(tool, item)?);
        }
        Ok(())
    }

    /// Says what the item has and no event before has brought.
    fn item_done(
        &mut self,
        document: &Document,
        event: &Value,
        index: u64,
        events: &mut Vec<Event>,
    ) -> Result<(), Broken> {
        self.item_added(event, index, events)?;
        let Some(item) = event.get("item") else { return Ok(()) };
        let known = self.item(index)?;
        if std::mem::replace(&mut known.done, true) {
            return Ok(());
        }
        match text(item, "type") {
            "message" if known.parts.is_empty() => answer::message(item, &mut self.end, events),
            "message" | "" => {}
            "reasoning" => {
                if known.thought.is_none() {
                    answer::thoughts(item, events);
                }
                events.push(answer::sealed(document, item));
            }
            kind @ ("function_call" | "custom_tool_call") => {
                self.argue(index, text(item, answer::arguments_member(kind)), false, events)?;
            }
            _ => events.push(answer::sealed(document, item)),
        }
        Ok(())
    }

    fn say(&mut self, refused: bool, said: &str, events: &mut Vec<Event>) {
        self.begin(None, events);
        self.end.refused |= refused;
        if !said.is_empty() {
            let said = said.to_owned();
            events.push(piece(if refused { Piece::Refusal(said) } else { Piece::Text(said) }));
        }
    }

    fn think(&mut self, index: u64, part: (bool, u64), shown: &str, events: &mut Vec<Event>) -> Result<(), Broken> {
        self.begin(None, events);
        if shown.is_empty() {
            return Ok(());
        }
        let before = self.item(index)?.thought.replace(part);
        let paragraph = if before.is_some_and(|before| before != part) { PARAGRAPH } else { "" };
        events.push(piece(Piece::Thought(format!("{paragraph}{shown}"))));
        Ok(())
    }

    /// Arguments in pieces, or as a whole where none came before.
    fn argue(&mut self, index: u64, said: &str, piecewise: bool, events: &mut Vec<Event>) -> Result<(), Broken> {
        let item = self.item(index)?;
        let Some(tool) = item.tool else {
            return Err(Broken::new(
                "The stream has arguments of a call before the call's `response.output_item.added` event.",
            ));
        };
        if !said.is_empty() && (piecewise || !item.arguments) {
            item.arguments = true;
            events.push(piece(Piece::ToolArguments { tool, text: said.to_owned() }));
        }
        Ok(())
    }

    fn response_over(&mut self, document: &Document, name: &str, events: &mut Vec<Event>) -> Result<(), Broken> {
        let Some(response) = document.root.get("response").filter(|response| response.as_object().is_some()) else {
            return Err(Broken::found("The stream's last event was expected to hold its response", document.source()));
        };
        self.begin(Some(response), events);
        let status = match text(response, "status") {
            // The event's own name says it too.
            "" => name.strip_prefix("response.").unwrap_or_default(),
            status => status,
        };
        // A server without events for its items has them here.
        if self.items.is_empty() && !matches!(status, "failed" | "cancelled") {
            answer::items(document, response, &mut self.end, events)?;
        }
        answer::finish(document, response, status, &self.end, events);
        self.state = State::Over;
        Ok(())
    }
}

static NULL: Value = Value { kind: crate::json::Kind::Null, span: 0..0 };

fn content_index(event: &Value) -> u64 {
    event.get("content_index").and_then(Value::as_u64).unwrap_or(0)
}
