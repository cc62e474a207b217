//! Reads a stream of answers, as server-sent events, or as the JSON that a provider without them sends.

use bytes::Bytes;

use super::answer::{Reader, is_answer};
use super::error;
use crate::answer::Event;
use crate::dialect::ReadStream;
use crate::error::Broken;
use crate::json::Document;
use crate::sse::{Decoder, EVENT_BYTES_MAX, Frame};

const EXPECTED: &str = "A stream of events was expected";
/// Of what came first, for a sentence about a stream that is none.
const HEAD_BYTES: usize = 64;

#[derive(Default)]
pub struct StreamReader {
    decoder: Decoder,
    reader: Reader,
    head: Vec<u8>,
    form: Form,
}

#[derive(Default)]
enum Form {
    /// Nothing but white space so far.
    #[default]
    Unknown,
    Events,
    /// One JSON text, kept until its end.
    Json(Vec<u8>),
    /// Shown in the error as far as it comes.
    Page,
}

impl ReadStream for StreamReader {
    fn push(&mut self, bytes: &[u8], events: &mut Vec<Event>) -> Result<(), Broken> {
        if self.reader.failed() {
            return Ok(());
        }
        self.head.extend(bytes.iter().take(HEAD_BYTES.saturating_sub(self.head.len())));
        if matches!(self.form, Form::Unknown) {
            self.form = match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
                None => Form::Unknown,
                Some(b'{' | b'[') => Form::Json(Vec::new()),
                Some(b'<') => Form::Page,
                Some(_) => Form::Events,
            };
        }
        match &mut self.form {
            Form::Json(text) => {
                text.extend_from_slice(bytes);
                match text.len() > EVENT_BYTES_MAX {
                    true => {
                        Err(Broken::new(format!("The answer is no stream, and longer than {EVENT_BYTES_MAX} bytes.")))
                    }
                    false => Ok(()),
                }
            }
            Form::Page if self.head.len() < HEAD_BYTES => Ok(()),
            Form::Page => Err(error::broken(EXPECTED, &self.head)),
            Form::Unknown | Form::Events => {
                let mut frames = Vec::new();
                self.decoder.push(bytes, &mut frames)?;
                self.frames(&frames, events)
            }
        }
    }

    fn end(&mut self, events: &mut Vec<Event>) -> Result<(), Broken> {
        match std::mem::take(&mut self.form) {
            Form::Json(text) => self.json(&Bytes::from(text), events)?,
            Form::Page => return Err(error::broken(EXPECTED, &self.head)),
            Form::Unknown | Form::Events => {
                let mut frames = Vec::new();
                self.decoder.end(&mut frames)?;
                self.frames(&frames, events)?;
            }
        }
        let before = events.len();
        self.reader.end(events).map_err(|_| {
            events.truncate(before);
            match self.reader.begun() || self.head.is_empty() {
                true => Broken::new("The stream ended before its last `finishReason`."),
                false => error::broken("The stream ended before its first answer", &self.head),
            }
        })
    }
}

impl StreamReader {
    fn frames(&mut self, frames: &[Frame], events: &mut Vec<Event>) -> Result<(), Broken> {
        for data in frames.iter().filter_map(|frame| frame.data.as_deref()) {
            // Other vendors end their streams so, and compatible servers write it here too.
            if data.trim() == "[DONE]" || data.trim().is_empty() {
                continue;
            }
            let Ok(document) = Document::parse(Bytes::from(data.to_owned())) else {
                return Err(error::broken("An event with a JSON object was expected", data.as_bytes()));
            };
            self.reader.take(&document, &document.root, events)?;
        }
        Ok(())
    }

    /// An error, an answer, or an array of answers: the vendor's own other form.
    fn json(&mut self, text: &Bytes, events: &mut Vec<Event>) -> Result<(), Broken> {
        let Ok(document) = Document::parse(text.clone()) else {
            return Err(error::broken(EXPECTED, text));
        };
        let whole = std::slice::from_ref(&document.root);
        let answers = document.root.as_array().unwrap_or(whole);
        for answer in answers {
            if !is_answer(answer) && answer.get("error").is_none() {
                return Err(error::broken(EXPECTED, text));
            }
            self.reader.take(&document, answer, events)?;
        }
        Ok(())
    }
}
