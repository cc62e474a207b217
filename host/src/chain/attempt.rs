//! One try at one target: the head as plugins left it, the gateway's own credential, and the answer's head.

use std::pin::pin;
use std::sync::atomic::Ordering;
use std::time::Instant;

use http::{HeaderValue, Request, Response, Uri, header};
use sluicegate_runtime::{BodyMode, Phase};

use super::failover::{Failed, Reached};
use super::request_body::{BodyFault, RequestBody};
use super::run::Run;
use super::stop::Stop;
use super::targets::Target;
use super::trace::AttemptTrace;
use crate::config::Route;
use crate::error::{Code, Refusal};
use crate::http::at_hand::AtHand;
use crate::http::field_text::FieldText;
use crate::http::{coding, fields, path};
use crate::upstream::{Deadline, UpstreamBody, UpstreamError};

impl Run {
    /// Sends a request, which is taken from where it stands, to the target with a number; `streams`: its body is not at hand yet,
    /// `again`: that body once more, if it is to be had. The answer's head is cleaned of what ends at this hop.
    pub(super) async fn attempt(
        &self,
        route: &Route,
        number: u32,
        target: &Target,
        request: &mut Request<RequestBody>,
        streams: bool,
        again: &mut (dyn FnMut(bool) -> Option<RequestBody> + Send),
    ) -> Result<Response<UpstreamBody>, Failed> {
        let fault = |stop| Failed { stop, reached: Reached::NoMatter };
        let method = request.method().clone();
        let deadline = self.deadline.zip(route.timeout).map(|(at, whole)| Deadline { at, whole });
        self.note_attempt(number);
        let name = &target.upstream.config().name;
        let trace = self.trace.as_ref().map(|trace| AttemptTrace::begin(trace, name));
        let started = Instant::now();
        let request = std::mem::replace(request, Request::new(RequestBody::Whole(AtHand::default())));
        let sending = pin!(target.upstream.send_until(request, deadline, again));
        let sent = tokio::select! {
            biased;
            sent = sending => Ok(sent),
            () = self.upload_stalled(), if streams => Err(Code::UpstreamTimeout),
        };
        let waited = started.elapsed();
        self.log().upstream_wait += waited;
        let answered = match &sent {
            Ok(sent) => sent.as_ref().map(Response::status).map_err(UpstreamError::code),
            Err(code) => Err(*code),
        };
        target.metrics.attempted(&method, answered, waited);
        if let Some(trace) = trace {
            trace.end(answered.map(|status| status.as_u16()).map_err(Code::as_str));
        }
        match sent {
            Err(code) => {
                let upstream = &target.upstream.config().name;
                let message = format!("Upstream `{upstream}` stopped taking the request's body.");
                tracing::warn!(request_id = self.exchange.facts.id, "{message}");
                Err(fault(Stop::refuse(Refusal::new(code, message))))
            }
            Ok(Ok(answer)) if fields::has_unknown_transfer_coding(answer.headers()) => {
                Err(self.unfit(target, "its transfer-coding is other than `chunked`"))
            }
            Ok(Ok(mut answer)) => {
                let version = answer.version();
                fields::clean_reply(answer.headers_mut(), version);
                if !self.takes_trailers {
                    answer.headers_mut().remove(header::TRAILER);
                }
                let status = answer.status();
                match &self.upgrade {
                    Some(upgrade) if !upgrade.is_answered_by(status, answer.headers_mut()) => {
                        Err(self.unfit(target, "its `sec-websocket-accept` is not the one to the key that it was sent"))
                    }
                    _ => Ok(answer),
                }
            }
            Ok(Err(error)) => Err(Failed { stop: self.upstream_failed(&error), reached: reached(&error) }),
        }
    }

    fn unfit(&self, target: &Target, why: &str) -> Failed {
        let upstream = &target.upstream.config().name;
        tracing::warn!(request_id = self.exchange.facts.id, "the answer of upstream `{upstream}` is refused: {why}");
        let message = format!("Upstream `{upstream}` sent an answer that cannot be used.");
        let stop = Stop::refuse(Refusal::new(Code::UpstreamBroken, message));
        Failed { stop, reached: Reached::Answered }
    }

    fn note_attempt(&self, number: u32) {
        let mut log = self.log();
        log.attempts += 1;
        log.answers_from(number);
    }

