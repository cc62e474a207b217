//! The body of an answer: chunks that come late, in fragments, or not to the end.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use crate::behaviour::{Behaviour, Cut};
use crate::cut::CutSwitch;
use crate::model::draw::Draw;
use crate::received::Delivery;

/// The longest fragment; a quarter of them has one byte.
const FRAGMENT_BYTES_MAX: u64 = 61;

pub type Chunks = Box<dyn Iterator<Item = Bytes> + Send>;

pub struct ReplyBody {
    chunks: Chunks,
    /// Taken from `chunks` ahead of time, to know which chunk is the last.
    next: Option<Bytes>,
    /// Of a body whose length is known when its head is sent.
    bytes_left: Option<u64>,
    chunk_delay: Duration,
    pause: Option<Pin<Box<Sleep>>>,
    /// Hyper writes out what it has buffered only when the body has nothing for the moment.
    flush: bool,
    cut: Option<PendingCut>,
    delivery: Delivery,
}

struct PendingCut {
    bytes_left: u64,
    switch: Arc<CutSwitch>,
}

impl ReplyBody {
    /// `length`, in bytes, if the answer is to say it in its head.
    pub fn new(
        chunks: Chunks,
        length: Option<u64>,
        behaviour: &Behaviour,
        switch: Arc<CutSwitch>,
        delivery: Delivery,
    ) -> ReplyBody {
        let mut chunks = match behaviour.fragment_seed {
            Some(seed) => Box::new(Fragments { chunks, draw: Draw::new(seed), bytes: BytesMut::new() }),
            None => chunks,
        };
        let cut = match behaviour.cut {
            Some(Cut::AfterBodyBytes(bytes_left)) => Some(PendingCut { bytes_left, switch }),
            Some(Cut::BeforeHead) | None => None,
        };
        let next = chunks.next();
        let chunk_delay = behaviour.chunk_delay;
        ReplyBody { chunks, next, bytes_left: length, chunk_delay, pause: None, flush: false, cut, delivery }
    }

    /// The next chunk as far as the cut lets it pass; none at the cut itself.
    fn take_chunk(&mut self, mut chunk: Bytes) -> Option<Bytes> {
        if let Some(cut) = &mut self.cut {
            if cut.bytes_left == 0 {
                cut.switch.arm();
                self.delivery.cut();
                self.next = Some(chunk);
                return None;
            }
            let passed = usize::try_from(cut.bytes_left).unwrap_or(usize::MAX).min(chunk.len());
            cut.bytes_left -= passed as u64;
            let behind = chunk.split_off(passed);
            if !behind.is_empty() {
                self.next = Some(behind);
                return Some(chunk);
            }
        }
        self.next = self.chunks.next();
        Some(chunk)
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.flush {
            self.flush = false;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(context));
            self.pause = None;
        }
        let Some(chunk) = self.next.take() else { return Poll::Ready(None) };
        let Some(chunk) = self.take_chunk(chunk) else { return Poll::Pending };
        if self.next.is_none() {
            self.delivery.complete();
        } else if self.chunk_delay.is_zero() {
            self.flush = true;
        } else {
            self.pause = Some(Box::pin(tokio::time::sleep(self.chunk_delay)));
        }
        self.bytes_left = self.bytes_left.map(|left| left.saturating_sub(chunk.len() as u64));
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.next.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.bytes_left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// The same bytes in other pieces.
struct Fragments {
    chunks: Chunks,
    draw: Draw,
    bytes: BytesMut,
}

impl Iterator for Fragments {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let wanted = if self.draw.between(0, 3) == 0 { 1 } else { self.draw.between(1, FRAGMENT_BYTES_MAX) } as usize;
        while self.bytes.len() < wanted {
            let Some(chunk) = self.chunks.next() else { break };
            self.bytes.extend_from_slice(&chunk);
        }
        let fragment = self.bytes.split_to(wanted.min(self.bytes.len())).freeze();
        (!fragment.is_empty()).then_some(fragment)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::received::Received;

    #[test]
    fn between_two_chunks_the_connection_has_a_turn_to_write() {
        let chunks: Chunks = Box::new(["one", "two"].into_iter().map(Bytes::from));
        let delivery = Received::new().delivery();
        let mut body = ReplyBody::new(chunks, None, &Behaviour::default(), Arc::default(), delivery);
        let mut poll =
            || Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop())).map(|frame| frame.is_some());
        assert_eq!(
            [poll(), poll(), poll(), poll()],
            [Poll::Ready(true), Poll::Pending, Poll::Ready(true), Poll::Ready(false)]
        );
    }

    fn fragments(seed: u64) -> Vec<Bytes> {
        let chunks: Chunks = Box::new((0..50_u8).map(|byte| Bytes::from(vec![byte; usize::from(byte)])));
        Fragments { chunks, draw: Draw::new(seed), bytes: BytesMut::new() }.collect()
    }

    #[test]
    fn fragments_joined_are_the_body_and_the_seed_decides_where_it_is_cut() {
        let whole: Vec<u8> = (0..50_u8).flat_map(|byte| vec![byte; usize::from(byte)]).collect();
        assert_eq!(fragments(1).concat(), whole);
        assert_eq!(fragments(1), fragments(1));
        assert_ne!(fragments(1), fragments(2));
        let lengths: Vec<usize> = fragments(1).iter().map(Bytes::len).collect();
        assert!(lengths.contains(&1) && lengths.iter().all(|length| *length <= FRAGMENT_BYTES_MAX as usize));
    }
}
