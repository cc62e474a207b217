//! The answer's body on its way to the client, and what its end means for the exchange.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;
use http_body::{Body, Frame, SizeHint};

use super::events::EventTail;
use super::finish::Finisher;
use super::idle::{Elapsed, Idle};
use super::shadow::Taps;
use super::stop::Stop;
use super::trace::BodyWay;
use super::under::Broken;
use crate::error::{Code, Fault, Refusal};
use crate::http::at_hand::AtHand;
use crate::telemetry::outcome::Outcome;
use crate::upstream::{UpstreamBody, UpstreamError};

/// What hyper sends to a client. Dropped before its end, it means that the client has gone.
///
/// Boxed, for whoever sends it moves it more than a dozen times.
pub struct ReplyBody(Box<Sending>);

struct Sending {
    source: Source,
    idle: Idle,
    finisher: Finisher,
    /// Set for a stream of events that is not encoded: its error can be told as one more event.
    events: Option<EventTail>,
    /// The answer is cut, and whoever sends it has not been told yet.
    cut: Option<Cut>,
}

pub(super) enum Source {
    /// An answer of the gateway or of a plugin, or one that was buffered.
    Whole(AtHand),
    AsItComes(UpstreamBody, Taps),
    Piped(Pin<Box<dyn Stream<Item = Result<Frame<Bytes>, Cut>> + Send>>, Arc<AtomicU64>),
}

impl Source {
    pub(super) fn way(&self) -> BodyWay {
        match self {
            Source::Whole(body) if body.is_empty() => BodyWay::None,
            Source::Whole(body) => BodyWay::Buffered(body.len() as u64),
            Source::AsItComes(..) => BodyWay::AsItComes,
            Source::Piped(..) => BodyWay::Streamed,
        }
    }
}

/// The end of an answer that is none.
#[derive(Debug, Clone)]
pub struct Cut {
    pub(super) outcome: Outcome,
    pub(super) fault: Fault,
    pub(super) code: String,
    pub(super) message: String,
    /// What a client that reads events is told.
    pub(super) told: Option<Box<Refusal>>,
}

impl ReplyBody {
    /// `events`: the answer is a stream in which an error can be told.
    pub(super) fn new(source: Source, finisher: Finisher, events: Option<EventTail>) -> ReplyBody {
        let run = finisher.run();
        let idle = Idle::new(run.ground.limits.body_idle_timeout, run.deadline, run.ground.open.clone());
        ReplyBody(Box::new(Sending { source, idle, finisher, events, cut: None }))
    }

