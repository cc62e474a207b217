//! One exchange from its head to its answer: the phases in their order, each over the whole chain.

use std::convert::Infallible;
use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use sluicegate_runtime::{Call, Phase, ReplyHead};

use super::finish::Finisher;
use super::inbound::{Admission, Inbound, begin};
use super::media::is_stream;
use super::pipe::{Pipe, Way};
use super::plan::{Ground, Plan};
use super::reply_body::{ReplyBody, Source, generation_ended};
use super::request_body::RequestBody;
use super::run::Run;
use super::shadow::Taps;
use super::stop::{Stop, StopReply};
use super::under::Under;
use crate::config::Dialect;
use crate::error::{Code, Refusal};
use crate::http::at_hand::AtHand;
use crate::http::fields::{self};
use crate::http::render::render;
use crate::telemetry::request_id::X_REQUEST_ID;
use crate::upstream::UpstreamBody;

/// Serves a request by the plan of its route. Always answers.
///
/// What is made of its head is made here, before there is a future that would carry it.
pub fn serve(
    ground: &Arc<Ground>,
    plan: &Arc<Plan>,
    inbound: Inbound,
    admission: Admission,
) -> impl Future<Output = Result<Response<ReplyBody>, Infallible>> + Send + use<> {
    let client = inbound.client.clone();
    let (run, body) = begin(ground.clone(), plan.clone(), inbound);
    let finisher = Finisher::new(run.clone(), client);
    async move {
        let answered = {
            let forwarded = pin!(run.forward_admitted(body, admission));
            // Its room is free again for the way back.
            AssertUnwindSafe(run.in_time(&finisher, forwarded)).catch_unwind().await
        };
        let reply = match answered {
            Ok(Ok(answer)) => {
                let (head, body) = answer.into_parts();
                run.set_reply(head.status, head.headers);
                Reply::Upstream(body)
            }
            Ok(Err(stop)) => run.stand_in(stop),
            Err(_) => run.stand_in(Stop::refuse(Refusal::new(Code::Internal, "The gateway failed on this request."))),
        };
        let source = match reply {
            Reply::Upstream(body) if run.nobody_looks_back() => Source::AsItComes(body, Taps::default()),
            reply => run.backward_in_time(&finisher, reply).await,
        };
        Ok(run.respond(source, finisher))
    }
}

/// The answer's body before the chain has seen it.
enum Reply {
    Upstream(UpstreamBody),
    Whole(Bytes),
}

impl Run {
    async fn forward_admitted(
        self: &Arc<Run>,
        body: Incoming,
        admission: Admission,
    ) -> Result<Response<UpstreamBody>, Stop> {
        match admission {
            Admission::Matched => {
                self.head_phase().await?;
                self.forward(body).await
            }
            Admission::Unmatched(refusal) => {
                self.head_phase().await?;
                Err(Stop::refuse(*refusal))
            }
            Admission::Unreadable(refusal) => Err(Stop::refuse(*refusal)),
        }
    }

    async fn head_phase(&self) -> Result<(), Stop> {
        for position in self.plan.chain.positions(Phase::Head) {
            self.mark_passed(*position);
            self.call(*position, Call::Head, false).await?;
        }
        self.mark_passed(self.plan.chain.links().len());
        Ok(())
    }

    async fn forward(self: &Arc<Run>, body: Incoming) -> Result<Response<UpstreamBody>, Stop> {
        let Some(route) = &self.plan.route else {
            return Err(Stop::refuse(Refusal::new(Code::NoRoute, "No route of this gateway matches this request.")));
        };
        self.check_protocol()?;
        if let (Some(model), Some(plans)) = (&self.model, &self.plan.models) {
            return Box::pin(self.forward_model(route, model, plans, body)).await;
        }
        if let Some(upgrade) = &self.upgrade {
            self.admit_upgrade(upgrade)?;
        }
        let traced = self.trace.as_ref().map(|trace| (trace, Instant::now()));
        let body = RequestBody::prepare(self, body).await?;
        if let Some((trace, began)) = traced {
            trace.body(Way::Request, began, body.way());
        }
        self.route_phase().await?;
        self.send(route, body).await
    }

    /// The answer goes to the client as its upstream gives it.
    fn nobody_looks_back(&self) -> bool {
        !self.plan.chain.looks_back() && self.model.is_none() && self.trace.is_none()
    }

    async fn backward_in_time(self: &Arc<Run>, finisher: &Finisher, reply: Reply) -> Source {
        // What is over is told through the chain as well: each call there has its own limit.
        let is_over = matches!(reply, Reply::Whole(_));
        let mut backward = pin!(async { Ok(self.backward(reply).await) });
        let backward = async {
            match is_over {
                true => backward.await,
                false => self.in_time(finisher, backward.as_mut()).await,
            }
        };
        match AssertUnwindSafe(backward).catch_unwind().await {
            Ok(Ok(source)) => source,
            Ok(Err(stop)) => self.last_word(stop),
            Err(_) => self.last_word(Stop::refuse(Refusal::new(Code::Internal, "The gateway failed on this answer."))),
        }
    }

