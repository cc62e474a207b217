//! The request's body on its way upstream: as it comes, or through the plugins that want it.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use futures_util::stream::unfold;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::idle::{Elapsed, Idle};
use super::pipe::{Pipe, Way};
use super::reply_body::generation_ended;
use super::resend::Lent;
use super::run::Run;
use super::shadow::Taps;
use super::stop::Stop;
use super::trace::BodyWay;
use crate::config::Limits;
use crate::error::{Code, Refusal};
use crate::http::at_hand::AtHand;
use crate::http::end::is_all_there;
use crate::http::pace::{Pace, TooSlow};
use crate::http::trailers;
use crate::telemetry::outcome::Outcome;
use crate::upstream::UpstreamError;

/// What goes upstream.
pub(super) enum RequestBody {
    Whole(AtHand),
    /// Boxed, for it is large, and most requests have none.
    AsItComes(Box<Metered>),
    Piped(Pieces),
    /// Either of the last two, where another target may have to get it.
    Lent(Lent),
}

type Pieces = Pin<Box<dyn Stream<Item = Result<Frame<Bytes>, BodyFault>> + Send>>;

/// Why the body did not come to its end. Travels through the upstream's error to where the answer is made.
#[derive(Debug, Clone)]
pub(super) struct BodyFault(pub(super) Stop);

impl BodyFault {
    /// Why the gateway itself ended the request, if that is what broke the exchange with the upstream.
    pub(super) fn within(error: &UpstreamError) -> Option<&Stop> {
        match error {
            UpstreamError::RequestBody { error, .. } => error.downcast_ref::<BodyFault>().map(|BodyFault(stop)| stop),
            _ => None,
        }
    }
}

impl RequestBody {
    /// Reads the whole body if a plugin must see it before a byte goes on; else only prepares its way.
    pub(super) async fn prepare(run: &Arc<Run>, incoming: Incoming) -> Result<RequestBody, Stop> {
        match is_all_there(&incoming) {
            true => Ok(RequestBody::Whole(AtHand::default())),
            // Boxed, so that those without a body do not carry the room for it.
            false => Box::pin(RequestBody::prepare_some(run, incoming)).await,
        }
    }

    async fn prepare_some(run: &Arc<Run>, incoming: Incoming) -> Result<RequestBody, Stop> {
        let bytes_max = run.ground.limits.body_bytes_max;
        if incoming.size_hint().lower() > bytes_max {
            return Err(too_large(bytes_max));
        }
        let mut metered = Metered::new(run, incoming);
        let pipe = Pipe::new(run, Way::Request)?;
        let Some(mut pipe) = pipe else {
            metered.taps = Taps::of(run, Way::Request);
            return Ok(RequestBody::AsItComes(Box::new(metered)));
        };
        if !pipe.is_buffering() {
            return Ok(RequestBody::Piped(Box::pin(pieces(metered, pipe))));
        }
        let mut whole = BytesMut::new();
        while let Some(bytes) = metered.next().await? {
            pipe.push(bytes);
            pipe.gather(&mut whole).await?;
        }
        pipe.end();
        pipe.gather(&mut whole).await?;
        Ok(RequestBody::Whole(AtHand::new(whole.freeze(), metered.trailers.take())))
    }
}

impl RequestBody {
    /// Reads it to its end, however it comes.
    pub(super) async fn whole(mut self, limits: &Limits) -> Result<Bytes, Stop> {
        if let RequestBody::Whole(bytes) = self {
            return Ok(bytes.into_bytes());
        }
        let mut whole = BytesMut::new();
        while let Some(frame) = poll_fn(|context| Pin::new(&mut self).poll_frame(context)).await {
            let Ok(bytes) = frame.map_err(|BodyFault(stop)| stop)?.into_data() else { continue };
            whole.extend_from_slice(&bytes);
            // A plugin may have made more of it.
            if whole.len() as u64 > limits.body_bytes_max {
                return Err(too_large(limits.body_bytes_max));
            }
        }
        Ok(whole.freeze())
    }

