//! A shadow's own task: takes what passed from the queue, and calls the plugin as its entry would be called.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, header};
use sluicegate_runtime::{
    BodyMode, Call, Changes, Exchange, FailureKind, Held, InstanceNeed, OnError, Phase, Snapshot, Verdict, Version,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::{Seen, Shown, give_up, lock};
use crate::chain::media::is_stream;
use crate::chain::pipe::Way;
use crate::chain::plan::{Chosen, Plan, Site};
use crate::chain::run::Run;
use crate::chain::trace::{OnFailure, Recorder};
use crate::config::Limits;
use crate::http::coding::{DecodeLimits, Decoder};

pub(super) struct Watch {
    plan: Arc<Plan>,
    position: usize,
    /// A copy that nobody else sees.
    exchange: Arc<Exchange>,
    /// What the plugin has changed on it.
    own: Changes,
    limits: Limits,
    record: Arc<Mutex<Seen>>,
    instances: Arc<Semaphore>,
    /// Held while a call runs, and between calls as long as an instance is kept.
    permit: Option<OwnedSemaphorePermit>,
    held: Held,
    body: Option<Body>,
    trace: Option<Arc<Recorder>>,
}

/// A body on its way to the plugin.
struct Body {
    way: Way,
    decoder: Option<Decoder>,
    /// For a plugin that wants the whole.
    buffer: Option<(BytesMut, u64)>,
}

impl Watch {
    pub(super) fn new(run: &Run, position: usize, instances: Arc<Semaphore>, record: Arc<Mutex<Seen>>) -> Watch {
        Watch {
            plan: run.plan.clone(),
            position,
            exchange: Arc::new(run.exchange.copy()),
            own: Changes::default(),
            limits: run.ground.limits.clone(),
            record,
            instances,
            permit: None,
            held: Held::default(),
            body: None,
            trace: run.trace.clone(),
        }
    }

    pub(super) async fn run(mut self, mut shown: mpsc::Receiver<Shown>, queued: &AtomicUsize) {
        while let Some(shown) = shown.recv().await {
            queued.fetch_sub(shown.bytes(), Ordering::AcqRel);
            self.see(shown).await;
        }
        if let Some(link) = self.plan.chain.links().get(self.position) {
            link.entry.release(&mut self.held);
        }
    }

    async fn see(&mut self, shown: Shown) {
        match shown {
            Shown::Phase { call, now } => {
                self.refresh(now);
                if call.phase() == Phase::Finish || !self.is_over() {
                    self.call(call).await;
                }
            }
            Shown::Begin { way, coding, now } => {
                self.refresh(now);
                self.body = self.begin(way, &coding);
            }
            Shown::Piece(bytes) => self.piece(bytes, false).await,
            Shown::End => self.piece(Bytes::new(), true).await,
        }
    }

    fn refresh(&self, now: Option<Box<Snapshot>>) {
        if let Some(now) = now {
            self.exchange.refresh(*now, self.own);
        }
    }

    /// None, and given up, when the plugin cannot have this body in the form that it wants.
    fn begin(&self, way: Way, coding: &[HeaderValue]) -> Option<Body> {
        let link = self.plan.chain.links().get(self.position)?;
        let need = way.need(link.entry.plugin.setup());
        let decoder = match need.encoded || coding.is_empty() {
            true => None,
            false => match Decoder::new(coding, DecodeLimits::from(&self.limits)) {
                Ok(decoder) => decoder,
                Err(_) => return self.cannot("coding"),
            },
        };
        let mut state = self.exchange.lock();
        // As for an entry that enforces: what is decoded has no coding.
        let streams = way.with_headers(&mut state, |headers| {
            if !need.encoded {
                headers.remove(header::CONTENT_ENCODING);
            }
            way == Way::Reply && is_stream(headers)
        });
        drop(state);
        let buffer = match need.mode {
            BodyMode::Buffered if streams == Some(true) => return self.cannot("stream"),
            BodyMode::Buffered => {
                let own = if need.bytes_max == 0 { u64::MAX } else { need.bytes_max };
                Some((BytesMut::new(), own.min(self.limits.buffer_bytes_max)))
            }
            BodyMode::Stream | BodyMode::None => None,
        };
        Some(Body { way, decoder, buffer })
    }

    fn cannot<T>(&self, why: &'static str) -> Option<T> {
        give_up(&self.record, why);
        None
    }

    async fn piece(&mut self, bytes: Bytes, end: bool) {
        let Some(mut body) = self.body.take() else { return };
        let Some(mut decoder) = body.decoder.take() else {
            self.decoded(&mut body, bytes, end).await;
            self.body = Some(body);
            return;
        };
        decoder.feed(bytes);
        loop {
            match decoder.piece() {
                Ok(Some(piece)) => self.decoded(&mut body, piece, false).await,
                Ok(None) => break,
                Err(_) => return give_up(&self.record, "coding"),
            }
        }
        if !end {
            body.decoder = Some(decoder);
        } else if decoder.finish().is_err() {
            return give_up(&self.record, "coding");
        } else {
            self.decoded(&mut body, Bytes::new(), true).await;
        }
        self.body = Some(body);
    }

    async fn decoded(&mut self, body: &mut Body, bytes: Bytes, end: bool) {
        if self.is_over() || (bytes.is_empty() && !end) {
            return;
        }
        let bytes = match &mut body.buffer {
            None => bytes,
            Some((buffer, bytes_max)) => {
                if (buffer.len() + bytes.len()) as u64 > *bytes_max {
                    return give_up(&self.record, "too-large");
                }
                buffer.extend_from_slice(&bytes);
                if !end {
                    return;
                }
                std::mem::take(buffer).freeze()
            }
        };
        self.call(body.way.call(bytes, end)).await;
    }

    async fn call(&mut self, call: Call) {
        let plan = self.plan.clone();
        let Some(link) = plan.chain.links().get(self.position) else { return };
        if self.permit.is_none() {
            self.permit = self.instances.clone().acquire_owned().await.ok();
        }
        let before = self.exchange.snapshot();
        let chosen = Chosen { entry: &link.entry, metrics: &link.metrics };
        let trace = self.trace.as_ref();
        let site = Site { position: self.position, on_failure: OnFailure::Nothing, trace };
        let called = chosen.call(&mut self.held, &self.exchange, site, &call).await;
        if link.entry.plugin.setup().need == InstanceNeed::Call {
            self.permit = None;
        }
        let changes = self.exchange.changes_since(&before);
        self.own = self.own.and(changes);
        let phase = call.phase().as_str();
        let mut seen = lock(&self.record);
        seen.note_changes(changes);
        if seen.over {
            return;
        }
        match called {
            Ok(Verdict::Proceed) => {}
            Ok(Verdict::Replace(bytes)) => {
                let (word, given) = match &call {
                    Call::Body { bytes, .. } => ("request-body", bytes),
                    Call::ReplyBody { bytes, .. } => ("reply-body", bytes),
                    _ => return,
                };
                if *given != *bytes {
                    seen.record.changed.insert(word);
                }
            }
            Ok(Verdict::Reject(rejection)) => {
                seen.decide("reject", phase);
                seen.record.status = Some(rejection.status.as_u16());
                seen.record.code = Some(rejection.code);
            }
            Ok(Verdict::ReplaceText(_)) => drop(seen.record.changed.insert("answer")),
            Ok(Verdict::Written) => seen.decide("answer", phase),
            Ok(Verdict::Stop(_)) => seen.decide("stop", phase),
            // What it would have left out is for later attempts to show.
            Ok(Verdict::Skip(_)) => drop(seen.record.changed.insert("plan")),
            Ok(Verdict::Respond(answer)) => {
                seen.decide("respond", phase);
                seen.record.status = Some(answer.status.as_u16());
            }
            Err(failure) => {
                // An entry that allows would have gone on without it, and in `finish` there is nothing left to refuse.
                if link.entry.options.on_error == OnError::Deny && call.phase() != Phase::Finish {
                    seen.decide("fail", phase);
                }
                seen.record.why.get_or_insert(failure.kind.as_str());
                drop(seen);
                if failure.kind == FailureKind::Suspended {
                    return;
                }
                tracing::warn!(
                    plugin = link.entry.name.as_ref(),
                    version = Version::Shadow.as_str(),
                    phase,
                    request_id = self.exchange.facts.id,
                    "shadow failed, the request is not touched: {failure}"
                );
            }
        }
    }

    fn is_over(&self) -> bool {
        lock(&self.record).over
    }
}

impl Seen {
    pub(super) fn decide(&mut self, decision: &'static str, phase: &'static str) {
        self.over = true;
        self.record.decision = decision;
        self.record.phase = Some(phase);
    }

    fn note_changes(&mut self, changes: Changes) {
        let words = [
            (changes.request_head, "request-head"),
            (changes.reply_head, "reply-head"),
            (changes.identity, "identity"),
            (changes.labels, "labels"),
            (changes.plan, "plan"),
            (changes.call, "call"),
        ];
        self.record.changed.extend(words.into_iter().filter(|(changed, _)| *changed).map(|(_, word)| word));
    }
}
