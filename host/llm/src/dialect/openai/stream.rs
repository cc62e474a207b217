//! Reads a provider's stream of chunks, and what comes in its place.

use bytes::Bytes;

use super::answer::{begin, choice_number, quoted, read_answer};
use super::calls::Calls;
use super::spoken::{self, Had};
use super::{error, usage};
use crate::answer::{Event, Piece};
use crate::call::Operation;
use crate::dialect::ReadStream;
use crate::error::Broken;
use crate::json::{Document, Value};
use crate::sse::{Decoder, EVENT_BYTES_MAX, Frame};

/// Kept of the beginning, to be quoted where it was no stream.
const HEAD_BYTES_MAX: usize = 64;

#[derive(Default)]
pub struct StreamReader {
    form: Form,
    decoder: Decoder,
    head: Vec<u8>,
    /// Of [`Form::Json`].
    whole: Vec<u8>,
    began: bool,
    /// Done, or an error: nothing more is read.
    over: bool,
    /// By their numbers; what has not begun is empty.
    choices: Vec<ChoiceUnderWay>,
}

/// What the first byte shows that the provider sends.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Form {
    #[default]
    Unknown,
    Events,
    /// One object in place of the stream: an error, or the whole answer of a vendor that does not stream.
    Json,
    /// HTML.
    Markup,
}

#[derive(Debug, Default)]
struct ChoiceUnderWay {
    began: bool,
    ended: bool,
    refusal: bool,
    calls: Calls,
}

impl ReadStream for StreamReader {
    fn push(&mut self, bytes: &[u8], events: &mut Vec<Event>) -> Result<(), Broken> {
        if self.over {
            return Ok(());
        }
        let bytes = match self.form {
            Form::Unknown => bytes.trim_ascii_start(),
            _ => bytes,
        };
        let Some(first) = bytes.first() else { return Ok(()) };
        if self.form == Form::Unknown {
            self.form = match first {
                b'{' | b'[' => Form::Json,
                b'<' => Form::Markup,
                _ => Form::Events,
            };
        }
        let kept = bytes.len().min(HEAD_BYTES_MAX - self.head.len());
        self.head.extend_from_slice(bytes.get(..kept).unwrap_or_default());
        match self.form {
            Form::Json if self.whole.len() + bytes.len() > EVENT_BYTES_MAX => {
                Err(Broken::new(format!("The answer is no stream, and longer than {EVENT_BYTES_MAX} bytes.")))
            }
            Form::Json => {
                self.whole.extend_from_slice(bytes);
                Ok(())
            }
            // It is quoted when enough of it is there, so that the sentence does not depend on the pieces.
            Form::Markup if self.head.len() < HEAD_BYTES_MAX => Ok(()),
            Form::Markup => Err(self.no_stream()),
            Form::Unknown | Form::Events => {
                let mut frames = Vec::new();
                let pushed = self.decoder.push(bytes, &mut frames);
                // First what came in front of a fault; behind the end there is none that counts.
                self.read_frames(&frames, events)?;
                if self.over { Ok(()) } else { pushed }
            }
        }
    }

    fn end(&mut self, events: &mut Vec<Event>) -> Result<(), Broken> {
        if self.over {
            return Ok(());
        }
        match self.form {
            Form::Unknown => Err(Broken::new("The stream ended before it began: its body is empty.")),
            Form::Markup => Err(self.no_stream()),
            Form::Json => {
                events.extend(read_answer(Operation::Chat, &Bytes::from(std::mem::take(&mut self.whole)))?);
                Ok(())
            }
            Form::Events => {
                let mut frames = Vec::new();
                self.decoder.end(&mut frames)?;
                self.read_frames(&frames, events)?;
                self.end_events(events)
            }
        }
    }
}

impl StreamReader {
    fn no_stream(&self) -> Broken {
        Broken::new(format!("The answer is no stream of events: {}", quoted(&self.head)))
    }

    fn end_events(&mut self, events: &mut Vec<Event>) -> Result<(), Broken> {
        if self.over {
            return Ok(());
        }
        if !self.began {
            return Err(Broken::new(format!("The stream ended before an answer began: {}", quoted(&self.head))));
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

    fn read_frames(&mut self, frames: &[Frame], events: &mut Vec<Event>) -> Result<(), Broken> {
        for frame in frames {
            let data = frame.data.as_deref().unwrap_or_default().trim();
            if data.is_empty() || self.over {
                continue;
            }
            match data {
                "[DONE]" => self.read_done(events)?,
                _ => self.read_chunk(&frame.name, data, events)?,
            }
        }
        Ok(())
    }

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
            Broken::new(format!(
                "An event of the stream cannot be read as JSON ({problem}): {}",
                quoted(data.as_bytes())
            ))
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
        if choice.ended {
            return Ok(false);
        }
        if let Some(delta) = value.get("delta") {
            let pieces = spoken::pieces(delta);
            choice.refusal |= pieces.iter().any(|piece| matches!(piece, Piece::Refusal(_)));
            events.extend(pieces.into_iter().map(|piece| Event::Piece { choice: number, piece }));
            for entry in delta.get("tool_calls").and_then(Value::as_array).unwrap_or_default() {
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
