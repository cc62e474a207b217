//! What the admin listener answers, to whom.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ::http::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderValue, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use ::http::{Method, Request, Response, StatusCode};
use bytes::Bytes;
use http_body_util::Full;

use super::AdminState;
use super::token::Token;
use crate::config::Dialect;
use crate::error::{Code, Fault, Refusal};
use crate::http::render::render;
use crate::telemetry::metrics;
use crate::telemetry::request_id::RequestId;

const JSON: &str = "application/json";

pub(super) struct Service {
    pub state: Arc<dyn AdminState>,
    pub token: Token,
    pub loopback_hosts_only: bool,
}

/// A good answer: content type and body.
type Content = (&'static str, String);

impl Service {
    /// No endpoint reads a body, so none is asked for.
    pub(super) fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let mut response = match self.content(request) {
            Ok((content_type, body)) => {
                let mut response = Response::new(Bytes::from(body));
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
                response
            }
            Err(refusal) => render(&refusal, Dialect::Http, RequestId::from_headers(request.headers()).as_str()),
        };
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response.map(Full::new)
    }

    fn content<B>(&self, request: &Request<B>) -> Result<Content, Box<Refusal>> {
        if self.loopback_hosts_only && !is_for_loopback(request) {
            let message = "The admin listener takes requests for 127.0.0.1, [::1] or localhost only; send such a Host.";
            return Err(Box::new(Refusal::new(Code::BadHost, message)));
        }
        let path = request.uri().path();
        let open = matches!(path, "/health" | "/ready");
        if !open && !self.has_token(request) {
            return Err(unauthorized());
        }
        if !matches!(path, "/health" | "/ready" | "/metrics" | "/config") {
            let message = "The admin listener has /health, /ready, /metrics and /config.";
            return Err(Box::new(Refusal::new(Code::NoRoute, message)));
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut refusal = Refusal::new(Code::MethodNotAllowed, "The admin listener takes GET and HEAD.");
            refusal.fields.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return Err(Box::new(refusal));
        }
        match path {
            "/health" => Ok((JSON, r#"{"status":"live"}"#.to_string())),
            "/ready" => match self.state.ready() {
                Ok(()) => Ok((JSON, r#"{"status":"ready"}"#.to_string())),
                Err(reason) => Err(not_ready(reason)),
            },
            "/metrics" => Ok((metrics::CONTENT_TYPE, self.state.metrics_text())),
            _ => Ok((JSON, self.state.summary().to_string())),
        }
    }

    fn has_token<B>(&self, request: &Request<B>) -> bool {
        let mut values = request.headers().get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return false };
        match value.as_bytes().split_at_checked("Bearer ".len()) {
            Some((scheme, presented)) => {
                scheme.eq_ignore_ascii_case(b"Bearer ") && self.token.is(presented.trim_ascii())
            }
            None => false,
        }
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Service").finish_non_exhaustive()
    }
}

/// One `Host`, and it and the target's authority, if there is one, name this machine from within.
fn is_for_loopback<B>(request: &Request<B>) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let named = host.to_str().is_ok_and(is_loopback);
    named && request.uri().authority().is_none_or(|authority| is_loopback(authority.as_str()))
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
