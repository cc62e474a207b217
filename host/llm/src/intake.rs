//! What a provider sends in answer to a call that asked for a stream: the stream, or what stands in its place.
//!
//! Some answer with one JSON text: an error with a good status, or the whole answer of a server that does not stream. Proxies answer
//! with a page. The first byte tells them apart, the same for every dialect, and whatever the pieces in which the bytes come.

use bytes::Bytes;

use crate::answer::Event;
use crate::dialect::ReadStream;
use crate::error::{Broken, QUOTED_BYTES_MAX};

/// Of a JSON text in a stream's place, which is kept until its end.
pub const WHOLE_BYTES_MAX: usize = 4 << 20;

/// Cuts a stream's bytes into frames.
pub trait Decode: Default + Send {
    type Frame;

    /// Whether a stream can begin with this byte, which is no white space and begins no JSON.
    fn begins_with(first: u8) -> bool;

    /// Adds the frames that these bytes complete; at a fault, those in front of it.
    fn push(&mut self, bytes: &[u8], frames: &mut Vec<Self::Frame>) -> Result<(), Broken>;

    /// The bytes are over. Adds what is whole without an end of its own.
    fn end(&mut self, frames: &mut Vec<Self::Frame>) -> Result<(), Broken>;
}

/// What a dialect makes of frames, and of a JSON text in their place.
pub trait ReadFrames: Default + Send {
    type Decoder: Decode;

    fn frame(&mut self, frame: &<Self::Decoder as Decode>::Frame, events: &mut Vec<Event>) -> Result<(), Broken>;

    /// Done, or ended by an error: nothing more is read.
    fn is_over(&self) -> bool;

    fn whole(&mut self, body: Bytes, events: &mut Vec<Event>) -> Result<(), Broken>;

    /// The frames are over. `head` is how the body began, for a sentence about one that was no stream.
    fn end(&mut self, head: &[u8], events: &mut Vec<Event>) -> Result<(), Broken>;
}

/// Finds out what comes, and cuts it into frames if it is a stream.
#[derive(Default)]
pub struct Intake<D> {
    form: Form,
    decoder: D,
    /// How the body began behind white space.
    head: Vec<u8>,
}

/// What has come when all bytes have.
pub enum Ended {
    /// A stream, or nothing at all.
    Stream(Result<(), Broken>),
    /// One JSON text.
    Whole(Bytes),
}

#[derive(Default)]
enum Form {
    /// Nothing but white space so far.
    #[default]
    Unknown,
    Stream,
    Whole(Vec<u8>),
    /// Quoted as far as it comes, so that the sentence does not depend on the pieces.
    Page,
}

/// A dialect's reader behind the intake.
#[derive(Default)]
pub struct Reader<R: ReadFrames> {
    intake: Intake<R::Decoder>,
    frames: R,
}

impl<D: Decode> Intake<D> {
    /// Adds the frames that these bytes complete; at a fault, those in front of it.
    pub fn push(&mut self, bytes: &[u8], frames: &mut Vec<D::Frame>) -> Result<(), Broken> {
        let bytes = match self.form {
            Form::Unknown => bytes.trim_ascii_start(),
            _ => bytes,
        };
        let Some(first) = bytes.first() else { return Ok(()) };
        if matches!(self.form, Form::Unknown) {
            self.form = match first {
                b'{' | b'[' => Form::Whole(Vec::new()),
                first if D::begins_with(*first) => Form::Stream,
                _ => Form::Page,
            };
        }
        let kept = bytes.len().min(QUOTED_BYTES_MAX - self.head.len());
        self.head.extend_from_slice(bytes.get(..kept).unwrap_or_default());
        match &mut self.form {
            Form::Unknown => Ok(()),
            Form::Stream => self.decoder.push(bytes, frames),
            Form::Whole(whole) if whole.len() + bytes.len() > WHOLE_BYTES_MAX => {
                Err(Broken::new(format!("The answer is no stream, and longer than {WHOLE_BYTES_MAX} bytes.")))
            }
            Form::Whole(whole) => {
                whole.extend_from_slice(bytes);
                Ok(())
            }
            Form::Page if self.head.len() < QUOTED_BYTES_MAX => Ok(()),
            Form::Page => Err(self.page()),
        }
    }

    /// The bytes are over.
    pub fn end(&mut self, frames: &mut Vec<D::Frame>) -> Ended {
        match &mut self.form {
            Form::Whole(whole) => Ended::Whole(Bytes::from(std::mem::take(whole))),
            Form::Page => Ended::Stream(Err(self.page())),
            Form::Unknown | Form::Stream => Ended::Stream(self.decoder.end(frames)),
        }
    }

    fn page(&self) -> Broken {
        Broken::found("A stream was expected", &self.head)
    }
}

impl<R: ReadFrames> Reader<R> {
    fn read(&mut self, frames: &[<R::Decoder as Decode>::Frame], events: &mut Vec<Event>) -> Result<(), Broken> {
        for frame in frames {
            if self.frames.is_over() {
                break;
            }
            self.frames.frame(frame, events)?;
        }
        Ok(())
    }
}

impl<R: ReadFrames> ReadStream for Reader<R> {
    fn push(&mut self, bytes: &[u8], events: &mut Vec<Event>) -> Result<(), Broken> {
        if self.frames.is_over() {
            return Ok(());
        }
        let mut frames = Vec::new();
        let pushed = self.intake.push(bytes, &mut frames);
        // First what came in front of a fault; behind the end there is none that counts.
        self.read(&frames, events)?;
        if self.frames.is_over() { Ok(()) } else { pushed }
    }

    fn end(&mut self, events: &mut Vec<Event>) -> Result<(), Broken> {
        if self.frames.is_over() {
            return Ok(());
        }
        let mut frames = Vec::new();
        match self.intake.end(&mut frames) {
            Ended::Whole(body) => self.frames.whole(body, events),
            Ended::Stream(ended) => {
                self.read(&frames, events)?;
                if self.frames.is_over() {
                    return Ok(());
                }
                ended?;
                self.frames.end(&self.intake.head, events)
            }
        }
    }
}

#[cfg(test)]
mod tests;
