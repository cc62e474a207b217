//! What h2 does by itself and without a word to anybody above it, read off the bytes that go through: it resets a stream whose head
//! is malformed, and answers one whose head is too long.

use std::collections::BTreeSet;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use h2::Reason;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::farewell::Farewell;
use crate::listen::activity::Activity;
use crate::listen::allowance::Allowance;
use crate::listen::{ClientInfo, report};

/// Of a frame: the length of its payload, its type, flags and stream (RFC 9113, 4.1).
pub(super) const FRAME_HEAD_BYTES: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const END_STREAM: u8 = 1;
const RST_STREAM_BYTES: usize = 4;
/// No status takes more, written as a field (RFC 7541).
const STATUS_BYTES_MAX: usize = 5;
/// Streams of which it is known that their answer has begun. Those of a client that resets many are forgotten, the oldest first.
const BEGUN_MAX: usize = 1000;

/// A connection whose outgoing frames are looked at.
pub(super) struct Seen<IO> {
    io: IO,
    frames: Frames,
    farewell: Farewell,
    client: ClientInfo,
    activity: Arc<Activity>,
    allowance: Allowance,
}

/// Where in a frame we are.
#[derive(Default)]
struct Frames {
    /// The next one, as far as it has come: its head, and what is looked at of its payload.
    begun: [u8; FRAME_HEAD_BYTES + STATUS_BYTES_MAX],
    length: usize,
    /// Of a payload that is of no interest.
    rest: usize,
    /// Streams whose answer has a head, and goes on.
    answers: BTreeSet<u32>,
}

/// What h2 has told a client.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Reset(Reason),
    /// A status and nothing else: an answer of ours has a date in any case.
    HeadTooLong,
}

impl<IO> Seen<IO> {
    pub(super) fn new(io: IO, client: &ClientInfo, activity: &Arc<Activity>, allowance: &Allowance) -> Seen<IO> {
        let (client, activity, allowance) = (client.clone(), activity.clone(), allowance.clone());
        Seen { io, frames: Frames::default(), farewell: Farewell::new(), client, activity, allowance }
    }

    fn see(&mut self, bytes: &[u8]) {
        self.frames.go_on(bytes, |told| match told {
            Told::Reset(reason) => {
                self.allowance.stream_refused(name(reason));
                if reason == Reason::PROTOCOL_ERROR {
                    report::stream_refused(&self.client);
                }
            }
            Told::HeadTooLong => {
                self.allowance.stream_refused("head_too_large");
                report::head_refused(&self.client);
            }
        });
    }
}

impl Frames {
    fn go_on(&mut self, mut bytes: &[u8], mut told: impl FnMut(Told)) {
        while !bytes.is_empty() {
            let skipped = self.rest.min(bytes.len());
            self.rest -= skipped;
            bytes = &bytes[skipped..];
            let (taken, behind) = bytes.split_at(bytes.len().min(self.wanted() - self.length));
            self.begun[self.length..self.length + taken.len()].copy_from_slice(taken);
            self.length += taken.len();
            bytes = behind;
            // A whole head may want more.
            if self.length < FRAME_HEAD_BYTES || self.length < self.wanted() {
                continue;
            }
            let (_, kind, flags, stream) = self.head();
            let ends = flags & END_STREAM != 0;
            let payload = self.begun.get(FRAME_HEAD_BYTES..self.length).unwrap_or_default();
            match kind {
                RST_STREAM => {
                    let code = payload.try_into().map(u32::from_be_bytes).unwrap_or_default();
                    self.answers.remove(&stream);
                    told(Told::Reset(code.into()));
                }
                HEADERS if ends && is_status_alone(payload) => told(Told::HeadTooLong),
                HEADERS if !ends => {
                    self.answers.insert(stream);
                    if self.answers.len() > BEGUN_MAX {
                        self.answers.pop_first();
                    }
                }
                HEADERS | DATA if ends => drop(self.answers.remove(&stream)),
                _ => {}
            }
            let (length, ..) = self.head();
            self.rest = length.saturating_sub(self.length - FRAME_HEAD_BYTES);
            self.length = 0;
        }
    }

    /// Bytes that are looked at of the frame, as far as is known.
    fn wanted(&self) -> usize {
        if self.length < FRAME_HEAD_BYTES {
            return FRAME_HEAD_BYTES;
        }
        FRAME_HEAD_BYTES
            + match self.head() {
                (RST_STREAM_BYTES, RST_STREAM, ..) => RST_STREAM_BYTES,
                // Of an answer that has begun it would be the trailers.
                (length @ 1..=STATUS_BYTES_MAX, HEADERS, flags, stream)
                    if flags & END_STREAM != 0 && !self.answers.contains(&stream) =>
                {
                    length
                }
                _ => 0,
            }
    }