    pub(super) fn way(&self) -> BodyWay {
        match self {
            RequestBody::Whole(body) if body.is_empty() => BodyWay::None,
            RequestBody::Whole(body) => BodyWay::Buffered(body.len() as u64),
            // It is lent when it is sent; how it goes is asked before.
            RequestBody::AsItComes(_) | RequestBody::Lent(_) => BodyWay::AsItComes,
            RequestBody::Piped(_) => BodyWay::Streamed,
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        match self.get_mut() {
            RequestBody::Whole(body) => Poll::Ready(body.next_frame().map(Ok)),
            RequestBody::AsItComes(metered) => metered.poll_frame(context).map_err(BodyFault),
            RequestBody::Lent(lent) => Pin::new(lent).poll_frame(context),
            RequestBody::Piped(pieces) => pieces.as_mut().poll_next(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            RequestBody::Whole(body) => body.is_empty(),
            RequestBody::AsItComes(metered) => metered.incoming.is_end_stream(),
            RequestBody::Piped(_) => false,
            RequestBody::Lent(lent) => lent.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            RequestBody::Whole(body) => body.size_hint(),
            RequestBody::AsItComes(metered) => metered.incoming.size_hint(),
            RequestBody::Piped(_) => SizeHint::default(),
            RequestBody::Lent(lent) => lent.size_hint(),
        }
    }
}

fn pieces(metered: Metered, pipe: Pipe) -> impl Stream<Item = Result<Frame<Bytes>, BodyFault>> + Send {
    struct Under {
        metered: Metered,
        pipe: Pipe,
        ended: bool,
    }
    let under = Under { metered, pipe, ended: false };
    unfold(Some(under), |under| async move {
        let mut under = under?;
        loop {
            match under.pipe.next().await {
                Ok(Some(piece)) => return Some((Ok(Frame::data(piece)), Some(under))),
                Ok(None) if under.ended => {
                    let trailers = under.metered.trailers.take()?;
                    return Some((Ok(Frame::trailers(*trailers)), None));
                }
                Ok(None) => {}
                Err(stop) => return Some((Err(BodyFault(stop)), None)),
            }
            match under.metered.next().await {
                Ok(Some(bytes)) => under.pipe.push(bytes),
                Ok(None) => {
                    under.ended = true;
                    under.pipe.end();
                }
                Err(stop) => return Some((Err(BodyFault(stop)), None)),
            }
        }
    })
}

/// The client's bytes, counted and timed.
pub(super) struct Metered {
    incoming: Incoming,
    run: Arc<Run>,
    idle: Idle,
    /// Of a body whose length is known: others are conversations, which may pause.
    pace: Option<Pace>,
    /// Shadows that read the body where no plugin takes it through a pipe.
    taps: Taps,
    /// For whoever takes the bytes alone: what came behind them.
    trailers: Option<Box<HeaderMap>>,
}

impl Metered {
    fn new(run: &Arc<Run>, incoming: Incoming) -> Metered {
        let idle = Idle::new(run.ground.limits.body_idle_timeout, run.deadline, run.ground.open.clone());
        let limits = &run.ground.limits;
        let pace = || Pace::new(limits.body_idle_timeout, limits.slow_bytes_per_second);
        let pace = incoming.size_hint().exact().is_some().then(pace);
        Metered { incoming, run: run.clone(), idle, pace, taps: Taps::default(), trailers: None }
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Stop> {
        loop {
            match poll_fn(|context| self.poll_frame(context)).await.transpose()? {
                Some(frame) => match frame.into_data() {
                    Ok(bytes) => return Ok(Some(bytes)),
                    Err(frame) => {
                        self.trailers = frame.into_trailers().ok().and_then(|fields| self.passing(fields, true))
                    }
                },
                None => return Ok(None),
            }
        }
    }

    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Stop>>> {
        let frame = match Pin::new(&mut self.incoming).poll_frame(context) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                self.pace.as_mut().map(Pace::waits);
                let elapsed = ready!(self.idle.poll_elapsed(context));
                return Poll::Ready(Some(Err(timed_out(elapsed, self.run.ground.limits.body_idle_timeout))));
            }
        };
        self.idle.reset();
        let length = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()).map_or(0, Bytes::len);
        if let Some(Err(TooSlow { bytes, waited })) = self.pace.as_mut().map(|pace| pace.moves(length)) {
            let message = format!("Only {bytes} bytes of the body arrived within {} seconds.", waited.as_secs());
            return Poll::Ready(Some(Err(Stop::refuse(Refusal::new(Code::RequestSlow, message)))));
        }
        Poll::Ready(match frame {
            Some(Ok(frame)) if frame.is_trailers() => {
                self.run.request_ended.store(true, Ordering::Relaxed);
                self.taps.end(&self.run);
                let fields = frame.into_trailers().ok().and_then(|fields| self.passing(fields, false));
                fields.map(|fields| Ok(Frame::trailers(*fields)))
            }
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, Bytes::len) as u64;
                let total = self.run.exchange.request_bytes.fetch_add(length, Ordering::Relaxed) + length;
                let bytes_max = self.run.ground.limits.body_bytes_max;
                if let Some(bytes) = frame.data_ref().filter(|_| total <= bytes_max) {
                    self.taps.push(&self.run, bytes);
                }
                if is_all_there(&self.incoming) {
                    self.run.request_ended.store(true, Ordering::Relaxed);
                    self.taps.end(&self.run);
                }
                Some(if total > bytes_max { Err(too_large(bytes_max)) } else { Ok(frame) })
            }
            Some(Err(error)) => Some(Err(broken(&error))),
            None => {
                self.run.request_ended.store(true, Ordering::Relaxed);
                self.taps.end(&self.run);
                None
            }
        })
    }
}