    /// The head alone is the whole answer.
    pub(super) fn complete(&mut self) {
        self.0.finisher.complete();
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        self.0.poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

impl Sending {
    fn last_event(&self, cut: &Cut) -> Option<Bytes> {
        let run = self.finisher.run();
        self.events.as_ref()?.error_event(cut.told.as_deref()?, &run.exchange.facts.id)
    }

    /// A client of a model reads why; what nobody here has touched just breaks off.
    fn timed_out(&self, elapsed: Elapsed) -> Cut {
        let cut = Cut::timed_out(elapsed);
        match (&cut.told, &self.finisher.run().model) {
            (None, Some(_)) => {
                let code = if elapsed == Elapsed::Deadline { Code::ExchangeTimeout } else { Code::UpstreamTimeout };
                let told = Refusal::new(code, format!("The answer was cut: {}.", cut.message));
                Cut { told: Some(Box::new(told)), ..cut }
            }
            _ => cut,
        }
    }

    fn poll_source(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        // The answer that says so is late by nature.
        if let (Some(elapsed), false) = (self.idle.is_over(), matches!(self.source, Source::Whole(_))) {
            return Poll::Ready(Some(Err(self.timed_out(elapsed))));
        }
        let polled = match &mut self.source {
            Source::Whole(body) => return Poll::Ready(body.next_frame().map(Ok)),
            Source::AsItComes(body, taps) => {
                let run = self.finisher.run();
                let before = body.pieces();
                let polled = Pin::new(&mut *body).poll_frame(context);
                // What became nothing is a sign of life all the same.
                if body.pieces() > before {
                    self.idle.reset();
                }
                match &polled {
                    Poll::Ready(Some(Ok(frame))) => {
                        frame.data_ref().into_iter().for_each(|bytes| taps.push(run, bytes));
                        if frame.is_trailers() || body.is_end_stream() {
                            taps.end(run);
                        }
                    }
                    Poll::Ready(None) => taps.end(run),
                    Poll::Ready(Some(Err(_))) | Poll::Pending => {}
                }
                let is_translated = body.is_translated();
                polled.map_err(|error| {
                    let cut = Broken::of(error).into_cut(run);
                    // What nobody here has touched is not touched now either: such a stream breaks as it broke.
                    if is_translated { cut } else { Cut { told: None, ..cut } }
                })
            }
            Source::Piped(pieces, life) => {
                let before = life.load(Ordering::Relaxed);
                let polled = pieces.as_mut().poll_next(context);
                // So is what plugins hold back.
                if life.load(Ordering::Relaxed) != before {
                    self.idle.reset();
                }
                polled
            }
        };
        match polled {
            Poll::Ready(Some(Ok(frame))) if frame.is_trailers() => {
                let fields = frame.into_trailers().ok().and_then(|fields| self.finisher.run().trailers(fields, false));
                Poll::Ready(fields.map(|fields| Ok(Frame::trailers(*fields))))
            }
            Poll::Ready(frame) => {
                self.idle.reset();
                Poll::Ready(frame)
            }
            Poll::Pending => {
                let elapsed = ready!(self.idle.poll_elapsed(context));
                Poll::Ready(Some(Err(self.timed_out(elapsed))))
            }
        }
    }

    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        if let Some(cut) = self.cut.take() {
            return Poll::Ready(Some(Err(cut)));
        }
        let frame = ready!(self.poll_source(context));
        match &frame {
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                self.finisher.run().exchange.add_reply_bytes(length);
                if let (Some(events), Some(bytes)) = (&mut self.events, frame.data_ref()) {
                    events.follow(bytes);
                }
                // Whoever sends stops at the announced length or behind trailers, and may not ask for the end.
                if frame.is_trailers() || self.is_end_stream() {
                    self.finisher.complete();
                }
            }
            Some(Err(cut)) => {
                if let Some(event) = self.last_event(cut) {
                    // The client reads the error in its own dialect; the stream ends behind it.
                    self.finisher.note_cut(cut);
                    self.finisher.run().exchange.add_reply_bytes(event.len());
                    self.source = Source::Whole(AtHand::default());
                    self.finisher.complete();
                    return Poll::Ready(Some(Ok(Frame::data(event))));
                }
                self.finisher.cut(cut);
                // An error drops what is not written yet, and a client that has not even a head takes the request for unserved
                // and may send it again. A pause of one turn lets the head and the earlier pieces go out.
                self.cut = Some(cut.clone());
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            None => self.finisher.complete(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Whole(body) => body.is_empty(),
            Source::AsItComes(body, _) => body.is_end_stream(),
            Source::Piped(..) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Whole(body) => body.size_hint(),
            Source::AsItComes(body, _) => body.size_hint(),
            Source::Piped(..) => SizeHint::default(),
        }
    }
}

/// Whoever sends by a length drops it there, and the end of an answer of HTTP/2 may come later.
impl Drop for Sending {
    fn drop(&mut self) {
        if self.size_hint().exact() == Some(0) {
            self.finisher.complete();
        }
    }
}

impl From<&UpstreamError> for Cut {
    fn from(error: &UpstreamError) -> Cut {
        Cut {
            outcome: Outcome::UpstreamCut,
            fault: Fault::Upstream,
            code: Code::UpstreamBroken.as_str().to_owned(),
            message: error.to_string(),
            told: None,
        }
    }
}

impl From<&Stop> for Cut {
    /// What a plugin decides in the middle of an answer cuts it, whatever it decided.
    fn from(stop: &Stop) -> Cut {
        let outcome = if stop.outcome == Outcome::Complete { Outcome::Rejected } else { stop.outcome };
        match stop.refusal() {
            Some(refusal) => Cut {
                outcome,
                fault: refusal.fault,
                code: refusal.code.to_string(),
                message: refusal.message.clone(),
                told: Some(Box::new(refusal.clone())),
            },
            None => Cut {
                outcome,
                fault: Fault::Policy,
                code: "policy_answered_late".to_owned(),
                message: "a plugin answered after the head had gone out".to_owned(),
                told: None,
            },
        }
    }
}

impl Cut {
    pub fn fault(&self) -> Fault {
        self.fault
    }

    /// Nobody can be told on a connection that speaks another protocol.
    pub(super) fn of_tunnel(outcome: Outcome, fault: Fault, code: Code, message: String) -> Cut {
        Cut { outcome, fault, code: code.as_str().to_owned(), message, told: None }
    }

    pub(super) fn timed_out(elapsed: Elapsed) -> Cut {
        let (code, message) = match elapsed {
            Elapsed::Silence => (Code::UpstreamTimeout, "no byte of the answer moved for too long"),
            Elapsed::Deadline => (Code::ExchangeTimeout, "the exchange took longer than its route allows"),
            Elapsed::Generation => (Code::GenerationEnded, "its generation of the configuration was ended"),
        };
        let told = (elapsed == Elapsed::Generation).then(|| Box::new(generation_ended()));
        Cut {
            outcome: Outcome::TimedOut,
            fault: code.fault(),
            code: code.as_str().to_owned(),
            message: message.to_owned(),
            told,
        }
    }
}

/// For who is still served by a generation that an operator, or a long line of newer ones, has ended.
pub(super) fn generation_ended() -> Refusal {
    let message = "The gateway's configuration has changed, and what it was before has been ended; ask again.";
    Refusal::new(Code::GenerationEnded, message)
}

impl fmt::Display for Cut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Cut {}