    /// Of a frame whose head is there: the length of its payload, type, flags and stream.
    fn head(&self) -> (usize, u8, u8, u32) {
        let [a, b, c, kind, flags, stream @ ..] = self.begun;
        let [d, e, f, g, ..] = stream;
        (u32::from_be_bytes([0, a, b, c]) as usize, kind, flags, u32::from_be_bytes([d, e, f, g]))
    }
}

/// Whether a header block is one field: one of a table, or a literal of three digits whose name is `:status`.
fn is_status_alone(block: &[u8]) -> bool {
    match block {
        [0x81..=0xfe] => true,
        [0xff, more @ .., last] => *last < 0x80 && more.iter().all(|byte| *byte >= 0x80),
        [0x08 | 0x18 | 0x48, length, digits @ ..] => usize::from(*length & 0x7f) == digits.len(),
        _ => false,
    }
}

/// As a label's value.
fn name(reason: Reason) -> &'static str {
    match reason {
        Reason::NO_ERROR => "no_error",
        Reason::PROTOCOL_ERROR => "protocol_error",
        Reason::INTERNAL_ERROR => "internal_error",
        Reason::FLOW_CONTROL_ERROR => "flow_control_error",
        Reason::STREAM_CLOSED => "stream_closed",
        Reason::FRAME_SIZE_ERROR => "frame_size_error",
        Reason::REFUSED_STREAM => "refused_stream",
        Reason::CANCEL => "cancel",
        Reason::ENHANCE_YOUR_CALM => "enhance_your_calm",
        _ => "other",
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Seen<IO> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(context, buffer))?;
        let came = &buffer.filled()[before..];
        let is_end = came.is_empty() && buffer.remaining() > 0;
        if is_end || this.farewell.is_in(came) {
            this.activity.leaves();
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Seen<IO> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.io).poll_write(context, bytes);
        if let Poll::Ready(Ok(length)) = written {
            this.see(&bytes[..length]);
        }
        written
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.io).poll_write_vectored(context, slices);
        if let Poll::Ready(Ok(mut left)) = written {
            for slice in slices {
                let length = left.min(slice.len());
                this.see(&slice[..length]);
                left -= length;
            }
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
        [&[0, 0, payload.len() as u8, kind, flags, 0, 0, 0, stream], payload].concat()
    }

    /// In pieces of any one size.
    fn told(frames: &[Vec<u8>]) -> Vec<Told> {
        let whole = frames.concat();
        let told = |size| {
            let (mut frames, mut told) = (Frames::default(), Vec::new());
            whole.chunks(size).for_each(|bytes| frames.go_on(bytes, |one| told.push(one)));
            told
        };
        let expected = told(whole.len());
        for size in 1..whole.len() {
            assert_eq!(told(size), expected, "in pieces of {size}");
        }
        expected
    }

    #[test]
    fn resets_are_seen_among_other_frames_wherever_a_write_ends() {
        let reset = |reason: Reason| frame(RST_STREAM, 0, 1, &u32::from(reason).to_be_bytes());
        let seen = told(&[
            frame(DATA, 0, 1, &[RST_STREAM; 40]),
            reset(Reason::PROTOCOL_ERROR),
            frame(4, 0, 0, &[]),
            reset(Reason::CANCEL),
            reset(Reason::from(77)),
            frame(HEADERS, 4, 1, &[0; 3]),
        ]);
        let resets = [Reason::PROTOCOL_ERROR, Reason::CANCEL, Reason::from(77)].map(Told::Reset);
        assert_eq!(seen, resets);
        assert_eq!(name(Reason::from(77)), "other");
    }

    #[test]
    fn a_status_without_a_field_is_seen_where_an_answer_begins_and_trailers_are_none() {
        const ENDS: u8 = END_STREAM | 4;
        let alone: [&[u8]; 4] = [&[0x48, 0x83, 0x69, 0x90, 0x7f], &[0xbe], &[0xff, 0x02], &[0x08, 3, b'4', b'3', b'1']];
        for block in alone {
            assert_eq!(told(&[frame(HEADERS, ENDS, 1, block)]), [Told::HeadTooLong], "{block:?}");
            let trailers = [frame(HEADERS, 4, 1, block), frame(DATA, 0, 1, b"abc"), frame(HEADERS, ENDS, 1, block)];
            assert_eq!(told(&trailers), [], "{block:?}");
            // Its own answer's end is that of no other one.
            let of_another =
                [frame(HEADERS, 4, 1, block), frame(DATA, END_STREAM, 1, &[]), frame(HEADERS, ENDS, 3, block)];
            assert_eq!(told(&of_another), [Told::HeadTooLong], "{block:?}");
        }
        // A status and a date.
        for block in [&[0x88, 0xbe][..], &[0x48, 0x83, 0x69, 0x90, 0x7f, 0xbe], &[]] {
            assert_eq!(told(&[frame(HEADERS, ENDS, 1, block)]), [], "{block:?}");
        }
    }
}
