//! Bodies on their way to and from an upstream: how far the request is sent, and whether the answer ended cleanly.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use thiserror::Error;
use tokio::sync::Notify;

use super::error::{BoxError, UpstreamError, classify};
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
        self.sent.store(true, Ordering::Release);
        self.became_sent.notify_waiters();
    }

    pub(super) fn is_sent(&self) -> bool {
        self.sent.load(Ordering::Acquire)
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
}

impl UpstreamBody {
    pub(super) fn new(incoming: Incoming, lease: Lease, progress: Arc<Progress>, upstream: String) -> UpstreamBody {
        let mut body = UpstreamBody { incoming, lease: Some(lease), progress, upstream };
        if body.incoming.is_end_stream() {
            body.end();
        }
        body
    }

    /// An answer that came before the request was sent whole leaves the connection in the middle of a message.
    fn end(&mut self) {
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
                Poll::Ready(Some(Err(classify(&self.upstream, error, &self.progress))))
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
