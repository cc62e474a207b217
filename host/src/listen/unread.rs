//! What a client is told whose request head cannot be read, and how a connection ends on which a request was not read.
//!
//! hyper answers a head that it cannot read itself, without a body and without a word to us: its answer is held back here, and ours
//! takes its place. And it is kept here from what two readers could frame differently in a body ([`Watch`]).

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::{Response, StatusCode};
use sluicegate_framing::Watch;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Sleep, sleep, timeout};

use super::activity::Activity;
use crate::http::held_back;

/// For the client to read the answer: a connection that is closed with bytes unread takes it away again (RFC 9112, 9.6).
const LINGER: Duration = Duration::from_secs(1);
/// Taken from the client meanwhile, and thrown away: what it may have on its way before it looks.
const LINGER_BYTES_MAX: u64 = 8 << 20;
/// At once.
const LINGER_PIECE_BYTES: usize = 16 << 10;
/// Of hyper's answer: `HTTP/1.1 400`.
const STATUS_BYTES: std::ops::Range<usize> = 9..12;

/// A stream of HTTP/1.1 that passes on answers, but not those that hyper has made up itself.
///
/// Those are told by that no request was begun since everything before was answered and flushed.
pub(super) struct OwnAnswers<IO> {
    io: IO,
    activity: Arc<Activity>,
    /// Requests whose answers are out.
    settled: usize,
    held_back: Option<StatusCode>,
    /// Nothing more is said.
    lingering: Option<Box<Lingering>>,
    /// Read already, and to be read again.
    put_back: Bytes,
    watch: Watch,
}

/// What comes from a client that may not have seen its answer yet.
struct Lingering {
    until: Pin<Box<Sleep>>,
    bytes: u64,
}

impl<IO> OwnAnswers<IO> {
    /// `put_back` is read first.
    pub(super) fn new(io: IO, put_back: Bytes, activity: Arc<Activity>) -> OwnAnswers<IO> {
        let settled = activity.begun();
        OwnAnswers { io, activity, settled, held_back: None, lingering: None, put_back, watch: Watch::requests() }
    }

    pub(super) fn into_inner(self) -> IO {
        self.io
    }

    /// The status of hyper's own answer, if there was one.
    pub(super) fn held_back(&self) -> Option<StatusCode> {
        self.held_back
    }

    fn holds_back(&mut self, bytes: &[u8]) -> bool {
        let activity = &self.activity;
        let is_own = activity.answers_none() && activity.begun() == self.settled && !activity.has_switched();
        if is_own && self.held_back.is_none() {
            self.held_back = bytes.get(STATUS_BYTES).and_then(|status| StatusCode::from_bytes(status).ok());
        }
        self.held_back.is_some()
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> OwnAnswers<IO> {
    /// Sends the answer as the connection's last, and waits a moment for the client to read it.
    pub(super) async fn answer(mut self, answer: Response<Bytes>) -> io::Result<()> {
        self.held_back = None;
        let status = answer.status();
        let mut bytes = format!("HTTP/1.1 {} {}\r\n", status.as_str(), status.canonical_reason().unwrap_or_default());
        let date = httpdate::fmt_http_date(std::time::SystemTime::now());
        bytes.push_str(&format!("date: {date}\r\ncontent-length: {}\r\nconnection: close\r\n", answer.body().len()));
        let mut bytes = bytes.into_bytes();
        for (name, value) in answer.headers() {
            if name != http::header::CONTENT_LENGTH {
                bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
            }
        }
        bytes.extend(b"\r\n");
        bytes.extend(answer.body());
        let last = async {
            self.io.write_all(&bytes).await?;
            self.io.shutdown().await?;
            tokio::io::copy(&mut (&mut self.io).take(LINGER_BYTES_MAX), &mut tokio::io::sink()).await
        };
        timeout(LINGER, last).await.map_or(Ok(()), |sent| sent.map(drop))
    }
}

impl<IO: AsyncRead + Unpin> OwnAnswers<IO> {
    /// Waits for the client to close, if it sends a request that nobody reads, or may still do so.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut piece = [0; LINGER_PIECE_BYTES];
        let lingering = self.lingering.get_or_insert_with(|| {
            let until = Box::pin(sleep(LINGER));
            Box::new(Lingering { until, bytes: 0 })
        });
        while lingering.bytes < LINGER_BYTES_MAX {
            let mut buffer = ReadBuf::new(&mut piece);
            match Pin::new(&mut self.io).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => lingering.bytes += buffer.filled().len() as u64,
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending if lingering.bytes == 0 && !self.activity.has_left_request() => return Poll::Ready(()),
                Poll::Pending => return lingering.until.as_mut().poll(context),
            }
        }
        Poll::Ready(())
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for OwnAnswers<IO> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        held_back::check(&this.watch)?;
        let before = buffer.filled().len();
        if this.put_back.is_empty() {
            ready!(Pin::new(&mut this.io).poll_read(context, buffer))?;
        } else {
            let length = this.put_back.len().min(buffer.remaining());
            buffer.put_slice(&this.put_back[..length]);
            this.put_back.advance(length);
        }
        if this.activity.has_switched() {
            return Poll::Ready(Ok(()));
        }
        Poll::Ready(held_back::pass(&mut this.watch, buffer, before))
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncWrite for OwnAnswers<IO> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match this.holds_back(bytes) {
            true => Poll::Ready(Ok(bytes.len())),
            false => Pin::new(&mut this.io).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match this.holds_back(slices.first().map_or(&[], |slice| slice)) {
            true => Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum())),
            false => Pin::new(&mut this.io).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.io).poll_flush(context);
        if let Poll::Ready(Ok(())) = flushed
            && this.activity.answers_none()
        {
            this.settled = this.activity.begun();
        }
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match this.held_back {
            Some(_) => Poll::Ready(Ok(())),
            None if this.activity.is_at_rest() => Poll::Ready(Ok(())),
            None => {
                if this.lingering.is_none() {
                    ready!(Pin::new(&mut this.io).poll_shutdown(context))?;
                }
                this.poll_linger(context).map(Ok)
            }
        }
    }
}