    /// The answer's phases. What decides anew on the way takes the place of the answer for the entries in front of it.
    async fn backward(self: &Arc<Run>, reply: Reply) -> Source {
        self.close_model();
        let mut reply = reply;
        for position in self.positions(Phase::ReplyHead).collect::<Vec<_>>() {
            // A stop moves the line in front of which entries take part.
            if !self.positions(Phase::ReplyHead).any(|other| other == position) {
                continue;
            }
            if let Err(stop) = self.call(position, Call::ReplyHead, false).await {
                reply = self.stand_in(stop);
            }
        }
        loop {
            let traced = self.trace.as_ref().map(|trace| (trace, Instant::now()));
            match self.reply_body_phase(reply).await {
                Ok(source) => {
                    if let Some((trace, began)) = traced {
                        trace.body(Way::Reply, began, source.way());
                    }
                    return source;
                }
                Err(stop) => reply = self.stand_in(stop),
            }
        }
    }

    /// Waits for the whole body where a plugin must have it; else hands out its way.
    async fn reply_body_phase(self: &Arc<Run>, reply: Reply) -> Result<Source, Stop> {
        if !self.reply_has_body() {
            // The answer to HEAD has no length that the one to GET would not have (RFC 9110, 8.6).
            if self.log().method == Method::HEAD && self.positions(Phase::ReplyBody).next().is_some() {
                self.forget_length();
            }
            return Ok(match reply {
                Reply::Upstream(body) => Source::AsItComes(body, Taps::default()),
                Reply::Whole(_) => Source::Whole(AtHand::default()),
            });
        }
        let (pipe, mut taps) = (Pipe::new(self, Way::Reply)?, Taps::of(self, Way::Reply));
        if let Some(typed) = self.model.as_ref().and_then(|model| model.take_typed()) {
            let body = if let Reply::Upstream(body) = reply { Some(body) } else { None };
            self.forget_length();
            return Box::pin(self.typed_body(typed, body, pipe, taps)).await;
        }
        match (pipe, reply) {
            (None, Reply::Upstream(body)) => Ok(Source::AsItComes(body, taps)),
            (None, Reply::Whole(bytes)) => {
                taps.push(self, &bytes);
                taps.end(self);
                Ok(Source::Whole(bytes.into()))
            }
            (Some(mut pipe), Reply::Upstream(body)) if self.reply_streams() || !pipe.is_buffering() => {
                if self.reply_streams() {
                    pipe.refuse_buffering()?;
                }
                self.forget_length();
                // Apart, so that an answer that no plugin reads does not carry the room for it.
                Ok(Box::pin(Under::new(self.clone(), body, pipe).into_source_at_hand()).await)
            }
            (Some(pipe), reply) => Box::pin(self.gather(pipe, reply)).await,
        }
    }

    /// Waits for the whole body.
    async fn gather(self: &Arc<Run>, mut pipe: Pipe, reply: Reply) -> Result<Source, Stop> {
        let (mut whole, mut trailers) = (BytesMut::new(), None);
        match reply {
            Reply::Whole(bytes) => {
                pipe.push(bytes);
                pipe.gather(&mut whole).await?;
                pipe.end();
                pipe.gather(&mut whole).await?;
            }
            Reply::Upstream(mut body) => {
                while let Some(bytes) = self.next_of(&mut body, &mut trailers).await? {
                    pipe.push(bytes);
                    pipe.gather(&mut whole).await?;
                }
                pipe.end();
                pipe.gather(&mut whole).await?;
            }
        }
        self.forget_length();
        Ok(Source::Whole(AtHand::new(whole.freeze(), trailers)))
    }

