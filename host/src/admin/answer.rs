//! What the admin listener answers, to whom.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ::http::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderValue, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use ::http::request::Parts;
use ::http::{Method, Request, Response, StatusCode};
use bytes::Bytes;
use futures_util::StreamExt;
use http_body::{Body, Frame};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited, StreamBody};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::token::Token;
use super::{AdminState, ConfigChange};
use crate::chain::{ArmError, TraceLines};
use crate::config::{Dialect, TEXT_BYTES_MAX};
use crate::error::{Code, Fault, Refusal};
use crate::http::render::render;
use crate::telemetry::metrics;
use crate::telemetry::request_id::RequestId;

const JSON: &str = "application/json";
/// One JSON value a line.
const JSON_LINES: &str = "application/x-ndjson";
/// Bytes of what a trace is asked by.
const TRACE_BYTES_MAX: usize = 64 << 10;

/// Whole, or as it comes.
pub(super) type AnswerBody = UnsyncBoxBody<Bytes, Infallible>;

pub(super) struct Service {
    pub state: Arc<dyn AdminState>,
    pub token: Token,
    pub loopback_hosts_only: bool,
}

/// A good answer.
enum Content {
    /// Content type and body.
    Whole(&'static str, String),
    Lines(TraceLines),
}

impl Service {
    /// `changes` is told when something begins that may take its time: a change of the configuration, a trace.
    pub(super) async fn answer<B>(&self, request: Request<B>, changes: &Notify) -> Response<AnswerBody>
    where
        B: Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        let mut response = match self.content(&head, body, changes).await {
            Ok(Content::Whole(content_type, body)) => good(content_type, Full::new(Bytes::from(body)).boxed_unsync()),
            Ok(Content::Lines(lines)) => {
                good(JSON_LINES, StreamBody::new(lines.stream().map(|line| Ok(Frame::data(line)))).boxed_unsync())
            }
            Err(refusal) => {
                let refused = render(&refusal, Dialect::Http, RequestId::from_headers(&head.headers).as_str());
                refused.map(|body| Full::new(body).boxed_unsync())
            }
        };
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }

    async fn content<B>(&self, head: &Parts, body: B, changes: &Notify) -> Result<Content, Box<Refusal>>
    where
        B: Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if self.loopback_hosts_only && !is_for_loopback(head) {
            let message = "The admin listener takes requests for 127.0.0.1, [::1] or localhost only; send such a Host.";
            return Err(refuse(Code::BadHost, message));
        }
        let path = head.uri.path();
        if !matches!(path, "/health" | "/ready") && !self.has_token(head) {
            return Err(unauthorized());
        }
        let endpoint = Endpoint::find(path)?;
        if !endpoint.methods().contains(&head.method) {
            return Err(not_allowed(endpoint));
        }
        let changes_config = head.method == Method::POST;
        if changes_config {
            changes.notify_one();
        }
        let json = |value: Value| Ok(Content::Whole(JSON, value.to_string()));
        match endpoint {
            Endpoint::Health => json(json!({"status": "live"})),
            Endpoint::Ready => match self.state.ready() {
                Ok(()) => json(json!({"status": "ready"})),
                Err(reason) => Err(not_ready(reason)),
            },
            Endpoint::Metrics => Ok(Content::Whole(metrics::CONTENT_TYPE, self.state.metrics_text())),
            Endpoint::Config if changes_config => {
                let save = query(head, "save").is_some();
                let text = read_text(body, "A configuration", TEXT_BYTES_MAX as usize).await?;
                self.change(ConfigChange::Text { text, save }).await
            }
            Endpoint::Config => json(self.state.summary()),
            Endpoint::Status => json(self.state.status()),
            Endpoint::Reload => self.change(ConfigChange::Reload).await,
            Endpoint::Rollback => {
                let to = query(head, "to").map(|text| {
                    text.parse()
                        .map_err(|_| refuse(Code::BadRequest, "`to` is the number of a generation, such as `?to=3`."))
                });
                self.change(ConfigChange::Rollback(to.transpose()?)).await
            }
            Endpoint::History => json(self.state.history()),
            Endpoint::Generations => json(self.state.generations()),
            Endpoint::Traces => self.trace(&read_text(body, "A trace", TRACE_BYTES_MAX).await?),
            Endpoint::Generation(id) => match self.state.end_generation(id) {
                Ok(()) => json(json!({"ending": id})),
                Err(reason) => {
                    let mut refusal = refuse(Code::NoRoute, &format!("Not ended: {reason}."));
                    refusal.code = Cow::Borrowed("admin_generation_not_ended");
                    Err(refusal)
                }
            },
        }
    }

    async fn change(&self, change: ConfigChange) -> Result<Content, Box<Refusal>> {
        let done = self.state.change(change).await.map_err(|details| {
            let entry = details["entry"].as_str().map(|entry| format!(", entry `{entry}`")).unwrap_or_default();
            let stage = details["stage"].as_str().unwrap_or_default();
            let message = format!("The configuration is refused at stage `{stage}`{entry}; what ran goes on.");
            let mut refusal = refuse(Code::BadRequest, &message);
            refusal.status = StatusCode::UNPROCESSABLE_ENTITY;
            refusal.code = Cow::Borrowed("admin_config_refused");
            let members = details.as_object().into_iter().flatten();
            refusal.details = members.map(|(name, value)| (name.clone(), value.to_string())).collect();
            refusal
        })?;
        Ok(Content::Whole(JSON, done.to_string()))
    }

    fn trace(&self, text: &str) -> Result<Content, Box<Refusal>> {
        let request = serde_json::from_str(if text.trim().is_empty() { "{}" } else { text });
        let armed = match request {
            Ok(request) => self.state.trace(request),
            Err(error) => Err(ArmError::Invalid(format!("What a trace is asked by is not understood: {error}."))),
        };
        armed.map(Content::Lines).map_err(|error| {
            let mut refusal = refuse(Code::BadRequest, &error.to_string());
            refusal.code = Cow::Borrowed("admin_trace_refused");
            refusal.status = match error {
                ArmError::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
                ArmError::Full => StatusCode::TOO_MANY_REQUESTS,
                ArmError::Ended => StatusCode::SERVICE_UNAVAILABLE,
            };
            refusal
        })
    }

    fn has_token(&self, head: &Parts) -> bool {
        let mut values = head.headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return false };
        match value.as_bytes().split_at_checked("Bearer ".len()) {
            Some((scheme, presented)) => {
                scheme.eq_ignore_ascii_case(b"Bearer ") && self.token.is(presented.trim_ascii())
            }
            None => false,
        }
    }
}

