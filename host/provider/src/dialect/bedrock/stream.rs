//! A conversation's answer as frames: it starts, its blocks grow and stop, it says why it ended, and what it cost.

use std::collections::VecDeque;

use super::request::Request;
use super::{LATENCY_MS, frame, message};
use crate::answer::{Answer, Encoder, Event, Piece};
use crate::json::{Json, object};
use crate::seal;

pub struct Events {
    request: Request,
    open: Option<Block>,
    index: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    Reasoning,
    Text,
    Call(usize),
}

impl Events {
    pub fn new(request: Request) -> Events {
        Events { request, open: None, index: 0 }
    }

    /// Only calls have a start of their own.
    fn start(&mut self, answer: &Answer, block: Block, events: &mut VecDeque<Event>) {
        if self.open == Some(block) {
            return;
        }
        self.stop(answer, events);
        self.open = Some(block);
        let choice = answer.choices.first();
        if let Block::Call(index) = block
            && let Some(call) = choice.and_then(|choice| choice.calls.get(index))
        {
            let start = object! { "toolUse": object! { "toolUseId": message::tool_use_id(call), "name": call.name } };
            send("contentBlockStart", &object! { "contentBlockIndex": self.index, "start": start }, events);
        }
    }

    fn delta(&self, delta: Json, events: &mut VecDeque<Event>) {
        send("contentBlockDelta", &object! { "contentBlockIndex": self.index, "delta": delta }, events);
    }

    fn stop(&mut self, answer: &Answer, events: &mut VecDeque<Event>) {
        let Some(block) = self.open.take() else { return };
        if block == Block::Reasoning
            && let Some(choice) = answer.choices.first()
        {
            let signature = object! { "signature": seal::seal(&choice.reasoning) };
            self.delta(object! { "reasoningContent": signature }, events);
        }
        send("contentBlockStop", &object! { "contentBlockIndex": self.index }, events);
        self.index += 1;
    }
}

fn send(name: &str, json: &Json, events: &mut VecDeque<Event>) {
    let ends = matches!(name, "messageStop" | "metadata");
    events.push_back(Event { bytes: frame::event(name, json.get().as_bytes()), ends });
}

impl Encoder for Events {
    fn encode(&mut self, answer: &Answer, piece: Piece, events: &mut VecDeque<Event>) {
        match piece {
            Piece::Open => send("messageStart", &object! { "role": "assistant" }, events),
            Piece::Reasoning { text, .. } => {
                self.start(answer, Block::Reasoning, events);
                self.delta(object! { "reasoningContent": object! { "text": text } }, events);
            }
            Piece::Text { text, .. } => {
                self.start(answer, Block::Text, events);
                self.delta(object! { "text": text }, events);
            }
            Piece::Call { call, .. } => self.start(answer, Block::Call(call), events),
            Piece::Arguments { text, .. } => {
                self.delta(object! { "toolUse": object! { "input": text } }, events);
            }
            Piece::End { .. } => {
                self.stop(answer, events);
                let reason = answer.choices.first().map(message::stop_reason);
                send("messageStop", &object! { "stopReason": reason }, events);
            }
            Piece::Close => {
                let usage = message::usage(&self.request, answer.usage);
                let metrics = object! { "latencyMs": LATENCY_MS };
                send("metadata", &object! { "usage": usage, "metrics": metrics }, events);
            }
            Piece::Start { .. } => {}
        }
    }
}
