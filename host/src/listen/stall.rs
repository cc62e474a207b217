//! Ends a connection whose client takes nothing: without it, an answer would wait for a stalled reader for ever.
//!
//! It stands right above the socket, and is also where bytes are put back that were read to find out what is spoken, and where a
//! client is missed that has left behind bytes of which nobody reads any yet.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use futures_util::FutureExt;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use super::activity::Activity;
use super::terms::Terms;
use crate::http::pace::{Pace, TooSlow};

/// While a request is answered and nothing is read, such as behind a pipelined one: so often it is looked whether its client is there.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// A stream whose writes fail when the client takes nothing, or next to nothing, for a while.
pub(super) struct StallGuard {
    stream: TcpStream,
    stall_max: Duration,
    activity: Arc<Activity>,
    /// Runs while a write waits.
    timer: Option<Pin<Box<Sleep>>>,
    pace: Pace,
    /// Read already, and to be read again.
    put_back: BytesMut,
    /// Nothing was read yet.
    silent: bool,
    /// Whoever reads waits for more, or has been told of the end.
    listened_to: bool,
    /// Until the next look.
    look: Option<Pin<Box<Sleep>>>,
}

impl StallGuard {
    pub(super) fn new(stream: TcpStream, terms: &Terms, activity: Arc<Activity>) -> StallGuard {
        StallGuard {
            stream,
            stall_max: terms.stall_max,
            activity,
            timer: None,
            pace: Pace::new(terms.stall_max, terms.slow_bytes_per_second),
            put_back: BytesMut::new(),
            silent: true,
            listened_to: true,
            look: None,
        }
    }

    /// The client has not said a word.
    pub(super) fn is_silent(&self) -> bool {
        self.silent
    }

    /// Of a connection that is still there.
    pub(super) fn peer(&self) -> SocketAddr {
        self.stream.peer_addr().unwrap_or(SocketAddr::from(([0, 0, 0, 0], 0)))
    }

    /// What comes next, as far as it is there; nothing once the client has closed.
    pub(super) async fn peek(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = match self.put_back.len() {
            0 => self.stream.peek(buffer).await?,
            behind => {
                let length = behind.min(buffer.len());
                buffer[..length].copy_from_slice(&self.put_back[..length]);
                length
            }
        };
        self.silent &= length == 0;
        Ok(length)
    }

    /// These are read next.
    pub(super) fn put_back(&mut self, bytes: &[u8]) {
        let behind = self.put_back.split();
        self.put_back.extend_from_slice(bytes);
        self.put_back.extend_from_slice(&behind);
    }

    /// Closes it so that nobody can take it for an end in good order.
    pub(super) fn reset(self) {
        // If it fails, the connection is gone already.
        let _ = self.stream.set_zero_linger();
    }

    /// Of a client who is not listened to: that it has closed stands behind what was not read yet.
    fn has_left(&mut self, context: &mut Context<'_>) -> bool {
        if self.listened_to || self.activity.answers_none() {
            self.look = None;
            return false;
        }
        let ready = self.stream.ready(Interest::READABLE).now_or_never();
        if ready.is_some_and(|ready| ready.is_ok_and(|ready| ready.is_read_closed())) {
            return true;
        }
        let look = self.look.get_or_insert_with(|| Box::pin(sleep(LOOK_INTERVAL)));
        while look.as_mut().poll(context).is_ready() {
            look.as_mut().reset(Instant::now() + LOOK_INTERVAL);
        }
        false
    }

    fn judge(&mut self, context: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Ready(Ok(length)) => match self.pace.moves(*length) {
                Ok(false) => written,
                Ok(true) => {
                    self.timer = None;
                    self.activity.writes(false);
                    written
                }
                Err(TooSlow { bytes, waited }) => {
                    self.activity.falls_behind();
                    Poll::Ready(Err(late(format!("the client took only {bytes} bytes in {waited:?}"))))
                }
            },
            Poll::Ready(Err(_)) => written,
            Poll::Pending => {
                if self.pace.waits() {
                    self.activity.writes(true);
                }
                let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(self.stall_max)));
                timer.as_mut().poll(context).map(|()| {
                    self.activity.falls_behind();
                    Err(late(format!("the client took no byte within {:?}", self.stall_max)))
                })
            }
        }
    }
}

fn late(sentence: String) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, sentence)
}

/// Whatever ends the connection in the middle of an answer that its client would take for whole.
impl Drop for StallGuard {
    fn drop(&mut self) {
        if self.activity.owes_an_end() {
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for StallGuard {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.put_back.is_empty() {
            let length = this.put_back.len().min(buffer.remaining());
            buffer.put_slice(&this.put_back[..length]);
            this.put_back.advance(length);
            this.listened_to = false;
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        let nothing = buffer.filled().len() == before;
        this.silent &= nothing;
        this.listened_to = nothing;
        read
    }
}

impl AsyncWrite for StallGuard {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.judge(context, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(context, slices);
        this.judge(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.has_left(context) {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the client has left")));
        }
        Pin::new(&mut this.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
