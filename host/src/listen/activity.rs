//! Which requests of one connection are being answered, for whoever decides when it may end.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};

#[derive(Debug, Default)]
pub(super) struct Activity {
    begun: AtomicUsize,
    open: AtomicUsize,
    /// The client takes less than there is for it.
    writes: AtomicBool,
    /// It was cut for that.
    behind: AtomicBool,
    /// It speaks another protocol from here on.
    switched: AtomicBool,
    /// A request was answered before it was whole.
    leaves_request: AtomicBool,
    /// HTTP ends on it, and the connection does not.
    rests: AtomicBool,
    /// An answer is under way whose client knows its end by that of the connection (RFC 9112, 6.3), and it is not whole yet.
    owes_an_end: AtomicBool,
    /// The client sends nothing more, or has said so.
    left: AtomicBool,
}

/// One request, from its head to the last byte of its answer that was handed out.
pub(super) struct Answering(Arc<Activity>);

/// An answer's body that counts as open while it lives.
pub(super) struct CountedBody<B> {
    body: B,
    answering: Answering,
}

impl Activity {
    pub(super) fn begin(self: &Arc<Activity>) -> Answering {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
        Answering(self.clone())
    }

    /// Requests so far.
    pub(super) fn begun(&self) -> usize {
        self.begun.load(Ordering::Relaxed)
    }

    /// No request is being answered.
    pub(super) fn answers_none(&self) -> bool {
        self.open.load(Ordering::Relaxed) == 0
    }

    /// Says whether bytes wait for the client to take them.
    pub(super) fn writes(&self, waits: bool) {
        self.writes.store(waits, Ordering::Relaxed);
    }

    /// Its client is told that the protocol is another one from here on (101).
    pub(super) fn switches(&self) {
        self.switched.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_switched(&self) -> bool {
        self.switched.load(Ordering::Relaxed)
    }

    /// The answer that goes out is the last one, and its client may still be sending the request.
    pub(super) fn leaves_request(&self) {
        self.leaves_request.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_left_request(&self) -> bool {
        self.leaves_request.load(Ordering::Relaxed)
    }

    /// Says whether an end of HTTP is that of the connection, or a rest.
    pub(super) fn rests(&self, rests: bool) {
        self.rests.store(rests, Ordering::Relaxed);
    }

    pub(super) fn is_at_rest(&self) -> bool {
        self.rests.load(Ordering::Relaxed)
    }

    /// The end of the connection must be a reset: a client could take it for that of the answer.
    pub(super) fn owes_an_end(&self) -> bool {
        self.owes_an_end.load(Ordering::Relaxed)
    }

    /// The client has ended its side, or has said that it goes.
    pub(super) fn leaves(&self) {
        self.left.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_left(&self) -> bool {
        self.left.load(Ordering::Relaxed)
    }

    /// The client was too slow, and is cut.
    pub(super) fn falls_behind(&self) {
        self.behind.store(true, Ordering::Relaxed);
    }

    pub(super) fn fell_behind(&self) -> bool {
        self.behind.load(Ordering::Relaxed)
    }

    /// Nothing is answered, and nothing of an answer waits.
    pub(super) fn is_quiet(&self) -> bool {
        self.answers_none() && !self.writes.load(Ordering::Relaxed)
    }
}

impl Answering {
    pub(super) fn body<B>(self, body: B) -> CountedBody<B> {
        CountedBody { body, answering: self }
    }

    /// The same of an answer that ends with the connection.
    pub(super) fn body_to_the_end<B>(self, body: B) -> CountedBody<B> {
        self.0.owes_an_end.store(true, Ordering::Relaxed);
        self.body(body)
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<B: Body + Unpin> Body for CountedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_frame(context);
        let is_whole = match &polled {
            Poll::Ready(Some(Ok(frame))) => frame.is_trailers() || this.body.is_end_stream(),
            Poll::Ready(None) => true,
            Poll::Ready(Some(Err(_))) | Poll::Pending => false,
        };
        if is_whole {
            this.answering.0.owes_an_end.store(false, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
