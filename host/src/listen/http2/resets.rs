//! Streams that are reset from our side. h2 resets those with a malformed head by itself and without a word to anybody above it;
//! that it has done so is read off the frames that go out.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use h2::Reason;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::listen::allowance::Allowance;
use crate::listen::{ClientInfo, report};

/// Of a frame: the length of its payload, its type, flags and stream (RFC 9113, 4.1).
const FRAME_HEAD_BYTES: usize = 9;
const RST_STREAM: u8 = 3;
const RST_STREAM_BYTES: usize = FRAME_HEAD_BYTES + 4;

/// A connection whose outgoing frames are looked at.
pub(super) struct SeenResets<IO> {
    io: IO,
    frames: Frames,
    client: ClientInfo,
    allowance: Allowance,
}

/// Where in a frame we are.
#[derive(Default)]
struct Frames {
    /// The next one, as far as it has come: its head, or all of a RST_STREAM.
    begun: [u8; RST_STREAM_BYTES],
    length: usize,
    /// Of a payload that is of no interest.
    rest: usize,
}

impl<IO> SeenResets<IO> {
    pub(super) fn new(io: IO, client: &ClientInfo, allowance: &Allowance) -> SeenResets<IO> {
        SeenResets { io, frames: Frames::default(), client: client.clone(), allowance: allowance.clone() }
    }

    fn see(&mut self, bytes: &[u8]) {
        self.frames.go_on(bytes, |reason| {
            self.allowance.stream_reset(name(reason));
            if reason == Reason::PROTOCOL_ERROR {
                report::stream_refused(&self.client);
            }
        });
    }
}

impl Frames {
    fn go_on(&mut self, mut bytes: &[u8], mut reset: impl FnMut(Reason)) {
        while !bytes.is_empty() {
            let skipped = self.rest.min(bytes.len());
            self.rest -= skipped;
            bytes = &bytes[skipped..];
            let wanted = if self.length < FRAME_HEAD_BYTES { FRAME_HEAD_BYTES } else { RST_STREAM_BYTES };
            let (taken, behind) = bytes.split_at(bytes.len().min(wanted - self.length));
            self.begun[self.length..self.length + taken.len()].copy_from_slice(taken);
            self.length += taken.len();
            bytes = behind;
            if self.length < wanted {
                continue;
            }
            let [a, b, c, kind, _, _, _, _, _, code @ ..] = self.begun;
            match wanted {
                RST_STREAM_BYTES => reset(u32::from_be_bytes(code).into()),
                _ if kind == RST_STREAM => continue,
                // A length has three bytes, so that it is one here in any case.
                _ => self.rest = u32::from_be_bytes([0, a, b, c]) as usize,
            }
            self.length = 0;
        }
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

impl<IO: AsyncRead + Unpin> AsyncRead for SeenResets<IO> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_read(context, buffer)
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for SeenResets<IO> {
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

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        [&[0, 0, payload.len() as u8, kind, 0, 0, 0, 0, 1], payload].concat()
    }

    #[test]
    fn resets_are_seen_among_other_frames_wherever_a_write_ends() {
        let reset = |reason: Reason| frame(RST_STREAM, &u32::from(reason).to_be_bytes());
        let all = [
            frame(0, &[RST_STREAM; 40]),
            reset(Reason::PROTOCOL_ERROR),
            frame(4, &[]),
            reset(Reason::CANCEL),
            reset(Reason::from(77)),
            frame(1, &[0; 3]),
        ]
        .concat();
        for size in 1..all.len() {
            let (mut frames, mut seen) = (Frames::default(), Vec::new());
            all.chunks(size).for_each(|bytes| frames.go_on(bytes, |reason| seen.push(name(reason))));
            assert_eq!(seen, ["protocol_error", "cancel", "other"], "in pieces of {size}");
        }
    }
}