    /// Returns when the upstream has long taken nothing of a body that it began to take.
    ///
    /// A body that is not asked for cannot time out by itself. A client that sends nothing is found out by the body, and sooner:
    /// here it takes two whole idle times.
    async fn upload_stalled(&self) {
        let mut before = 0;
        let mut still = 0;
        while still < 2 {
            tokio::time::sleep(self.ground.limits.body_idle_timeout).await;
            if self.request_ended.load(Ordering::Relaxed) {
                // From here on the upstream's own time for its answer counts.
                return std::future::pending().await;
            }
            let now = self.exchange.request_bytes.load(Ordering::Relaxed);
            still = if now == before && now > 0 { still + 1 } else { 0 };
            before = now;
        }
    }

    /// `is_last`: no other target gets it after this one. Else its fields are kept, as plugins left them, where nothing else keeps them.
    pub(super) fn upstream_request(
        &self,
        route: &Route,
        target: &Target,
        body: RequestBody,
        is_last: bool,
        kept: &mut Option<FieldText>,
    ) -> Result<Request<RequestBody>, Stop> {
        // A body that is at hand need not be asked for.
        let expects = self.expects && !matches!(body, RequestBody::Whole(_));
        // Asks which versions serve, and who asks that may look at the exchange: not under its lock.
        let decodes_reply = self.decodes_reply();
        let mut state = self.exchange.lock();
        let state = &mut *state;
        state.request.sent = true;
        let head = &mut state.request;
        let mut headers = match kept {
            Some(fields) => fields.fields(),
            None if self.plan.chain.looks_back() || self.trace.is_some() => head.headers.clone(),
            None => {
                *kept = (!is_last).then(|| FieldText::of(&head.headers));
                std::mem::take(&mut head.headers)
            }
        };
        let query = fields::restore(&state.presented, &route.forward_credentials, &mut headers, head.query.clone());
        // A plugin may have set another path, with another reading.
        path::check(&head.path).map_err(|problem| Stop::refuse(problem.into()))?;
        let path = path::strip_prefix(&head.path, &route.strip_prefix).unwrap_or(&head.path);
        let target_text = match query {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        };
        let uri = Uri::try_from(target_text).map_err(|error| {
            Stop::refuse(Refusal::new(Code::BadRequest, format!("The request's path is not valid: {error}.")))
        })?;
        if expects {
            headers.insert(header::EXPECT, HeaderValue::from_static("100-continue"));
        }
        if let Some(upgrade) = &self.upgrade {
            upgrade.ask(&mut headers);
        }
        if decodes_reply {
            headers.insert(header::ACCEPT_ENCODING, coding::acceptable(headers.get(header::ACCEPT_ENCODING)));
        }
        let config = target.upstream.config();
        if let Some(credential) = &config.credential {
            let injected = self.ground.credentials.inject(credential, &config.origin, &mut headers);
            injected.map_err(|error| {
                tracing::error!(
                    request_id = self.exchange.facts.id,
                    "no credential for upstream `{}`: {error}",
                    config.name
                );
                Stop::refuse(Refusal::new(Code::Internal, "The gateway has no credential for this upstream."))
            })?;
        }
        let mut request = Request::new(body);
        *request.method_mut() = head.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok(request)
    }

    /// Whether an entry must read the answer with its content-coding undone.
    fn decodes_reply(&self) -> bool {
        self.plan.chain.positions(Phase::ReplyBody).iter().any(|position| {
            let link = self.plan.chain.links().get(*position);
            link.is_some_and(|link| {
                let chosen = self.chosen(*position, link).entry;
                let need = chosen.plugin.setup().reply_body;
                link.shadow.is_none()
                    && chosen.phases().contains(Phase::ReplyBody)
                    && need.mode != BodyMode::None
                    && !need.encoded
            })
        })
    }

    pub(super) fn upstream_failed(&self, error: &UpstreamError) -> Stop {
        if let Some(stop) = BodyFault::within(error) {
            return stop.clone();
        }
        tracing::warn!(request_id = self.exchange.facts.id, "{error}");
        Stop::refuse(error.refusal())
    }
}

fn reached(error: &UpstreamError) -> Reached {
    match error {
        error if error.is_unsent() => Reached::Nothing,
        UpstreamError::Broken { .. } | UpstreamError::Timeout { .. } => Reached::Upstream,
        UpstreamError::Switched { .. } | UpstreamError::Excess { .. } => Reached::Answered,
        _ => Reached::NoMatter,
    }
}
