//! The answer as server-sent events: role, one token after another, the reason it ended, usage if asked for, `[DONE]`.

use std::collections::VecDeque;

use super::completion::{SERVICE_TIER, SYSTEM_FINGERPRINT, call_id, content, finish_reason, id, usage};
use crate::answer::{Answer, Encoder, Event, Piece};
use crate::dialect::Framing;
use crate::dialect::azure::filter;
use crate::dialect::openai::created;
use crate::json::{Json, Object, object};

const DONE: &[u8] = b"data: [DONE]\n\n";

pub struct Chunks {
    id: String,
    created: u64,
    include_usage: bool,
    /// What Azure's filters found stands in front and in each choice.
    filtered: bool,
}

impl Chunks {
    pub fn new(answer: &Answer, include_usage: bool, filtered: bool) -> Chunks {
        Chunks { id: id(answer), created: created(answer.fingerprint), include_usage, filtered }
    }

    fn chunk(&self, answer: &Answer, choices: &[Json]) -> Object {
        Object::new()
            .member("id", &self.id)
            .member("object", "chat.completion.chunk")
            .member("created", &self.created)
            .member("model", answer.model.name())
            .member("service_tier", SERVICE_TIER)
            .member("system_fingerprint", SYSTEM_FINGERPRINT)
            .member("choices", choices)
    }

    /// A chunk of one choice. `usage` is left out unless it was asked for; then it is null in all chunks but the last.
    fn delta(&self, answer: &Answer, choice: usize, delta: Json, finish_reason: Option<&str>) -> Event {
        let choice = Object::new()
            .member("index", &choice)
            .member("delta", &delta)
            .member("logprobs", &())
            .member("finish_reason", &finish_reason)
            .optional("content_filter_results", self.filtered.then(|| filter::delta(finish_reason)).as_ref());
        let chunk = self.chunk(answer, &[choice.json()]).optional("usage", self.include_usage.then_some(&()));
        event(&chunk.json())
    }
}

impl Encoder for Chunks {
    fn encode(&mut self, answer: &Answer, piece: Piece, events: &mut VecDeque<Event>) {
        match piece {
            Piece::Open if self.filtered => {
                let chunk = object! {
                    "id": "", "object": "", "created": 0, "model": "", "choices": [(); 0],
                    "prompt_filter_results": filter::prompt(),
                };
                events.push_back(event(&chunk));
            }
            Piece::Start { choice } => {
                let content = answer.choices.get(choice).and_then(content).map(|_| "");
                let delta = object! { "role": "assistant", "content": content, "refusal": () };
                events.push_back(self.delta(answer, choice, delta, None));
            }
            Piece::Text { choice, text } => {
                let refused = answer.choices.get(choice).is_some_and(|choice| choice.refused);
                let delta = if refused {
                    object! { "refusal": text }
                } else {
                    object! { "content": text }
                };
                events.push_back(self.delta(answer, choice, delta, None));
            }
            Piece::Call { choice, call } => {
                let Some(called) = answer.choices.get(choice).and_then(|choice| choice.calls.get(call)) else { return };
                let function = object! { "name": called.name, "arguments": "" };
                let begun = object! { "index": call, "id": call_id(called), "type": "function", "function": function };
                events.push_back(self.delta(answer, choice, object! { "tool_calls": [begun] }, None));
            }
            Piece::Arguments { choice, call, text } => {
                let more = object! { "index": call, "function": object! { "arguments": text } };
                events.push_back(self.delta(answer, choice, object! { "tool_calls": [more] }, None));
            }
            Piece::End { choice } => {
                let reason = answer.choices.get(choice).map(finish_reason);
                events.push_back(Event { ends: true, ..self.delta(answer, choice, object! {}, reason) });
            }
            Piece::Close => {
                if self.include_usage {
                    let chunk = self.chunk(answer, &[]).member("usage", &usage(answer.usage));
                    events.push_back(Event { ends: true, ..event(&chunk.json()) });
                }
                events.push_back(Event::end(DONE));
            }
            // What is thought stays hidden.
            Piece::Open | Piece::Reasoning { .. } => {}
        }
    }
}

fn event(chunk: &Json) -> Event {
    Event::new(Framing::EventStream.wrap("", chunk.get().as_bytes(), false))
}
