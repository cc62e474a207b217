//! Bodies on their way to and from an upstream: how far the request is sent, and whether the answer ended cleanly.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use thiserror::Error;
use tokio::sync::Notify;

use super::error::{BoxError, UpstreamError, classify};
use super::health::UnderWay;
use super::pool::Lease;

/// A request's body. The pool holds connections for one type of body, so that a body is boxed; most requests have none.
pub(super) struct SendBody(Option<Sending>);

struct Sending {
    body: UnsyncBoxBody<Bytes, BoxError>,
    progress: Arc<Progress>,
}

/// How far a request's body is; shared between the connection that reads it and the exchange that waits for an answer.
#[derive(Default)]
pub(super) struct Progress {
    sent: AtomicBool,
    sent_at: OnceLock<Instant>,
    became_sent: Notify,
    error: Mutex<Option<BoxError>>,
}

/// Tells hyper to stop; the real error waits in [`Progress`].
#[derive(Debug, Error)]
#[error("the request's body failed")]
pub(super) struct RequestBodyFailed;

impl SendBody {
    pub(super) fn new<B>(body: B) -> (SendBody, Arc<Progress>)
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let progress = Arc::new(Progress::default());
        if body.is_end_stream() {
            progress.set_sent();
            return (SendBody::none(), progress);
        }
        let sending = Sending { body: body.map_err(Into::into).boxed_unsync(), progress: Arc::clone(&progress) };
        (SendBody(Some(sending)), progress)
    }

    pub(super) fn none() -> SendBody {
        SendBody(None)
    }

    pub(super) fn is_none(&self) -> bool {
        self.0.is_none()
    }
}

impl Body for SendBody {
    type Data = Bytes;
    type Error = RequestBodyFailed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RequestBodyFailed>>> {
        let Some(sending) = &mut self.0 else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(&mut sending.body).poll_frame(context));
        if frame.is_none() || sending.body.is_end_stream() {
            sending.progress.set_sent();
        }
        Poll::Ready(frame.map(|frame| {
            frame.map_err(|error| {
                *sending.progress.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                RequestBodyFailed
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|sending| sending.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or(SizeHint::with_exact(0), |sending| sending.body.size_hint())
    }
}

impl Progress {
    fn set_sent(&self) {
        self.sent_at.get_or_init(Instant::now);
        self.sent.store(true, Ordering::Release);
        self.became_sent.notify_waiters();
    }

    pub(super) fn is_sent(&self) -> bool {
        self.sent.load(Ordering::Acquire)
    }

    /// When the last byte of the body was handed to the connection; for a request without one, when the attempt began.
    pub(super) fn sent_at(&self) -> Option<Instant> {
        self.sent_at.get().copied()
    }

    /// Waits until the last byte of the body was handed to the connection.
    pub(super) async fn sent(&self) {
        let became_sent = self.became_sent.notified();
        if !self.is_sent() {
            became_sent.await;
        }
    }

    pub(super) fn take_error(&self) -> Option<BoxError> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// An answer's body. Ends with an error unless the upstream ended it as HTTP demands.
///
/// Its connection serves the next request only after a clean end; dropped before, it closes the connection.
pub struct UpstreamBody {
    incoming: Incoming,
    /// Until the end, clean or not.
    lease: Option<Lease>,
    progress: Arc<Progress>,
    upstream: String,
    /// Until the end, too.
    under_way: Option<UnderWay>,
}

impl UpstreamBody {
    pub(super) fn new(incoming: Incoming, lease: Lease, progress: Arc<Progress>, upstream: String) -> UpstreamBody {
        let mut body = UpstreamBody { incoming, lease: Some(lease), progress, upstream, under_way: None };
        if body.incoming.is_end_stream() {
            body.end();
        }
        body
    }

    /// Counts it as under way to its end.
    pub(super) fn keep(&mut self, under_way: UnderWay) {
        self.under_way = self.lease.is_some().then_some(under_way);
    }

    /// An answer that came before the request was sent whole leaves the connection in the middle of a message.
    fn end(&mut self) {
        self.under_way = None;
        if let Some(lease) = self.lease.take()
            && self.progress.is_sent()
        {
            lease.give_back();
        }
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = UpstreamError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UpstreamError>>> {
        let frame = ready!(Pin::new(&mut self.incoming).poll_frame(context));
        match frame {
            Some(Ok(frame)) => {
                // Whoever reads the body stops at the announced length, and may not ask for the end.
                if self.incoming.is_end_stream() {
                    self.end();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => {
                self.lease = None;
                let error = classify(&self.upstream, error, &self.progress);
                if let Some(mut under_way) = self.under_way.take().filter(|_| error.is_upstreams_fault()) {
                    under_way.failed();
                }
                Poll::Ready(Some(Err(error)))
            }
            None => {
                self.end();
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl std::fmt::Debug for UpstreamBody {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("UpstreamBody").field("upstream", &self.upstream).finish_non_exhaustive()
    }
}
