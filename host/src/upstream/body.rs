//! Bodies on their way to and from an upstream: how far the request is sent, and whether the answer ended cleanly.

mod gate;
mod translation;

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use thiserror::Error;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::error::{BoxError, Cause, Excess, UpstreamError, classify};
use super::health::UnderWay;
use super::pool::Lease;
use super::stream::StreamBody;
use super::switched::{Held, Switched};
use crate::config;
use gate::Gate;
use translation::Translation;

use crate::http::at_hand::AtHand;

pub use translation::Translate;

/// A request's body. The pool holds connections for one type of body, so that a body is boxed; most requests have none.
pub(super) struct SendBody(Option<Sending>);

struct Sending {
    body: UnsyncBoxBody<Bytes, BoxError>,
    progress: Arc<Progress>,
    /// Some until the upstream wants it.
    gate: Option<Box<Gate>>,
}

/// How far a request's body is; shared between the connection that reads it and the exchange that waits for an answer.
#[derive(Default)]
pub(super) struct Progress {
    sent: AtomicBool,
    /// None where there was nothing to send.
    sent_at: OnceLock<Instant>,
    became_sent: Notify,
    error: Mutex<Option<BoxError>>,
    stage: Mutex<Stage>,
}

/// What a request waits for.
#[derive(Debug, Clone, Copy, Default)]
enum Stage {
    /// Its turn among those of this gateway.
    #[default]
    Queued,
    /// A connection, since then.
    Connecting(Instant),
    /// To be sent and answered; it was handed to a connection then.
    Handed(Instant),
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
        (SendBody::again(body, &progress), progress)
    }

    /// In the place of one that was sent in vain.
    pub(super) fn again<B>(body: B, progress: &Arc<Progress>) -> SendBody
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        if body.is_end_stream() {
            progress.sent.store(true, Ordering::Release);
            return SendBody::none();
        }
        let body = body.map_err(Into::into).boxed_unsync();
        SendBody(Some(Sending { body, progress: Arc::clone(progress), gate: None }))
    }

    pub(super) fn none() -> SendBody {
        SendBody(None)
    }

    /// Nothing of it is asked for until the upstream answers 100 to this request.
    pub(super) fn hold_back(request: &mut Request<SendBody>, is_http2: bool) {
        let gate = Gate::new();
        if !is_http2 {
            gate.open_by(request);
        }
        if let Some(sending) = &mut request.body_mut().0 {
            sending.gate = Some(Box::new(gate));
        }
    }

    /// The upstream wants it.
    pub(super) fn open(&self) {
        if let Some(gate) = self.0.as_ref().and_then(|sending| sending.gate.as_ref()) {
            gate.open();
        }
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
        if let Some(gate) = &mut sending.gate {
            ready!(gate.poll_opened(context));
            sending.gate = None;
        }
        let frame = ready!(Pin::new(&mut sending.body).poll_frame(context));
        let ends = match &frame {
            Some(Ok(frame)) => frame.is_trailers() || sending.body.is_end_stream(),
            Some(Err(_)) => sending.body.is_end_stream(),
            None => true,
        };
        if ends {
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

    /// It is the request's turn to have a connection.
    pub(super) fn connecting(&self) {
        self.set_stage(Stage::Connecting(Instant::now()));
    }

    pub(super) fn handed(&self) -> Instant {
        let now = Instant::now();
        self.set_stage(Stage::Handed(now));
        now
    }

    fn set_stage(&self, stage: Stage) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }

    /// How long it is the upstream that is waited for: for a connection, or for an answer to all of the request.
    pub(super) fn waited(&self) -> Option<Duration> {
        let stage = *self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        match stage {
            Stage::Queued => None,
            Stage::Connecting(since) => Some(since.elapsed()),
            Stage::Handed(since) => {
                let sent_at = self.sent_at.get().map_or(since, |sent_at| since.max(*sent_at));
                self.is_sent().then(|| sent_at.elapsed())
            }
        }
    }

    /// Waits until the last byte of the body was handed to the connection. Returns when that was, if there was one.
    pub(super) async fn sent(&self) -> Option<Instant> {
        let became_sent = self.became_sent.notified();
        // It may have been just before.
        if !self.is_sent() {
            became_sent.await;
        }
        self.sent_at.get().copied()
    }

    pub(super) fn take_error(&self) -> Option<BoxError> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// An answer's body. Ends with an error unless the upstream ended it as HTTP demands.
///
/// Its connection serves the next request only after a clean end; dropped before, it closes the connection.
pub struct UpstreamBody {
    source: Source,
    /// Until the end, clean or not.
    lease: Option<Lease>,
    progress: Arc<Progress>,
    upstream: Arc<config::Upstream>,
    /// Until the end, too.
    under_way: Option<UnderWay>,
    /// Boxed: most answers have none.
    translation: Option<Box<Translation>>,
}

/// What reading all of an answer came to.
pub enum Whole {
    /// All bytes, and what is left of the answer.
    Read(Box<UpstreamBody>, Bytes),
    TooLong,
    /// Nothing came for too long.
    Silent,
}

pub(super) enum Source {
    Connection(Incoming),
    /// Of HTTP/2.
    Stream(StreamBody),
    /// It has none: another protocol is spoken from here on.
    Switched(OnUpgrade),
    /// Read to its end, and not yet handed out.
    Gathered(AtHand),
}

impl UpstreamBody {
    pub(super) fn new(
        source: Source,
        lease: Lease,
        progress: Arc<Progress>,
        upstream: Arc<config::Upstream>,
    ) -> UpstreamBody {
        let mut body =
            UpstreamBody { source, lease: Some(lease), progress, upstream, under_way: None, translation: None };
        if body.is_end_stream() {
            body.end();
        }
        body
    }

    /// Of a 101, whose connection goes to whoever takes it; if nobody does, it is closed.
    pub(super) fn switched(
        upgrade: OnUpgrade,
        lease: Lease,
        progress: Arc<Progress>,
        upstream: Arc<config::Upstream>,
    ) -> UpstreamBody {
        let source = Source::Switched(upgrade);
        UpstreamBody { source, lease: Some(lease), progress, upstream, under_way: None, translation: None }
    }

    /// The connection of a 101, once.
    pub fn take_switched(&mut self) -> Option<Switched> {
        let Source::Switched(_) = self.source else { return None };
        let lease = self.lease.take()?;
        let source = std::mem::replace(&mut self.source, Source::Gathered(AtHand::default()));
        let Source::Switched(upgrade) = source else { return None };
        let held = Held { _lease: lease, _under_way: self.under_way.take() };
        Some(Switched { upgrade, held, upstream: self.upstream.name.clone() })
    }

    /// Reads it to its end, so that its connection is free for others, and hands it out from memory.
    ///
    /// None if it is longer, takes longer or breaks off; then the connection is closed.
    pub async fn gathered(mut self, bytes_max: usize, time_max: Duration) -> Option<UpstreamBody> {
        if self.lease.is_none() {
            return Some(self);
        }
        if self.size_hint().lower() > u64::try_from(bytes_max).unwrap_or(u64::MAX) {
            return None;
        }
        let (mut bytes, mut trailers) = (BytesMut::new(), None);
        let reading = async {
            while let Some(frame) = self.frame().await {
                match frame.ok()?.into_data() {
                    Ok(data) if bytes.len() + data.len() > bytes_max => return None,
                    Ok(data) => bytes.extend_from_slice(&data),
                    Err(frame) => trailers = frame.into_trailers().ok(),
                }
            }
            Some(())
        };
        timeout(time_max, reading).await.ok()??;
        self.source = Source::Gathered(AtHand::new(bytes.freeze(), trailers.map(Box::new)));
        Some(self)
    }

    /// Reads it to its end, with no pause longer than this.
    pub async fn read_whole(mut self, bytes_max: usize, silence_max: Duration) -> Result<Whole, UpstreamError> {
        let mut bytes = BytesMut::new();
        loop {
            let Ok(frame) = timeout(silence_max, self.frame()).await else { return Ok(Whole::Silent) };
            let Some(frame) = frame else { break };
            let Ok(data) = frame?.into_data() else { continue };
            if bytes.len() + data.len() > bytes_max {
                return Ok(Whole::TooLong);
            }
            bytes.extend_from_slice(&data);
        }
        Ok(Whole::Read(Box::new(self), bytes.freeze()))
    }

    /// In place of a body that was read: these bytes.
    pub fn replaced(mut self, bytes: Bytes) -> UpstreamBody {
        self.source = Source::Gathered(bytes.into());
        self
    }

    /// For whoever reads all of it and says then whether it was an answer: it is under way for as long as this lives.
    pub fn take_under_way(&mut self) -> Option<UnderWay> {
        self.under_way.take()
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
        match self.translation.is_some() {
            true => self.poll_translated(context),
            false => self.poll_source(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.translation {
            Some(translation) => translation.ended && translation.ahead.is_none(),
            None => self.source.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.translation {
            Some(_) => SizeHint::default(),
            None => self.source.size_hint(),
        }
    }
}

impl UpstreamBody {
    fn poll_source(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, UpstreamError>>> {
        let frame = match &mut self.source {
            Source::Connection(incoming) => ready!(Pin::new(incoming).poll_frame(context).map_err(Cause::from)),
            Source::Stream(stream) => ready!(stream.poll_frame(context).map_err(Cause::from)),
            Source::Switched(_) => return Poll::Ready(None),
            Source::Gathered(body) => return Poll::Ready(body.next_frame().map(Ok)),
        };
        let trailers = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.trailers_ref());
        if let Some(count) = trailers.map(HeaderMap::len).filter(|count| *count > self.upstream.reply_heads.fields_max)
        {
            let excess = Excess::Fields { count, max: self.upstream.reply_heads.fields_max };
            self.lease = None;
            self.under_way.take().iter_mut().for_each(UnderWay::failed);
            let upstream = self.upstream.name.clone();
            return Poll::Ready(Some(Err(UpstreamError::Excess { upstream, excess })));
        }
        match frame {
            Some(Ok(frame)) => {
                // Whoever reads the body stops at the announced length or behind trailers, and may not ask for the end.
                if frame.is_trailers() || self.source.is_end_stream() {
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
}

impl Source {
    fn is_end_stream(&self) -> bool {
        match self {
            Source::Connection(incoming) => incoming.is_end_stream(),
            Source::Stream(stream) => stream.is_end_stream(),
            Source::Switched(_) => true,
            Source::Gathered(body) => body.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Source::Connection(incoming) => incoming.size_hint(),
            Source::Stream(stream) => stream.size_hint(),
            Source::Switched(_) => SizeHint::with_exact(0),
            Source::Gathered(body) => body.size_hint(),
        }
    }
}

impl std::fmt::Debug for UpstreamBody {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("UpstreamBody").field("upstream", &self.upstream.name).finish_non_exhaustive()
    }
}
