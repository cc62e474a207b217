//! An answer on its way to the client through plugins, piece by piece: as it comes, or written down behind those that look at its text.

use std::future::ready;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::stream::{once, unfold};
use http::HeaderMap;
use http_body::{Body, Frame};
use tokio::time::timeout;

use super::model::Deltas;
use super::pipe::Pipe;
use super::reply_body::{Cut, Source};
use super::request_body::BodyFault;
use super::run::Run;
use super::shadow::Taps;
use super::stop::Stop;
use crate::error::{Code, Refusal};
use crate::http::at_hand::AtHand;
use crate::http::trailers;
use crate::telemetry::outcome::Outcome;
use crate::upstream::{UpstreamBody, UpstreamError};

/// An answer on its way through plugins, as it comes.
pub(super) struct Under {
    run: Arc<Run>,
    /// None where there is none, and once nothing more of it is wanted.
    body: Option<UpstreamBody>,
    /// Where the answer is written down here.
    deltas: Option<Box<Deltas>>,
    pipe: Option<Pipe>,
    /// Shadows that read what nobody here changes.
    taps: Taps,
    /// What will stand behind it.
    trailers: Option<Box<HeaderMap>>,
    ended: bool,
    /// Written, and not asked for yet.
    first: Option<Bytes>,
    /// Pieces that the upstream has sent, whatever became of them.
    life: Arc<AtomicU64>,
    /// How the upstream broke off, while what came before is handed on.
    fault: Option<UpstreamError>,
}

impl Run {
    /// What the client gets of the fields behind an answer. `changed`: plugins have the bytes.
    pub(super) fn trailers(&self, fields: HeaderMap, changed: bool) -> Option<Box<HeaderMap>> {
        self.takes_trailers.then(|| trailers::clean(fields, &self.plan.credential_fields, changed)).flatten()
    }
}

pub(super) enum Broken {
    Stop(Stop),
    Upstream(UpstreamError),
}

impl Under {
    pub(super) fn new(run: Arc<Run>, body: UpstreamBody, pipe: Pipe) -> Under {
        Under {
            run,
            body: Some(body),
            deltas: None,
            pipe: Some(pipe),
            taps: Taps::default(),
            trailers: None,
            ended: false,
            first: None,
            life: Arc::default(),
            fault: None,
        }
    }

    pub(super) fn typed(
        run: Arc<Run>,
        body: Option<UpstreamBody>,
        deltas: Deltas,
        pipe: Option<Pipe>,
        taps: Taps,
    ) -> Under {
        let deltas = Some(Box::new(deltas));
        Under {
            run,
            body,
            deltas,
            pipe,
            taps,
            trailers: None,
            ended: false,
            first: None,
            life: Arc::default(),
            fault: None,
        }
    }

    /// Waits until there is something for the client, so that what is decided before that is the whole answer.
    pub(super) async fn begin(&mut self) -> Result<(), Broken> {
        self.first = self.next().await?;
        Ok(())
    }

    /// What has all arrived goes through the plugins at once, and out with a length. What they decide about it cuts the answer all the
    /// same: a plugin does not depend on how fast its upstream is.
    pub(super) async fn into_source_at_hand(mut self) -> Source {
        let whole = match self.all_there() {
            Ok(None) => return self.into_source(),
            Ok(Some(bytes)) => self.last(bytes).await,
            Err(broken) => Err(broken),
        };
        match whole {
            Ok(bytes) => Source::Whole(AtHand::new(bytes, self.trailers)),
            Err(broken) => Source::Piped(Box::pin(once(ready(Err(broken.into_cut(&self.run))))), self.life),
        }
    }

    /// All of the body, if that is one piece and has come. What has come of another one stands in front of the pipe.
    fn all_there(&mut self) -> Result<Option<Bytes>, Broken> {
        // Of a stream nobody knows; and a few bytes may decode to many pieces.
        let has_length = self.body.as_ref().is_some_and(|body| body.size_hint().exact().is_some());
        if !has_length || self.pipe.as_ref().is_none_or(Pipe::decodes) {
            return Ok(None);
        }
        let Some(came) = self.bytes().now_or_never().transpose()? else { return Ok(None) };
        match (came, &self.body, &mut self.pipe) {
            (Some(bytes), Some(body), Some(pipe)) if !body.is_end_stream() => {
                pipe.push(bytes);
                Ok(None)
            }
            (came, ..) => Ok(Some(came.unwrap_or_default())),
        }
    }

    /// Those that go on instead of the last ones.
    async fn last(&mut self, bytes: Bytes) -> Result<Bytes, Broken> {
        let Some(pipe) = &mut self.pipe else { return Ok(bytes) };
        // As of a body that is still coming, whose head has gone out.
        if let Some(head) = &mut self.run.exchange.lock().reply {
            head.sent = true;
        }
        pipe.push_last(bytes);
        Ok(pipe.next().await.map_err(Broken::Stop)?.unwrap_or_default())
    }

