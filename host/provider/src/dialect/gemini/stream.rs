//! The answer as a row of answers, each with a token more and the usage up to there.

use std::collections::VecDeque;

use super::request::Request;
use super::response::{candidate, chunk, finish_reason, function_call, thought};
use crate::answer::{Answer, Encoder, Event, Piece, Usage, call_tokens};
use crate::dialect::Framing;
use crate::json::{Json, object};
use crate::seal;

pub struct Chunks {
    request: Request,
    framing: Framing,
    first: bool,
    output: u64,
    reasoning: u64,
}

impl Chunks {
    pub fn new(request: Request, framing: Framing) -> Chunks {
        Chunks { request, framing, first: true, output: 0, reasoning: 0 }
    }

    fn send(&mut self, answer: &Answer, candidate: Json, ends: bool, events: &mut VecDeque<Event>) {
        let usage = Usage { output: self.output, reasoning: self.reasoning, ..answer.usage };
        let chunk = chunk(answer, &[candidate], usage);
        let first = std::mem::replace(&mut self.first, false);
        events.push_back(Event { bytes: self.framing.wrap("", chunk.get().as_bytes(), first), ends });
    }
}

impl Encoder for Chunks {
    fn encode(&mut self, answer: &Answer, piece: Piece, events: &mut VecDeque<Event>) {
        match piece {
            Piece::Reasoning { choice, text } => {
                self.output += 1;
                self.reasoning += 1;
                if self.request.include_thoughts {
                    self.send(answer, candidate(choice, &[thought(&text)], None), false, events);
                }
            }
            Piece::Text { choice, text } => {
                self.output += 1;
                if answer.choices.get(choice).is_some_and(|choice| !choice.refused) {
                    self.send(answer, candidate(choice, &[object! { "text": text }], None), false, events);
                }
            }
            // A call comes whole.
            Piece::Call { choice, call } => {
                let Some(said) = answer.choices.get(choice) else { return };
                let Some(called) = said.calls.get(call) else { return };
                self.output += call_tokens(called);
                let signed = call == 0 && !said.reasoning.is_empty();
                let signature = signed.then(|| seal::seal(&said.reasoning));
                let part = function_call(called, signature.as_deref());
                self.send(answer, candidate(choice, &[part], None), false, events);
            }
            Piece::End { choice } => {
                let Some(said) = answer.choices.get(choice) else { return };
                let signed = !said.reasoning.is_empty() && said.calls.is_empty();
                let last = match signed {
                    true => object! { "text": "", "thoughtSignature": seal::seal(&said.reasoning) },
                    false => object! { "text": "" },
                };
                let parts: &[Json] = if said.refused { &[] } else { &[last] };
                self.send(answer, candidate(choice, parts, Some(finish_reason(said))), true, events);
            }
            Piece::Close if self.framing == Framing::JsonArray => events.push_back(Event::end("]")),
            Piece::Open | Piece::Start { .. } | Piece::Arguments { .. } | Piece::Close => {}
        }
    }
}
