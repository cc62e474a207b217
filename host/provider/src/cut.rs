//! Closes a connection too early, yet not before the bytes that belong in front of the cut are on their way.
//!
//! A body that fails makes hyper drop what it has buffered. So the body only arms the switch and waits; the connection's
//! stream sees when hyper has written and flushed everything, and fires it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::sync::Notify;

/// One for each connection.
#[derive(Debug, Default)]
pub struct CutSwitch {
    armed: AtomicBool,
    fired: Notify,
}

impl CutSwitch {
    /// Cut after the next flush.
    pub fn arm(&self) {
        self.armed.store(true, Ordering::Relaxed);
    }

    /// Cut now.
    pub fn fire(&self) {
        self.fired.notify_one();
    }

    pub async fn fired(&self) {
        self.fired.notified().await;
    }
}

/// A connection's stream that fires the armed switch at a flush.
pub struct CutStream<S> {
    stream: S,
    switch: Arc<CutSwitch>,
}

impl<S> CutStream<S> {
    pub fn new(stream: S, switch: Arc<CutSwitch>) -> CutStream<S> {
        CutStream { stream, switch }
    }
}

impl<S: Read + Unpin> Read for CutStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: Write + Unpin> Write for CutStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if flushed.is_ready() && self.switch.armed.load(Ordering::Relaxed) {
            self.switch.fire();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// Takes everything and says whether it is written out.
    struct Sink {
        flushed: bool,
    }

    impl Write for Sink {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            if self.flushed { Poll::Ready(Ok(())) } else { Poll::Pending }
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn is_fired(switch: &CutSwitch) -> bool {
        std::pin::pin!(switch.fired()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn an_armed_switch_fires_only_when_everything_is_written_out() {
        let switch = Arc::new(CutSwitch::default());
        let mut stream = CutStream::new(Sink { flushed: false }, Arc::clone(&switch));
        let mut flush = |flushed| {
            stream.stream.flushed = flushed;
            let _ = Pin::new(&mut stream).poll_flush(&mut Context::from_waker(Waker::noop()));
            is_fired(&switch)
        };
        assert!(!flush(true), "not armed");
        switch.arm();
        assert!(!flush(false), "bytes are still to be written");
        assert!(flush(true));
    }

    #[test]
    fn a_body_at_its_cut_arms_the_switch_and_does_not_fire_it() {
        use crate::body::ReplyBody;
        use crate::{Behaviour, Cut, Received};

        let switch = Arc::new(CutSwitch::default());
        let behaviour = Behaviour { cut: Some(Cut::AfterBodyBytes(0)), ..Behaviour::default() };
        let chunks = Box::new(std::iter::once(bytes::Bytes::from("text")));
        let mut body = ReplyBody::new(chunks, None, &behaviour, Arc::clone(&switch), Received::new().delivery());
        let polled = http_body::Body::poll_frame(Pin::new(&mut body), &mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
        assert!(switch.armed.load(Ordering::Relaxed) && !is_fired(&switch));
    }
}
