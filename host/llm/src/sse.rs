//! Server-sent events, as they come in pieces (WHATWG HTML, 9.2.6), and as they are written.

use bytes::{Bytes, BytesMut};
use memchr::memchr2;

use crate::error::Broken;

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
    /// The last byte was a CR that ended a line: an LF behind it belongs to it.
    after_cr: bool,
    began: bool,
}

impl Decoder {
    /// Adds the frames that these bytes complete.
    pub fn push(&mut self, bytes: &[u8], frames: &mut Vec<Frame>) -> Result<(), Broken> {
        self.raw.extend_from_slice(bytes);
        loop {
            if self.after_cr && self.scanned < self.raw.len() {
                self.after_cr = false;
                if self.raw.get(self.scanned) == Some(&b'\n') {
                    self.scanned += 1;
                    self.line = self.scanned;
                }
            }
            let rest = self.raw.get(self.scanned..).unwrap_or_default();
            let Some(at) = memchr2(b'\n', b'\r', rest) else {
                self.scanned = self.raw.len();
                break;
            };
            let end = self.scanned + at;
            let is_cr = self.raw.get(end) == Some(&b'\r');
            // An LF that is there already ends the same line; one that is still to come goes to the next frame's bytes.
            let is_crlf = is_cr && self.raw.get(end + 1) == Some(&b'\n');
            self.after_cr = is_cr && !is_crlf;
            self.scanned = end + 1 + usize::from(is_crlf);
            let line = self.line..end;
            self.line = self.scanned;
            if line.is_empty() {
                frames.push(self.frame());
            } else {
                self.read_line(line)?;
            }
        }
        match self.raw.len() > EVENT_BYTES_MAX {
            true => Err(Broken::new(format!("An event of the stream is longer than {EVENT_BYTES_MAX} bytes."))),
            false => Ok(()),
        }
    }

    /// The stream is over. What stands in a last line without an end is taken all the same: the bytes are all there.
    pub fn end(&mut self, frames: &mut Vec<Frame>) -> Result<(), Broken> {
        let line = self.line..self.raw.len();
        if !line.is_empty() {
            self.read_line(line)?;
        }
        self.scanned = self.raw.len();
        self.line = self.scanned;
        if !self.raw.is_empty() {
            frames.push(self.frame());
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

/// Writes one event; `name` empty writes none. `data` must hold no line end, as compact JSON does not.
pub fn write(name: &str, data: &str, out: &mut Vec<u8>) {
    if !name.is_empty() {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name.as_bytes());
        out.push(b'\n');
    }
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(data.as_bytes());
    out.extend_from_slice(b"\n\n");
}

#[cfg(test)]
mod tests;
