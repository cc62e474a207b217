//! A message as named events: it starts, its blocks start, grow and stop, and it says why it ended.

use std::collections::VecDeque;
use std::sync::Arc;

use http::StatusCode;

use super::ApiError;
use super::message::{head, is_redacted, redacted, stop_details, stop_reason, stop_sequence, tool_use, usage};
use super::request::Request;
use crate::answer::{Answer, Encoder, Event, Piece, Usage};
use crate::dialect::Framing;
use crate::json::{Json, Object, object};
use crate::refusal::Refusal;
use crate::seal;

/// As a vendor says it when the first event goes out, before anything is made.
const OUTPUT_TOKENS_AT_START: u64 = 1;

pub struct Events {
    request: Arc<Request>,
    wrap: Wrap,
    /// What a host of the same models adds to the last event.
    metrics: Option<fn(&Answer) -> Json>,
    open: Option<Block>,
    index: usize,
    pinged: bool,
}

/// Name and JSON of an event as bytes.
pub type Wrap = fn(&str, &[u8]) -> bytes::Bytes;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    Thinking,
    Text,
    Call(usize),
}

/// An error in the middle of a stream.
pub fn interruption(status: StatusCode) -> Json {
    let error = ApiError::from(&Refusal::Failure { status, retry_after: None });
    object! { "type": "error", "error": error.object() }
}

impl Events {
    pub fn new(request: Arc<Request>) -> Events {
        let wrap: Wrap = |name, json| Framing::EventStream.wrap(name, json, false);
        Events { request, wrap, metrics: None, open: None, index: 0, pinged: false }
    }

    /// The same events in another framing, without pings.
    pub fn wrapped(request: Arc<Request>, wrap: Wrap, metrics: fn(&Answer) -> Json) -> Events {
        Events { request, wrap, metrics: Some(metrics), open: None, index: 0, pinged: true }
    }

    fn send(&self, name: &str, json: &Json, events: &mut VecDeque<Event>) {
        let ends = matches!(name, "message_delta" | "message_stop");
        events.push_back(Event { bytes: (self.wrap)(name, json.get().as_bytes()), ends });
    }

    fn start(&mut self, answer: &Answer, block: Block, events: &mut VecDeque<Event>) {
        if self.open == Some(block) {
            return;
        }
        self.stop(answer, events);
        self.open = Some(block);
        let choice = answer.choices.first();
        let empty = match block {
            Block::Thinking if is_redacted(&self.request) => {
                redacted(choice.map(|choice| choice.reasoning.as_str()).unwrap_or_default())
            }
            Block::Thinking => object! { "type": "thinking", "thinking": "", "signature": "" },
            Block::Text => object! { "type": "text", "text": "" },
            Block::Call(call) => {
                let call = choice.and_then(|choice| choice.calls.get(call));
                call.map(|call| tool_use(call, &serde_json::json!({}))).unwrap_or_default()
            }
        };
        let event = object! { "type": "content_block_start", "index": self.index, "content_block": empty };
        self.send("content_block_start", &event, events);
        if !std::mem::replace(&mut self.pinged, true) {
            self.send("ping", &object! { "type": "ping" }, events);
        }
        if let Block::Call(_) = block {
            self.delta(object! { "type": "input_json_delta", "partial_json": "" }, events);
        }
    }

    fn delta(&self, delta: Json, events: &mut VecDeque<Event>) {
        let event = object! { "type": "content_block_delta", "index": self.index, "delta": delta };
        self.send("content_block_delta", &event, events);
    }

    fn stop(&mut self, answer: &Answer, events: &mut VecDeque<Event>) {
        let Some(block) = self.open.take() else { return };
        if block == Block::Thinking
            && !is_redacted(&self.request)
            && let Some(choice) = answer.choices.first()
        {
            let signature = seal::seal(&choice.reasoning);
            self.delta(object! { "type": "signature_delta", "signature": signature }, events);
        }
        let event = object! { "type": "content_block_stop", "index": self.index };
        self.send("content_block_stop", &event, events);
        self.index += 1;
    }

    fn open(&self, answer: &Answer, events: &mut VecDeque<Event>) {
        let at_start = Usage { output: OUTPUT_TOKENS_AT_START, reasoning: 0, ..answer.usage };
        let message = head(answer)
            .member("content", &[(); 0])
            .member("stop_reason", &())
            .member("stop_sequence", &())
            .member("stop_details", &())
            .member("usage", &usage(&self.request, at_start))
            .json();
        self.send("message_start", &object! { "type": "message_start", "message": message }, events);
    }

    fn close(&self, answer: &Answer, events: &mut VecDeque<Event>) {
        let choice = answer.choices.first();
        let delta = object! {
            "stop_reason": choice.map(stop_reason),
            "stop_sequence": choice.and_then(stop_sequence),
            "stop_details": choice.and_then(stop_details),
        };
        let total = usage(&self.request, answer.usage);
        self.send("message_delta", &object! { "type": "message_delta", "delta": delta, "usage": total }, events);
        let metrics = self.metrics.map(|metrics| metrics(answer));
        let stop =
            Object::new().member("type", "message_stop").optional("amazon-bedrock-invocationMetrics", metrics.as_ref());
        self.send("message_stop", &stop.json(), events);
    }
}

impl Encoder for Events {
    fn encode(&mut self, answer: &Answer, piece: Piece, events: &mut VecDeque<Event>) {
        match piece {
            Piece::Open => self.open(answer, events),
            Piece::Reasoning { text, .. } => {
                self.start(answer, Block::Thinking, events);
                if !self.request.thinking.omitted && !is_redacted(&self.request) {
                    self.delta(object! { "type": "thinking_delta", "thinking": text }, events);
                }
            }
            Piece::Text { text, .. } => {
                self.start(answer, Block::Text, events);
                self.delta(object! { "type": "text_delta", "text": text }, events);
            }
            Piece::Call { call, .. } => self.start(answer, Block::Call(call), events),
            Piece::Arguments { text, .. } => {
                self.delta(object! { "type": "input_json_delta", "partial_json": text }, events);
            }
            Piece::End { .. } => self.stop(answer, events),
            Piece::Close => self.close(answer, events),
            Piece::Start { .. } => {}
        }
    }
}
