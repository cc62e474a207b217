//! Reads a stream of answers, as server-sent events, or as the JSON that a provider without them sends.

use bytes::Bytes;

use super::answer::{Reader, is_answer};
use crate::answer::Event;
use crate::error::Broken;
use crate::intake::{self, ReadFrames};
use crate::json::Document;
use crate::sse::{Decoder, Frame};

pub type StreamReader = intake::Reader<Frames>;

#[derive(Default)]
pub struct Frames {
    reader: Reader,
}

impl ReadFrames for Frames {
    type Decoder = Decoder;

    fn frame(&mut self, frame: &Frame, events: &mut Vec<Event>) -> Result<(), Broken> {
        let Some(data) = frame.said() else { return Ok(()) };
        let Ok(document) = Document::parse(Bytes::copy_from_slice(data.as_bytes())) else {
            return Err(Broken::found("An event with a JSON object was expected", data.as_bytes()));
        };
        self.reader.take(&document, &document.root, events)
    }

    fn is_over(&self) -> bool {
        self.reader.failed()
    }

    /// An error, an answer, or an array of answers: the vendor's own other form.
    fn whole(&mut self, body: Bytes, events: &mut Vec<Event>) -> Result<(), Broken> {
        let expected = "A stream was expected";
        let Ok(document) = Document::parse(body.clone()) else { return Err(Broken::found(expected, &body)) };
        let alone = std::slice::from_ref(&document.root);
        for answer in document.root.as_array().unwrap_or(alone) {
            if !is_answer(answer) && answer.get("error").is_none() {
                return Err(Broken::found(expected, &body));
            }
            self.reader.take(&document, answer, events)?;
        }
        if self.is_over() { Ok(()) } else { self.end(&body, events) }
    }

    fn end(&mut self, head: &[u8], events: &mut Vec<Event>) -> Result<(), Broken> {
        match self.reader.begun() {
            false if !head.is_empty() => Err(Broken::found("The stream ended before its first answer", head)),
            _ => self.reader.end(events).map_err(|_| Broken::new("The stream ended before its last `finishReason`.")),
        }
    }
}
