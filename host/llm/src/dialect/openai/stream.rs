//! Reads a provider's stream of chunks, and what comes in its place.

use bytes::Bytes;

use super::answer::{begin, choice_number, read_answer};
use super::calls::Calls;
use super::spoken::{self, Had};
use super::{error, usage};
use crate::answer::{Event, Piece};
use crate::call::Operation;
use crate::error::Broken;
use crate::intake::{self, ReadFrames};
use crate::json::{Document, Value};
use crate::sse::{Decoder, Frame};

pub type StreamReader = intake::Reader<Chunks>;

#[derive(Default)]
pub struct Chunks {
    began: bool,
    /// Done, or an error: nothing more is read.
    over: bool,
    /// By their numbers; what has not begun is empty.
    choices: Vec<ChoiceUnderWay>,
}

#[derive(Debug, Default)]
struct ChoiceUnderWay {
    began: bool,
    ended: bool,
    refusal: bool,
    calls: Calls,
}

impl ReadFrames for Chunks {
    type Decoder = Decoder;

    fn frame(&mut self, frame: &Frame, events: &mut Vec<Event>) -> Result<(), Broken> {
        match frame.data.as_deref().unwrap_or_default().trim() {
            "" => Ok(()),
            "[DONE]" => self.read_done(events),
            data => self.read_chunk(&frame.name, data, events),
        }
    }

    fn is_over(&self) -> bool {
        self.over
    }

    fn whole(&mut self, body: Bytes, events: &mut Vec<Event>) -> Result<(), Broken> {
        self.over = true;
        events.extend(read_answer(Operation::Chat, &body)?);
        Ok(())
    }

    fn end(&mut self, head: &[u8], events: &mut Vec<Event>) -> Result<(), Broken> {
        if !self.began {
            return Err(Broken::found("The stream ended before an answer began", head));
        }
        let mut begun = self.choices.iter().filter(|choice| choice.began).peekable();
        if begun.peek().is_none() || begun.any(|choice| !choice.ended) {
            return Err(Broken::new(
                "The stream ended before every choice had its finish reason, and without `[DONE]`.",
            ));
        }
        self.over = true;
        events.push(Event::Done);
        Ok(())
    }
}

impl Chunks {
    fn read_done(&mut self, events: &mut Vec<Event>) -> Result<(), Broken> {
        if !self.began {
            return Err(Broken::new("The stream ended before an answer began: `[DONE]` stands alone."));
        }
        for (number, choice) in self.choices.iter_mut().enumerate().filter(|(_, choice)| choice.began) {
            if choice.end(number as u32, None, events)? {
                self.over = true;
                return Ok(());
            }
        }
        self.over = true;
        events.push(Event::Done);
        Ok(())
    }

    fn read_chunk(&mut self, name: &str, data: &str, events: &mut Vec<Event>) -> Result<(), Broken> {
        let document = Document::parse(Bytes::copy_from_slice(data.as_bytes())).map_err(|problem| {
            Broken::found(&format!("An event with a JSON object was expected ({problem})"), data.as_bytes())
        })?;
        let root = &document.root;
        let named = || error::described(root, None).filter(|_| name == "error");
        if let Some(error) = error::carried(root).or_else(named) {
            self.over = true;
            events.push(Event::Error(error));
            return Ok(());
        }
        let choices = root.get("choices").and_then(Value::as_array).unwrap_or_default();
        // Azure's first chunk only says what its filters found, and names no answer.
        let says_nothing =
            ["id", "model"].iter().all(|name| root.get(name).and_then(Value::as_str).is_none_or(str::is_empty));
        let is_of_answer = !choices.is_empty() || !says_nothing;
        if !self.began && is_of_answer {
            self.began = true;
            events.push(begin(root));
        }
        for (position, choice) in choices.iter().enumerate() {
            if self.read_choice(position, choice, &document, events)? {
                self.over = true;
                return Ok(());
            }
        }
        if self.began {
            events.extend(usage::of(root, &document).map(Event::Usage));
        }
        Ok(())
    }

    /// Whether the choice ended in an error.
    fn read_choice(
        &mut self,
        position: usize,
        value: &Value,
        document: &Document,
        events: &mut Vec<Event>,
    ) -> Result<bool, Broken> {
        let number = choice_number(value, position)?;
        if self.choices.len() <= number as usize {
            self.choices.resize_with(number as usize + 1, ChoiceUnderWay::default);
        }
        let Some(choice) = self.choices.get_mut(number as usize) else { return Ok(false) };
        choice.began = true;
        if let Some(delta) = value.get("delta") {
            let pieces = spoken::pieces(delta);
            let calls = delta.get("tool_calls").and_then(Value::as_array).unwrap_or_default();
            if choice.ended {
                // Some vendors repeat the reason, with nothing to say. Who passes events on must not pass what nobody read.
                return match pieces.is_empty() && calls.is_empty() {
                    true => Ok(false),
                    false => {
                        Err(Broken::new(format!("The answer's choice {number} goes on behind its finish reason.")))
                    }
                };
            }
            choice.refusal |= pieces.iter().any(|piece| matches!(piece, Piece::Refusal(_)));
            events.extend(pieces.into_iter().map(|piece| Event::Piece { choice: number, piece }));
            for entry in calls {
                let index = entry.get("index").and_then(Value::as_u64);
                choice.calls.take(number, index, entry, document, events)?;
            }
        }
        match value.get("finish_reason").and_then(Value::as_str).filter(|reason| !reason.is_empty()) {
            Some(reason) => choice.end(number, Some(reason), events),
            None => Ok(false),
        }
    }
}

impl ChoiceUnderWay {
    /// Whether it ended in an error.
    fn end(&mut self, number: u32, reason: Option<&str>, events: &mut Vec<Event>) -> Result<bool, Broken> {
        if std::mem::replace(&mut self.ended, true) {
            return Ok(false);
        }
        self.calls.end()?;
        let had = Had { calls: !self.calls.is_empty(), refusal: self.refusal };
        let reason = spoken::end_reason(reason, had);
        let failed = reason.is_err();
        events.push(match reason {
            Ok(reason) => Event::End { choice: number, reason },
            Err(error) => Event::Error(error),
        });
        Ok(failed)
    }
}