    /// The next bytes of an answer that a plugin waits for. None at its end.
    async fn next_of(
        &self,
        body: &mut UpstreamBody,
        trailers: &mut Option<Box<HeaderMap>>,
    ) -> Result<Option<Bytes>, Stop> {
        let silence_max = self.ground.limits.body_idle_timeout;
        loop {
            let frame = match tokio::time::timeout(silence_max, body.frame()).await {
                Ok(frame) => frame,
                Err(_) => {
                    let message = format!("No byte of the answer arrived within {} seconds.", silence_max.as_secs());
                    return Err(Stop::refuse(Refusal::new(Code::UpstreamTimeout, message)));
                }
            };
            match frame {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => return Ok(Some(bytes)),
                    Err(frame) => {
                        *trailers = frame.into_trailers().ok().and_then(|fields| self.trailers(fields, true));
                    }
                },
                Some(Err(error)) => return Err(self.upstream_failed(&error)),
                None => return Ok(None),
            }
        }
    }

    /// Seals the head and hands both to the server.
    fn respond(self: &Arc<Run>, mut source: Source, mut finisher: Finisher) -> Response<ReplyBody> {
        let tunnel = self.switch(&mut source, &mut finisher);
        if let Some(stop) = self.misleads(tunnel.is_some()) {
            source = self.last_word(stop);
        }
        let has_body = self.reply_has_body();
        let mut state = self.exchange.lock();
        let events = state.reply.as_ref().and_then(|head| self.event_tail(head));
        let mut response = Response::new(ReplyBody::new(source, finisher, events));
        if let Some(head) = &mut state.reply {
            head.sent = true;
            *response.status_mut() = head.status;
            // Those who come after the head still read it.
            let is_read_later =
                [Phase::Delta, Phase::ReplyBody, Phase::Finish].map(|phase| self.plan.chain.positions(phase).len());
            *response.headers_mut() = match is_read_later {
                [0, 0, 0] => std::mem::take(&mut head.headers),
                _ => head.headers.clone(),
            };
        }
        drop(state);
        if let Ok(id) = HeaderValue::from_str(&self.exchange.facts.id) {
            response.headers_mut().insert(X_REQUEST_ID, id);
        }
        if self.leaves_request() {
            // Nobody waits for the rest of the request, which ends the connection (RFC 9112, 9.6). HTTP/2 knows no such field.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(tunnel) = tunnel {
            self.announce_switch(&mut response, tunnel);
        }
        if let Some(trace) = &self.trace {
            trace.answer(response.status().as_u16());
        }
        let mut log = self.log();
        log.status = Some(response.status());
        log.first_byte = Some(self.exchange.facts.started.elapsed());
        drop(log);
        // The server never asks such a body for its end.
        if !has_body || response.body().is_end_stream() {
            response.body_mut().complete();
        }
        response
    }

    /// Puts a stop's answer where the upstream's would be.
    fn stand_in(&self, stop: Stop) -> Reply {
        self.note_stop(&stop);
        // Another one takes its place.
        self.model.iter().for_each(|model| model.set_typed(None));
        match stop.reply {
            StopReply::Refuse(mut refusal) => {
                // A plugin may have been told a secret, by an upstream's error for one; its sentence goes to the client.
                refusal.message = self.ground.redaction.redact(&refusal.message).into_owned();
                let (head, body) = render(&refusal, self.dialect(), &self.exchange.facts.id).into_parts();
                self.set_reply(head.status, head.headers);
                Reply::Whole(body)
            }
            StopReply::Answer(answer) => {
                self.set_reply(answer.status, answer.fields);
                Reply::Whole(answer.body)
            }
            StopReply::Typed(typed) => {
                let fields =
                    HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(typed.media_type()))]);
                self.set_reply(StatusCode::OK, fields);
                self.model.iter().for_each(|model| model.set_typed(Some(typed.clone())));
                Reply::Whole(Bytes::new())
            }
        }
    }

    /// A stop while the answer's phases ran: there is nobody left to ask.
    fn last_word(&self, stop: Stop) -> Source {
        match self.stand_in(stop) {
            Reply::Whole(bytes) => Source::Whole(bytes.into()),
            Reply::Upstream(body) => Source::AsItComes(body, Taps::default()),
        }
    }

    fn set_reply(&self, status: StatusCode, headers: HeaderMap) {
        self.exchange.lock().reply = Some(ReplyHead { status, headers, sent: false });
    }

    /// What went through a plugin may have another length.
    fn forget_length(&self) {
        if let Some(head) = &mut self.exchange.lock().reply {
            head.headers.remove(header::CONTENT_LENGTH);
        }
    }

    fn reply_streams(&self) -> bool {
        self.exchange.lock().reply.as_ref().is_some_and(|head| is_stream(&head.headers))
    }

    fn reply_has_body(&self) -> bool {
        let status = self.exchange.lock().reply.as_ref().map(|head| head.status);
        status.is_some_and(|status| fields::reply_can_have_body(&self.log().method, status))
    }

    pub(super) fn dialect(&self) -> Dialect {
        let of_route = || self.plan.route.as_ref().map_or(Dialect::Http, |route| route.dialect);
        self.model.as_ref().and_then(|model| model.dialect()).unwrap_or_else(of_route)
    }

    async fn in_time<T>(
        &self,
        finisher: &Finisher,
        work: Pin<&mut impl Future<Output = Result<T, Stop>>>,
    ) -> Result<T, Stop> {
        let late = async {
            match self.deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            done = work => done,
            () = poll_fn(|context| finisher.poll_ended(context)) => Err(Stop::refuse(generation_ended())),
            () = late => {
                Err(Stop::refuse(Refusal::new(Code::ExchangeTimeout, "The exchange took longer than its route allows.")))
            }
        }
    }
}
