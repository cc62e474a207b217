//! A response as named events: it begins, items are added, filled bit by bit and done, and it is complete.

use std::collections::VecDeque;
use std::sync::Arc;

use super::object::{self, Item};
use super::request::ResponseRequest;
use crate::answer::{Answer, Encoder, Event, Finish, Piece};
use crate::dialect::Framing;
use crate::json::{Json, Object};

pub struct Events {
    request: Arc<ResponseRequest>,
    sequence_number: u64,
    /// The item that is being filled, and its place in the output.
    open: Option<(Item, usize)>,
    next_index: usize,
}

impl Events {
    pub fn new(request: Arc<ResponseRequest>) -> Events {
        Events { request, sequence_number: 0, open: None, next_index: 0 }
    }

    /// Writes one event; the members stand behind its type and number.
    fn event(&mut self, name: &str, members: impl FnOnce(Object) -> Object) -> Event {
        let object = Object::new().member("type", name).member("sequence_number", &self.sequence_number);
        self.sequence_number += 1;
        Event::new(Framing::EventStream.wrap(name, members(object).json().get().as_bytes(), false))
    }

    fn open(&mut self, answer: &Answer, item: Item, events: &mut VecDeque<Event>) {
        if self.open.is_some_and(|(open, _)| open == item) {
            return;
        }
        self.close(answer, events);
        let index = self.next_index;
        self.next_index += 1;
        self.open = Some((item, index));
        let added = added(answer, item);
        events.push_back(
            self.event("response.output_item.added", |event| {
                event.member("output_index", &index).member("item", &added)
            }),
        );
        match item {
            Item::Reasoning if self.request.summary => {
                let part = object::summary_part("");
                events.push_back(self.placed(answer, "response.reasoning_summary_part.added", |event| {
                    event.member("summary_index", &0).member("part", &part)
                }));
            }
            Item::Message => {
                let part = object::choice(answer).map(|choice| object::content(choice, ""));
                events.push_back(self.placed(answer, "response.content_part.added", |event| {
                    event.member("content_index", &0).member("part", &part)
                }));
            }
            Item::Reasoning | Item::Call(_) => {}
        }
    }

    /// An event of the open item.
    fn placed(&mut self, answer: &Answer, name: &str, members: impl FnOnce(Object) -> Object) -> Event {
        let (item, index) = self.open.unwrap_or((Item::Message, 0));
        let id = object::item_id(answer, item);
        self.event(name, |event| members(event.member("item_id", &id).member("output_index", &index)))
    }

    fn close(&mut self, answer: &Answer, events: &mut VecDeque<Event>) {
        let Some((item, index)) = self.open else { return };
        let Some(choice) = object::choice(answer) else { return };
        match item {
            Item::Reasoning if self.request.summary => {
                events.push_back(self.placed(answer, "response.reasoning_summary_text.done", |event| {
                    event.member("summary_index", &0).member("text", &choice.reasoning)
                }));
                let part = object::summary_part(&choice.reasoning);
                events.push_back(self.placed(answer, "response.reasoning_summary_part.done", |event| {
                    event.member("summary_index", &0).member("part", &part)
                }));
            }
            Item::Message => {
                let (name, member) = text_names(choice.refused, "done");
                events.push_back(self.placed(answer, name, |event| {
                    let event = event.member("content_index", &0).member(member, &choice.text);
                    if choice.refused { event } else { event.member("logprobs", &[(); 0]) }
                }));
                let part = object::content(choice, &choice.text);
                events.push_back(self.placed(answer, "response.content_part.done", |event| {
                    event.member("content_index", &0).member("part", &part)
                }));
            }
            Item::Call(call) => {
                let arguments = choice.calls.get(call).map(|call| call.arguments.to_string());
                let name = choice.calls.get(call).map(|call| &call.name);
                events.push_back(self.placed(answer, "response.function_call_arguments.done", |event| {
                    event.member("arguments", &arguments).member("name", &name)
                }));
            }
            Item::Reasoning => {}
        }
        let done = object::item(&self.request, answer, item);
        events.push_back(
            self.event("response.output_item.done", |event| event.member("output_index", &index).member("item", &done)),
        );
        self.open = None;
    }

    fn finish(&mut self, answer: &Answer, events: &mut VecDeque<Event>) {
        // An answer without a word has a message all the same.
        if object::items(answer) == [Item::Message] {
            self.open(answer, Item::Message, events);
        }
        self.close(answer, events);
        let whole = object::whole(&self.request, answer);
        let cut = object::choice(answer).is_some_and(|choice| choice.finish == Finish::Length);
        let name = if cut { "response.incomplete" } else { "response.completed" };
        let event = self.event(name, |event| event.member("response", &whole));
        events.push_back(Event { ends: true, ..event });
    }
}

impl Encoder for Events {
    fn encode(&mut self, answer: &Answer, piece: Piece, events: &mut VecDeque<Event>) {
        match piece {
            Piece::Open => {
                let begun = object::response(&self.request, answer, None);
                for name in ["response.created", "response.in_progress"] {
                    events.push_back(self.event(name, |event| event.member("response", &begun)));
                }
            }
            Piece::Reasoning { text, .. } => {
                self.open(answer, Item::Reasoning, events);
                if self.request.summary {
                    events.push_back(self.placed(answer, "response.reasoning_summary_text.delta", |event| {
                        event.member("summary_index", &0).member("delta", &text)
                    }));
                }
            }
            Piece::Text { text, .. } => {
                self.open(answer, Item::Message, events);
                let refused = object::choice(answer).is_some_and(|choice| choice.refused);
                let (name, _) = text_names(refused, "delta");
                events.push_back(self.placed(answer, name, |event| {
                    let event = event.member("content_index", &0).member("delta", &text);
                    if refused { event } else { event.member("logprobs", &[(); 0]) }
                }));
            }
            Piece::Call { call, .. } => self.open(answer, Item::Call(call), events),
            Piece::Arguments { text, .. } => {
                events.push_back(
                    self.placed(answer, "response.function_call_arguments.delta", |event| event.member("delta", &text)),
                );
            }
            Piece::Close => self.finish(answer, events),
            Piece::Start { .. } | Piece::End { .. } => {}
        }
    }
}

fn added(answer: &Answer, item: Item) -> Json {
    let id = object::item_id(answer, item);
    match item {
        Item::Reasoning => {
            Object::new().member("id", &id).member("type", "reasoning").member("summary", &[(); 0]).json()
        }
        Item::Message => object::message(&id, "in_progress", &[]),
        Item::Call(index) => {
            let called = object::choice(answer).and_then(|choice| choice.calls.get(index));
            called.map(|called| object::call(&id, "in_progress", called, "")).unwrap_or_default()
        }
    }
}

/// The event's name, and the member that holds the whole text when it is done.
fn text_names(refused: bool, moment: &str) -> (&'static str, &'static str) {
    match (refused, moment) {
        (false, "delta") => ("response.output_text.delta", "delta"),
        (false, _) => ("response.output_text.done", "text"),
        (true, "delta") => ("response.refusal.delta", "delta"),
        (true, _) => ("response.refusal.done", "refusal"),
    }
}