    pub(super) fn into_source(self) -> Source {
        let life = self.life.clone();
        // Boxed, since it is handed on with each piece.
        let pieces = unfold(Some(Box::new(self)), |under| async move {
            let mut under = under?;
            match under.next().await {
                Ok(Some(piece)) => Some((Ok(Frame::data(piece)), Some(under))),
                Ok(None) => Some((Ok(Frame::trailers(*under.trailers?)), None)),
                Err(broken) => Some((Err(broken.into_cut(&under.run)), None)),
            }
        });
        Source::Piped(Box::pin(pieces), life)
    }

    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Broken> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        loop {
            if let Some(pipe) = &mut self.pipe
                && let Some(piece) = pipe.next().await.map_err(Broken::Stop)?
            {
                return Ok(Some(piece));
            }
            if self.ended {
                return Ok(None);
            }
            match (self.bytes().await?, &mut self.pipe) {
                (Some(bytes), Some(pipe)) => pipe.push(bytes),
                (Some(bytes), None) => {
                    self.taps.push(&self.run, &bytes);
                    return Ok(Some(bytes));
                }
                (None, pipe) => {
                    self.ended = true;
                    match pipe {
                        Some(pipe) => pipe.end(),
                        None => self.taps.end(&self.run),
                    }
                }
            }
        }
    }

    /// The next bytes of the answer as it comes, or as it is written down here.
    async fn bytes(&mut self) -> Result<Option<Bytes>, Broken> {
        loop {
            if let Some(deltas) = &mut self.deltas {
                if let Some(bytes) = deltas.next().await.map_err(Broken::Stop)? {
                    return Ok(Some(bytes));
                }
                if deltas.is_stopped() {
                    self.body = None;
                }
            }
            if let Some(error) = self.fault.take() {
                if let Some(deltas) = &mut self.deltas {
                    deltas.broke(ending(&error)).await;
                }
                return Err(Broken::of(error));
            }
            let Some(body) = &mut self.body else { return Ok(None) };
            let life = &self.life;
            let next = std::future::poll_fn(|context| {
                let before = body.pieces();
                let polled = Pin::new(&mut *body).poll_frame(context);
                let came = body.pieces() - before + u64::from(polled.is_ready());
                life.fetch_add(came, Ordering::Relaxed);
                polled
            });
            let frame = match &mut self.deltas {
                None => next.await,
                Some(deltas) => match within(self.run.ground.limits.body_idle_timeout, life, next).await {
                    Some(frame) => frame,
                    None => {
                        deltas.broke("cut").await;
                        let message = "No byte of the answer arrived in time.";
                        return Err(Broken::Stop(Stop::refuse(Refusal::new(Code::UpstreamTimeout, message))));
                    }
                },
            };
            match (frame, &mut self.deltas) {
                (Some(Ok(frame)), None) => match frame.into_data() {
                    Ok(bytes) => return Ok(Some(bytes)),
                    Err(frame) => {
                        let fields = frame.into_trailers().ok();
                        self.trailers = fields.and_then(|fields| self.run.trailers(fields, self.pipe.is_some()));
                    }
                },
                // Its events are there.
                (Some(Ok(_)), Some(_)) => {}
                (Some(Err(error)), deltas) => {
                    if let Some(deltas) = deltas {
                        // What came in front of the fault is a part of the answer, however it was cut into pieces.
                        if let Some(bytes) = deltas.next().await.map_err(Broken::Stop)? {
                            self.fault = Some(error);
                            return Ok(Some(bytes));
                        }
                        deltas.broke(ending(&error)).await;
                    }
                    return Err(Broken::of(error));
                }
                (None, _) => self.body = None,
            }
        }
    }
}

impl Broken {
    /// A request that was stopped after the answer had begun breaks the answer, too: then the stop is to blame, not the upstream.
    pub(super) fn of(error: UpstreamError) -> Broken {
        match BodyFault::within(&error) {
            Some(stop) => Broken::Stop(stop.clone()),
            None => Broken::Upstream(error),
        }
    }

    /// For an answer that was waited for.
    pub(super) fn into_stop(self, run: &Run) -> Stop {
        match self {
            Broken::Stop(stop) => stop,
            Broken::Upstream(error) => run.upstream_failed(&error),
        }
    }

    pub(super) fn into_cut(self, run: &Run) -> Cut {
        if let Broken::Stop(stop) = &self {
            run.note_stop(stop);
        }
        let cut = self.as_cut();
        // A plugin's sentence goes to the client, and it may have been told a secret.
        let told = cut.told.map(|mut told| {
            told.message = run.ground.redaction.redact(&told.message).into_owned();
            told
        });
        Cut { told, ..cut }
    }

    fn as_cut(self) -> Cut {
        match self {
            Broken::Upstream(UpstreamError::Answer { upstream, refusal }) => Cut {
                outcome: Outcome::UpstreamCut,
                fault: refusal.fault,
                code: refusal.code.to_string(),
                message: format!("upstream `{upstream}` failed in its answer: {}", refusal.message),
                told: Some(refusal),
            },
            Broken::Upstream(error) => {
                let told = Refusal::new(Code::UpstreamBroken, "The upstream broke off its answer.");
                Cut { told: Some(Box::new(told)), ..Cut::from(&error) }
            }
            Broken::Stop(stop) => Cut::from(&stop),
        }
    }
}

/// The contract's word for how an answer broke off.
fn ending(error: &UpstreamError) -> &'static str {
    if matches!(error, UpstreamError::Answer { .. }) { "error" } else { "cut" }
}

/// None if nothing came for so long, also nothing that became nothing.
async fn within<T>(silence_max: Duration, life: &AtomicU64, next: impl Future<Output = T>) -> Option<T> {
    let mut next = pin!(next);
    loop {
        let before = life.load(Ordering::Relaxed);
        match timeout(silence_max, next.as_mut()).await {
            Ok(next) => return Some(next),
            Err(_) if life.load(Ordering::Relaxed) != before => {}
            Err(_) => return None,
        }
    }
}
