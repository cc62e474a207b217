//! Server-sent events, as they come in pieces (WHATWG HTML, 9.2.6), and as they are written.

use bytes::{Bytes, BytesMut};
use memchr::memchr2;

use crate::error::Broken;
use crate::intake::Decode;
use crate::json::Document;

/// Of one event with its lines' ends. An inline image of a model fits; a line without an end does not fill the memory.
pub const EVENT_BYTES_MAX: usize = 4 << 20;

/// One event, or the bytes between two that say nothing, such as comments.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frame {
    /// Empty where the stream says none.
    pub name: String,
    /// None where there is nothing to be understood.
    pub data: Option<String>,
    /// All bytes, to be passed on as they came. All frames' together are the stream's.
    pub raw: Bytes,
}

/// Cuts a stream into events, whatever the pieces in which it comes.
#[derive(Debug, Default)]
pub struct Decoder {
    /// Of the event under way.
    raw: BytesMut,
    /// Where in it the line under way begins, and up to where it was looked through for its end.
    line: usize,
    scanned: usize,
    name: String,
    data: Option<String>,
    began: bool,
}

impl Decode for Decoder {
    type Frame = Frame;

    fn begins_with(first: u8) -> bool {
        first != b'<'
    }

    /// A CR at the very end is looked at with the byte behind it, which may be an LF of the same line's end.
    fn push(&mut self, bytes: &[u8], frames: &mut Vec<Frame>) -> Result<(), Broken> {
        self.raw.extend_from_slice(bytes);
        loop {
            let rest = self.raw.get(self.scanned..).unwrap_or_default();
            let Some(at) = memchr2(b'\n', b'\r', rest) else {
                self.scanned = self.raw.len();
                break;
            };
            let end = self.scanned + at;
            let length = match (self.raw.get(end), self.raw.get(end + 1)) {
                (Some(b'\r'), Some(b'\n')) => 2,
                (Some(b'\r'), None) => {
                    self.scanned = end;
                    break;
                }
                _ => 1,
            };
            self.end_line(end, length, frames)?;
        }
        check_length(self.raw.len())
    }

    /// What stands in a last line without an end is taken all the same: the bytes are all there.
    fn end(&mut self, frames: &mut Vec<Frame>) -> Result<(), Broken> {
        let length = usize::from(self.raw.last() == Some(&b'\r'));
        let end = self.raw.len() - length;
        if length > 0 || end > self.line {
            self.end_line(end, length, frames)?;
        }
        if !self.raw.is_empty() {
            frames.push(self.frame());
        }
        Ok(())
    }
}

fn check_length(bytes: usize) -> Result<(), Broken> {
    match bytes > EVENT_BYTES_MAX {
        true => Err(Broken::new(format!("An event of the stream is longer than {EVENT_BYTES_MAX} bytes."))),
        false => Ok(()),
    }
}

impl Decoder {
    /// A line is over, whose end has this length.
    fn end_line(&mut self, end: usize, length: usize, frames: &mut Vec<Frame>) -> Result<(), Broken> {
        let line = self.line..end;
        self.scanned = end + length;
        self.line = self.scanned;
        // Also where all of a longer one came in one piece.
        check_length(self.scanned)?;
        match line.is_empty() {
            true => frames.push(self.frame()),
            false => self.read_line(line)?,
        }
        Ok(())
    }

    fn frame(&mut self) -> Frame {
        let raw = self.raw.split_to(self.scanned).freeze();
        (self.scanned, self.line) = (0, 0);
        Frame { name: std::mem::take(&mut self.name), data: self.data.take(), raw }
    }

    fn read_line(&mut self, line: std::ops::Range<usize>) -> Result<(), Broken> {
        let mut line = self.raw.get(line).unwrap_or_default();
        if !std::mem::replace(&mut self.began, true) {
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        let line = std::str::from_utf8(line).map_err(|_| Broken::new("An event of the stream is not UTF-8."))?;
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.name = value.to_owned(),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            // Comments, `id`, `retry`, and what the specification has us ignore.
            _ => {}
        }
        Ok(())
    }
}

impl Frame {
    /// What the event says, without white space around; None where that is nothing, or what some servers end a stream with.
    pub fn said(&self) -> Option<&str> {
        self.data.as_deref().map(str::trim).filter(|data| !data.is_empty() && *data != "[DONE]")
    }

    /// What it says, for dialects whose events say objects.
    pub fn object(&self) -> Result<Option<Document>, Broken> {
        let Some(data) = self.said() else { return Ok(None) };
        let document = Document::parse(Bytes::copy_from_slice(data.as_bytes())).ok();
        let object = document.filter(|document| document.root.as_object().is_some());
        let broken = || Broken::found("An event's data was expected to be a JSON object", data.as_bytes());
        object.map(Some).ok_or_else(broken)
    }
}

/// Writes one event; `name` empty writes none. `data` is JSON: line ends in it, which stand between its tokens only, become spaces.
pub fn write(name: &str, data: &str, out: &mut Vec<u8>) {
    if !name.is_empty() {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name.as_bytes());
        out.push(b'\n');
    }
    out.extend_from_slice(b"data: ");
    let begin = out.len();
    out.extend_from_slice(data.as_bytes());
    // What a client or a provider wrote may be part of it, in however many lines.
    for byte in out.iter_mut().skip(begin).filter(|byte| matches!(byte, b'\n' | b'\r')) {
        *byte = b' ';
    }
    out.extend_from_slice(b"\n\n");
}

#[cfg(test)]
mod tests;
