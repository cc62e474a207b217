//! The request's body towards one target after another, or towards the same one twice.
//!
//! What a plugin buffered can be sent as often as it takes. Of a body that streams, a copy is kept as it goes out, up to
//! [`KEPT_BYTES_MAX`]: within that, it can be sent again once it has come to its end, and where no upstream has seen the request also
//! in the middle of it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use super::request_body::{BodyFault, RequestBody};
use crate::http::at_hand::AtHand;
use crate::http::end::is_all_there;

/// Of one body that streams.
const KEPT_BYTES_MAX: usize = 64 << 10;

pub(super) enum Resend {
    /// Sent once at most, so nothing is kept.
    Once(Option<RequestBody>),
    Whole(AtHand),
    Streamed(Arc<Mutex<Kept>>),
}

/// What is left of a body that streams, and what went out of it.
pub(super) struct Kept {
    /// None while an attempt has it, and once more was taken of it than is kept.
    rest: Option<RequestBody>,
    /// None once it is too long, or broke.
    sent: Option<BytesMut>,
    trailers: Option<Box<HeaderMap>>,
    ended: bool,
}

/// The body while an attempt has it. What is left of it comes back when it is dropped.
pub(super) struct Lent {
    /// Of what is kept: what an earlier attempt has taken.
    ahead: Option<Bytes>,
    /// None only while it is dropped.
    body: Option<Box<RequestBody>>,
    kept: Arc<Mutex<Kept>>,
}

impl Resend {
    /// `is_kept`: of one that streams, a copy is kept.
    pub(super) fn new(body: RequestBody, is_kept: bool) -> Resend {
        match body {
            RequestBody::Whole(body) => Resend::Whole(body),
            body if !is_kept => Resend::Once(Some(body)),
            body => {
                let kept = Kept { rest: Some(body), sent: Some(BytesMut::new()), trailers: None, ended: false };
                Resend::Streamed(Arc::new(Mutex::new(kept)))
            }
        }
    }

    /// For the next attempt. None when it cannot be sent again.
    ///
    /// `unsent`: no upstream has seen the request. If one has, who has the body may still hold it, or may just have dropped it: then
    /// only what has gone out whole counts, so that the same always happens.
    pub(super) fn lend(&mut self, unsent: bool) -> Option<RequestBody> {
        match self {
            Resend::Once(body) => body.take(),
            Resend::Whole(body) => Some(RequestBody::Whole(body.clone())),
            Resend::Streamed(shared) => {
                let mut kept = lock(shared);
                if !kept.ended {
                    let body = kept.rest.take().filter(|_| unsent)?;
                    let ahead = Bytes::copy_from_slice(kept.sent.as_ref()?);
                    let ahead = Some(ahead).filter(|ahead| !ahead.is_empty());
                    return Some(RequestBody::Lent(Lent { ahead, body: Some(Box::new(body)), kept: shared.clone() }));
                }
                let sent = kept.sent.take()?.freeze();
                let whole = AtHand::new(sent, kept.trailers.take());
                drop(kept);
                *self = Resend::Whole(whole.clone());
                Some(RequestBody::Whole(whole))
            }
        }
    }
}

impl Kept {
    fn keep(&mut self, bytes: &Bytes) {
        self.sent = self.sent.take().filter(|sent| sent.len() + bytes.len() <= KEPT_BYTES_MAX);
        if let Some(sent) = &mut self.sent {
            sent.extend_from_slice(bytes);
        }
    }
}

impl Body for Lent {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        let lent = self.get_mut();
        if let Some(ahead) = lent.ahead.take() {
            return Poll::Ready(Some(Ok(Frame::data(ahead))));
        }
        let Some(body) = &mut lent.body else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(body.as_mut()).poll_frame(context));
        let mut kept = lock(&lent.kept);
        match &frame {
            Some(Ok(frame)) => {
                kept.keep(frame.data_ref().unwrap_or(&Bytes::new()));
                kept.trailers = frame.trailers_ref().cloned().map(Box::new);
                // Who knows the end from the length does not ask for it, nor who has the trailers.
                kept.ended = frame.is_trailers() || is_all_there(&**body);
            }
            Some(Err(_)) => kept.sent = None,
            None => kept.ended = true,
        }
        drop(kept);
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.is_none() && self.body.as_ref().is_none_or(|body| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.body.as_ref().and_then(|body| body.size_hint().exact());
        let ahead = self.ahead.as_ref().map_or(0, Bytes::len) as u64;
        rest.map_or_else(SizeHint::default, |rest| SizeHint::with_exact(ahead + rest))
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut kept = lock(&self.kept);
        if kept.sent.is_some() {
            kept.rest = self.body.take().map(|body| *body);
        }
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
