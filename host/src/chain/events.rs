//! Follows a stream of events on its way out, to know where an event of the gateway's own may stand.

use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use sluicegate_runtime::ReplyHead;

use super::media::is_event_stream;
use super::run::Run;
use crate::config::Dialect;
use crate::error::Refusal;
use crate::http::render::{document, render_stream_error};

pub(super) struct EventTail {
    dialect: Dialect,
    form: Form,
}

enum Form {
    /// The last bytes that went out.
    Events([u8; 4]),
    /// One JSON array, whose elements are what events are elsewhere.
    Array(Array),
}

/// Where in the array the last byte stands.
#[derive(Default)]
struct Array {
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// An element is there.
    begun: bool,
}

impl Run {
    /// For an answer in which an error can be told behind what went out.
    pub(super) fn event_tail(&self, head: &ReplyHead) -> Option<EventTail> {
        let as_array = self.model.as_ref().is_some_and(|model| model.answers_as_array());
        if is_event_stream(&head.headers) && !head.headers.contains_key(CONTENT_ENCODING) {
            return Some(EventTail::new(self.dialect()));
        }
        (as_array && head.status.is_success()).then(|| EventTail::of_array(self.dialect()))
    }
}

impl EventTail {
    fn new(dialect: Dialect) -> EventTail {
        // Before the first byte an event may stand.
        EventTail { dialect, form: Form::Events(*b"\n\n\n\n") }
    }

    fn of_array(dialect: Dialect) -> EventTail {
        EventTail { dialect, form: Form::Array(Array::default()) }
    }

    pub(super) fn follow(&mut self, piece: &[u8]) {
        match &mut self.form {
            Form::Events(last) => {
                for byte in piece.iter().rev().take(last.len()).rev() {
                    last.rotate_left(1);
                    last[3] = *byte;
                }
            }
            Form::Array(array) => piece.iter().for_each(|byte| array.follow(*byte)),
        }
    }

    /// The error in the client's dialect; none in the middle of another event, where it would be taken for a part of it.
    pub(super) fn error_event(&self, refusal: &Refusal, request_id: &str) -> Option<Bytes> {
        match &self.form {
            Form::Events(last) => {
                let ends: [&[u8]; 3] = [b"\n\n", b"\r\n\r\n", b"\r\r"];
                let between_events = ends.iter().any(|end| last.ends_with(end));
                between_events.then(|| render_stream_error(refusal, self.dialect, request_id))
            }
            Form::Array(array) => {
                let before = match (array.depth, array.begun) {
                    (0, false) => "[",
                    (1, false) => "",
                    (1, true) => ",",
                    _ => return None,
                };
                let element = document(refusal, self.dialect, request_id);
                Some(Bytes::from([before.as_bytes(), element.as_bytes(), b"]"].concat()))
            }
        }
    }
}

impl Array {
    fn follow(&mut self, byte: u8) {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = self.in_string,
            b'"' => self.in_string = !self.in_string,
            _ if self.in_string => {}
            b'[' | b'{' => self.depth += 1,
            b']' | b'}' => {
                self.depth = self.depth.saturating_sub(1);
                self.begun |= self.depth == 1;
            }
            // Behind it the next element is under way, which is not there yet.
            b',' if self.depth == 1 => self.begun = false,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    fn told(pieces: &[&str]) -> Option<String> {
        let mut tail = EventTail::of_array(Dialect::Gemini);
        pieces.iter().for_each(|piece| tail.follow(piece.as_bytes()));
        let event = tail.error_event(&Refusal::new(Code::UpstreamBroken, "no"), "id")?;
        Some(format!("{}{}", pieces.concat(), String::from_utf8_lossy(&event)))
    }

    #[test]
    fn an_error_is_the_last_element_of_an_array_wherever_one_can_stand() {
        for (pieces, elements) in [
            (&[][..], 1),
            (&["["], 1),
            (&["[{\"a\":\"]}\\\"\"}"], 2),
            (&["[{\"a\":[1]}", ",\r\n", "{}"], 3),
            (&["[{}", ",\r\n"], 2),
        ] {
            let array: serde_json::Value = serde_json::from_str(&told(pieces).unwrap()).unwrap();
            let array = array.as_array().unwrap();
            assert_eq!(array.len(), elements, "{pieces:?}");
            assert!(array[elements - 1]["error"]["message"].is_string());
        }
        for pieces in [&["[{\"a"][..], &["[{\"a\":{}"], &["[{}]"]] {
            assert_eq!(told(pieces), None, "{pieces:?}");
        }
    }
}