/// What can be asked for.
#[derive(Clone, Copy)]
enum Endpoint {
    Health,
    Ready,
    Metrics,
    Config,
    Status,
    Reload,
    Rollback,
    History,
    Generations,
    Generation(u64),
    Traces,
}

impl Endpoint {
    fn find(path: &str) -> Result<Endpoint, Box<Refusal>> {
        Ok(match path {
            "/health" => Endpoint::Health,
            "/ready" => Endpoint::Ready,
            "/metrics" => Endpoint::Metrics,
            "/config" => Endpoint::Config,
            "/config/status" => Endpoint::Status,
            "/config/reload" => Endpoint::Reload,
            "/config/rollback" => Endpoint::Rollback,
            "/config/history" => Endpoint::History,
            "/generations" => Endpoint::Generations,
            "/traces" => Endpoint::Traces,
            _ => match path.strip_prefix("/generations/").and_then(|id| id.parse().ok()) {
                Some(id) => Endpoint::Generation(id),
                None => {
                    let message = "The admin listener has /health, /ready, /metrics, /config, /config/status, \
                                   /config/reload, /config/rollback, /config/history, /generations and /traces.";
                    return Err(refuse(Code::NoRoute, message));
                }
            },
        })
    }

    fn methods(self) -> &'static [Method] {
        match self {
            Endpoint::Config => &[Method::GET, Method::HEAD, Method::POST],
            Endpoint::Reload | Endpoint::Rollback | Endpoint::Traces => &[Method::POST],
            Endpoint::Generation(_) => &[Method::DELETE],
            _ => &[Method::GET, Method::HEAD],
        }
    }
}

fn good(content_type: &'static str, body: AnswerBody) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A member of the query; empty where it has no value.
fn query<'a>(head: &'a Parts, name: &str) -> Option<&'a str> {
    let members = head.uri.query()?.split('&');
    members
        .map(|member| member.split_once('=').unwrap_or((member, "")))
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value)
}

/// `what` it is, for who sends too much of it.
async fn read_text<B>(body: B, what: &str, most: usize) -> Result<String, Box<Refusal>>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let bytes = Limited::new(body, most).collect().await.map_err(|error| {
        let too_long = error.is::<LengthLimitError>();
        match too_long {
            true => refuse(Code::BodyTooLarge, &format!("{what} has at most {most} bytes.")),
            false => refuse(Code::BadRequest, &format!("{what} did not arrive whole; send it again.")),
        }
    })?;
    String::from_utf8(bytes.to_bytes().into())
        .map_err(|_| refuse(Code::BadRequest, &format!("{what} is not UTF-8; send it as that.")))
}

fn refuse(code: Code, message: &str) -> Box<Refusal> {
    Box::new(Refusal::new(code, message))
}

fn not_allowed(endpoint: Endpoint) -> Box<Refusal> {
    let allowed = endpoint.methods().iter().map(Method::as_str).collect::<Vec<_>>();
    let mut refusal = refuse(Code::MethodNotAllowed, &format!("This endpoint takes {}.", allowed.join(" and ")));
    if let Ok(allowed) = HeaderValue::from_str(&allowed.join(", ")) {
        refusal.fields.insert(ALLOW, allowed);
    }
    refusal
}

impl fmt::Debug for Service {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Service").finish_non_exhaustive()
    }
}

/// One `Host`, and it and the target's authority, if there is one, name this machine from within.
fn is_for_loopback(head: &Parts) -> bool {
    let mut hosts = head.headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let named = host.to_str().is_ok_and(is_loopback);
    named && head.uri.authority().is_none_or(|authority| is_loopback(authority.as_str()))
}

/// The port is not compared: behind a forwarded port it is another one.
fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => authority.split(':').next().unwrap_or(authority),
    };
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn unauthorized() -> Box<Refusal> {
    let mut refusal =
        Refusal::new(Code::BadRequest, "Send the admin token: `Authorization: Bearer` and what the token file holds.");
    refusal.status = StatusCode::UNAUTHORIZED;
    refusal.code = Cow::Borrowed("admin_unauthorized");
    refusal.fields.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"sluicegate-admin\""));
    Box::new(refusal)
}

fn not_ready(reason: String) -> Box<Refusal> {
    let mut refusal = Refusal::new(Code::Draining, reason);
    refusal.fault = Fault::Gateway;
    refusal.code = Cow::Borrowed("gateway_not_ready");
    Box::new(refusal)
}