impl Metered {
    /// Of the fields behind the body. `changed`: plugins have the bytes.
    fn passing(&self, fields: HeaderMap, changed: bool) -> Option<Box<HeaderMap>> {
        trailers::clean(fields, &self.run.plan.credential_fields, changed)
    }
}

impl Run {
    /// Whether an answer now comes in front of a part of the request: of a body that has begun, or of one that its client holds back
    /// (RFC 9110, 10.1.1). What nobody has begun to read may still be read by the listener.
    pub(super) fn leaves_request(&self) -> bool {
        let has_begun = self.exchange.request_bytes.load(Ordering::Relaxed) > 0;
        (has_begun || self.expects) && !self.request_ended.load(Ordering::Relaxed)
    }
}

fn too_large(bytes_max: u64) -> Stop {
    Stop::refuse(Refusal::new(
        Code::BodyTooLarge,
        format!("The body is longer than {bytes_max} bytes, which is the limit."),
    ))
}

pub(super) fn timed_out(elapsed: Elapsed, idle: std::time::Duration) -> Stop {
    Stop::refuse(match elapsed {
        Elapsed::Silence => Refusal::new(
            Code::RequestTimeout,
            format!("No byte of the body arrived within {} seconds.", idle.as_secs()),
        ),
        Elapsed::Deadline => Refusal::new(Code::ExchangeTimeout, "The exchange took longer than its route allows."),
        Elapsed::Generation => generation_ended(),
    })
}

fn broken(error: &hyper::Error) -> Stop {
    let stop = Stop::refuse(Refusal::new(Code::BadRequest, format!("The body cannot be read: {error}.")));
    match error.is_incomplete_message() || error.is_closed() || error.is_canceled() || is_hang_up(error) {
        true => Stop { outcome: Outcome::ClientGone, ..stop },
        false => stop,
    }
}

/// hyper hands on what the socket said; a chunk that cannot be read is an error of another kind.
fn is_hang_up(error: &hyper::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<std::io::Error>());
    cause.is_some_and(|cause| matches!(cause.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof))
}

impl std::fmt::Display for BodyFault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.refusal() {
            Some(refusal) => refusal.fmt(formatter),
            None => formatter.write_str("a plugin answered in the middle of the body"),
        }
    }
}

impl std::error::Error for BodyFault {}
