//! One try at an upstream: the head as plugins left it, the gateway's own credential, and the answer's head.

use std::time::Instant;

use http::{Request, Response, Uri, header};
use sluicegate_runtime::{BodyMode, Phase};

use super::plan::Target;
use super::request_body::{BodyFault, RequestBody};
use super::run::Run;
use super::stop::Stop;
use crate::config::Route;
use crate::error::{Code, Refusal};
use crate::http::{coding, fields, path};
use crate::upstream::{UpstreamBody, UpstreamError};

impl Run {
    /// Sends the request. The answer's head is cleaned of what ends at this hop.
    pub(super) async fn attempt(
        &self,
        route: &Route,
        target: &Target,
        body: RequestBody,
    ) -> Result<Response<UpstreamBody>, Stop> {
        let request = self.upstream_request(route, target, body)?;
        let method = request.method().clone();
        self.log().attempts += 1;
        let started = Instant::now();
        let sent = target.upstream.send(request).await;
        let waited = started.elapsed();
        self.log().upstream_wait += waited;
        let answered = sent.as_ref().map(Response::status).map_err(UpstreamError::code);
        target.metrics.attempted(&method, answered, waited);
        match sent {
            Ok(mut answer) => {
                let version = answer.version();
                fields::clean_reply(answer.headers_mut(), version);
                Ok(answer)
            }
            Err(error) => Err(self.upstream_failed(&error)),
        }
    }

    fn upstream_request(
        &self,
        route: &Route,
        target: &Target,
        body: RequestBody,
    ) -> Result<Request<RequestBody>, Stop> {
        let mut state = self.exchange.lock();
        let state = &mut *state;
        state.request.sent = true;
        let head = &state.request;
        let mut headers = head.headers.clone();
        let query = fields::restore(&state.presented, &route.forward_credentials, &mut headers, head.query.clone());
        // A plugin may have set another path, with another reading.
        path::check(&head.path).map_err(|problem| Stop::refuse(problem.refusal()))?;
        let path = path::strip_prefix(&head.path, &route.strip_prefix).unwrap_or(&head.path);
        let target_text = match query {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        };
        let uri: Uri = target_text.parse().map_err(|error| {
            Stop::refuse(Refusal::new(Code::BadRequest, format!("The request's path is not valid: {error}.")))
        })?;
        if self.decodes_reply() {
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
                let need = link.entry.plugin.setup().reply_body;
                need.mode != BodyMode::None && !need.encoded
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
