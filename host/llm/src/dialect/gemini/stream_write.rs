//! Writes a stream of answers, as server-sent events or as one JSON array.

use serde::Serialize;

use super::error::ErrorBody;
use super::print::{Candidate, Figures, Response, Speaker, content, finish_reason, response_id};
use crate::answer::{EndReason, Event, Piece};
use crate::call::Call;
use crate::dialect::WriteStream;
use crate::error::{ProviderError, ProviderErrorKind};
use crate::sse;
use crate::usage::Usage;

/// Of all arguments of calls that are kept until they are whole.
const KEPT_BYTES_MAX: usize = 16 << 20;

pub struct StreamWriter {
    model: String,
    id: String,
    shows_thoughts: bool,
    /// By number.
    choices: Vec<Speaking>,
    usage: Option<Usage>,
    kept_bytes: usize,
    framing: Framing,
    over: bool,
}

struct Speaking {
    speaker: Speaker,
    end: Option<EndReason>,
}

/// Puts the answers of a provider's events into an array as they came, for a client of the same dialect that wants no events.
#[derive(Debug, Default)]
pub struct ArrayFrames {
    begun: bool,
}

impl ArrayFrames {
    /// `data` is that of one event.
    pub fn push(&mut self, data: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.begun { b",\r\n" } else { b"[" });
        self.begun = true;
        out.extend_from_slice(data.as_bytes());
    }

    /// Not after an answer that was cut: its array stays open.
    pub fn end(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.begun { b"]" } else { b"[]" });
    }
}

enum Framing {
    Events,
    Array(ArrayFrames),
}

impl StreamWriter {
    /// Server-sent events, for a client that asks for `alt=sse`.
    pub fn new(call: &Call) -> StreamWriter {
        StreamWriter {
            model: call.model.clone(),
            id: String::new(),
            shows_thoughts: call.thoughts_wanted == Some(true),
            choices: Vec::new(),
            usage: None,
            kept_bytes: 0,
            framing: Framing::Events,
            over: false,
        }
    }

    /// One JSON array, for a client that does not.
    pub fn array(call: &Call) -> StreamWriter {
        StreamWriter { framing: Framing::Array(ArrayFrames::default()), ..StreamWriter::new(call) }
    }

    fn choice(&mut self, number: u32) -> Option<&mut Speaking> {
        let number = number as usize;
        if number >= crate::answer::CHOICES_MAX {
            return None;
        }
        while self.choices.len() <= number {
            self.choices.push(Speaking { speaker: Speaker::showing(self.shows_thoughts), end: None });
        }
        self.choices.get_mut(number)
    }

    fn piece(&mut self, number: u32, piece: &Piece, out: &mut Vec<u8>) {
        if let Piece::ToolArguments { text, .. } = piece {
            self.kept_bytes += text.len();
            if self.kept_bytes > KEPT_BYTES_MAX {
                let message = format!("The arguments of the answer's calls are longer than {KEPT_BYTES_MAX} bytes.");
                let kind = ProviderErrorKind::Server;
                let error = ProviderError { kind, status: 500, message, code: None, param: None, retry_after: None };
                return self.fail(&error, out);
            }
        }
        let Some(choice) = self.choice(number) else { return };
        if let Some(part) = choice.speaker.piece(piece) {
            let candidate = Candidate { content: content(vec![part]), finish_reason: None, index: number };
            self.answer(vec![candidate], None, out);
        }
    }

    /// What clients take the end from stands in the last answer, with the usage.
    fn done(&mut self, out: &mut Vec<u8>) {
        if self.choices.is_empty() {
            self.choice(0);
        }
        let candidates = (0..).zip(&mut self.choices).map(|(index, choice)| {
            let parts = choice.speaker.calls();
            let reason = finish_reason(choice.end.unwrap_or(EndReason::Stop), choice.speaker.malformed);
            Candidate { content: content(parts), finish_reason: Some(reason), index }
        });
        let candidates = candidates.collect();
        let figures = self.usage.as_ref().map(Figures::of);
        self.answer(candidates, figures, out);
        self.close(out);
    }

    fn answer(&mut self, candidates: Vec<Candidate>, figures: Option<Figures>, out: &mut Vec<u8>) {
        let (model, id) = (std::mem::take(&mut self.model), std::mem::take(&mut self.id));
        let answer =
            Response { candidates, usage_metadata: figures, model_version: &model, response_id: id.as_str().into() };
        self.send(&answer, out);
        (self.model, self.id) = (model, id);
    }

    fn fail(&mut self, error: &ProviderError, out: &mut Vec<u8>) {
        self.send(&ErrorBody::of(error), out);
        self.close(out);
    }

    fn send(&mut self, value: &impl Serialize, out: &mut Vec<u8>) {
        let json = serde_json::to_string(value).unwrap_or_default();
        match &mut self.framing {
            Framing::Events => sse::write("", &json, out),
            Framing::Array(frames) => frames.push(&json, out),
        }
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        self.over = true;
        if let Framing::Array(frames) = &self.framing {
            frames.end(out);
        }
    }
}

impl WriteStream for StreamWriter {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        match event {
            Event::Begin { id, .. } => self.id = response_id(id),
            Event::Piece { choice, piece } => self.piece(*choice, piece, out),
            Event::End { choice, reason } => {
                if let Some(choice) = self.choice(*choice) {
                    choice.end = Some(*reason);
                }
            }
            Event::Usage(usage) => self.usage = Some(usage.clone()),
            Event::Done => self.done(out),
            Event::Error(error) => self.fail(error, out),
            Event::Vectors(_) | Event::Counted { .. } => {}
        }
    }
}
