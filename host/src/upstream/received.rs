//! What has come of an answer of HTTP/2 and was not read yet.
//!
//! h2 keeps every piece as it came, and bounds for all streams of a connection together what small ones cost beyond their bytes: past
//! that, it ends the connection. One slow client with small pieces on their way would so end the answers of all others. Whoever
//! drives the connection therefore takes the pieces out of h2's hands now and then, and puts small ones together.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Bytes, BytesMut};
use h2::RecvStream;
use http::HeaderMap;

/// A smaller piece is put together with others; as h2 has it.
const SMALL_BYTES: usize = 256;
/// Answers that are listed before it is looked which of them are gone.
const LISTED_MAX: usize = 256;

/// The answer of one stream.
pub(super) struct Received {
    stream: RecvStream,
    /// Taken out of h2, and still a part of the stream's window.
    ahead: VecDeque<Bytes>,
    /// Behind them, put together.
    small: BytesMut,
    /// Of whoever waited last.
    waker: Waker,
}

/// Those of one connection.
#[derive(Default)]
pub(super) struct Answers(Mutex<Vec<Weak<Mutex<Received>>>>);

impl Answers {
    pub(super) fn add(&self, stream: RecvStream) -> Arc<Mutex<Received>> {
        let is_whole = stream.is_end_stream();
        let received =
            Received { stream, ahead: VecDeque::new(), small: BytesMut::new(), waker: Waker::noop().clone() };
        let received = Arc::new(Mutex::new(received));
        if !is_whole {
            let mut listed = lock(&self.0);
            if listed.len() >= LISTED_MAX {
                listed.retain(|answer| answer.strong_count() > 0);
            }
            listed.push(Arc::downgrade(&received));
        }
        received
    }

    /// To be called when some bytes have come.
    pub(super) fn gather(&self) {
        lock(&self.0).retain(|answer| match answer.upgrade() {
            Some(answer) => {
                lock(&answer).gather();
                true
            }
            None => false,
        });
    }
}

impl Received {
    pub(super) fn is_end_stream(&self) -> bool {
        self.ahead.is_empty() && self.small.is_empty() && self.stream.is_end_stream()
    }

    /// Any error breaks the answer off.
    pub(super) fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, h2::Error>>> {
        let bytes = match self.next_ahead() {
            Some(bytes) => bytes,
            None => {
                self.waker.clone_from(context.waker());
                match ready!(self.stream.poll_data(context)).transpose()? {
                    Some(bytes) => bytes,
                    None => return Poll::Ready(None),
                }
            }
        };
        // It is not taken as such by who reads it, but it is on its way.
        self.stream.flow_control().release_capacity(bytes.len())?;
        Poll::Ready(Some(Ok(bytes)))
    }

    pub(super) fn poll_trailers(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<HeaderMap>, h2::Error>> {
        self.waker.clone_from(context.waker());
        self.stream.poll_trailers(context)
    }

    fn next_ahead(&mut self) -> Option<Bytes> {
        let together = |small: &mut BytesMut| (!small.is_empty()).then(|| small.split().freeze());
        self.ahead.pop_front().or_else(|| together(&mut self.small))
    }

    /// Whoever waits for it has been woken by h2, and is woken by h2 for what comes next. An end and an error stay there.
    fn gather(&mut self) {
        let mut context = Context::from_waker(&self.waker);
        while let Poll::Ready(Some(Ok(bytes))) = self.stream.poll_data(&mut context) {
            if bytes.len() < SMALL_BYTES {
                self.small.extend_from_slice(&bytes);
                continue;
            }
            if !self.small.is_empty() {
                self.ahead.push_back(self.small.split().freeze());
            }
            self.ahead.push_back(bytes);
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
