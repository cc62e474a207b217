//! Turns a refusal into an answer in the client's dialect: the only place that knows what an error looks like.
//!
//! Every answer carries `x-request-id`, and `x-sluicegate-code` with the refusal's own code: the dialects have words of
//! their own, and some have no room for ours.
//!
//! | status | OpenAI `type` / `code` | Anthropic `type` | Gemini `status` |
//! |---|---|---|---|
//! | 401 | `invalid_request_error` / `invalid_api_key` | `authentication_error` | `UNAUTHENTICATED` |
//! | 402 | `insufficient_quota` / own code | `billing_error` | `RESOURCE_EXHAUSTED` |
//! | 403 | `permission_error` / own code | `permission_error` | `PERMISSION_DENIED` |
//! | 404 | `invalid_request_error` / own code | `not_found_error` | `NOT_FOUND` |
//! | 408, 504 | `timeout_error` / own code | `timeout_error` | `DEADLINE_EXCEEDED` |
//! | 413 | `invalid_request_error` / own code | `request_too_large` | `INVALID_ARGUMENT` |
//! | 429 | `requests` / `rate_limit_exceeded` | `rate_limit_error` | `RESOURCE_EXHAUSTED` |
//! | 429, budget used up | `insufficient_quota` / own code | `rate_limit_error` | `RESOURCE_EXHAUSTED` |
//! | 503, 529 | `server_error` / own code | `overloaded_error` | `UNAVAILABLE` |
//! | other 4xx | `invalid_request_error` / own code | `invalid_request_error` | `INVALID_ARGUMENT` |
//! | other 5xx | `server_error` / own code | `api_error` | `INTERNAL` |
//!
//! Sources: the vendors' API references on errors, and what their SDKs read (`error` in a `data:` line, `event: error`,
//! `x-should-retry`, `x-request-id`, `request-id`).

use std::time::Duration;

use ::http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, TRANSFER_ENCODING,
};
use ::http::{HeaderMap, Response, StatusCode};
use bytes::Bytes;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::value::RawValue;

use crate::config::Dialect;
use crate::error::Refusal;

/// Members of a problem document that a plugin can add; further ones are left out.
pub const DETAILS_MAX: usize = 32;
/// Length of one such member's JSON text; a longer one is left out.
pub const DETAIL_BYTES_MAX: usize = 4096;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const X_SLUICEGATE_CODE: HeaderName = HeaderName::from_static("x-sluicegate-code");
const X_SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// Codes of a budget that is used up: waiting a moment does not help, and the SDKs are told so.
const USED_UP: [&str; 2] = ["insufficient_quota", "budget_exceeded"];

/// Members of a problem document that are the host's.
const PROBLEM_MEMBERS: [&str; 6] = ["type", "title", "status", "detail", "instance", "code"];

/// The whole answer. The refusal's own fields are in it, apart from those that the host owns.
pub fn render(refusal: &Refusal, dialect: Dialect, request_id: &str) -> Response<Bytes> {
    let body = Bytes::from(document(refusal, dialect, request_id));
    let mut response = Response::new(body);
    *response.status_mut() = refusal.status;
    *response.headers_mut() = fields(refusal, dialect, request_id, response.body().len());
    response
}

/// The last event of a stream whose head has gone out with a good status.
///
/// To be sent between events, and nothing after it: a stream that failed never ends as a complete one does (no `[DONE]`,
/// no `message_stop`).
pub fn render_stream_error(refusal: &Refusal, dialect: Dialect, request_id: &str) -> Bytes {
    let mut event = match dialect {
        Dialect::OpenAi | Dialect::Gemini => b"data: ".to_vec(),
        Dialect::Anthropic | Dialect::Http => b"event: error\ndata: ".to_vec(),
    };
    let document = document(refusal, dialect, request_id);
    // Line ends inside a JSON text can only be white space between its tokens; in an event they would end the line.
    event.extend(document.bytes().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }));
    event.extend_from_slice(b"\n\n");
    Bytes::from(event)
}

fn fields(refusal: &Refusal, dialect: Dialect, request_id: &str, body_bytes: usize) -> HeaderMap {
    let mut fields = refusal.fields.clone();
    for owned in [CONNECTION, TRANSFER_ENCODING, X_REQUEST_ID, REQUEST_ID, X_SLUICEGATE_CODE, X_SHOULD_RETRY] {
        fields.remove(owned);
    }
    let content_type = match dialect {
        Dialect::Http => "application/problem+json",
        Dialect::OpenAi | Dialect::Anthropic | Dialect::Gemini => "application/json",
    };
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    fields.insert(CONTENT_LENGTH, HeaderValue::from(body_bytes));
    if let Some(after) = refusal.retry_after {
        fields.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(after)));
    }
    if let Ok(code) = HeaderValue::from_str(&refusal.code) {
        fields.insert(X_SLUICEGATE_CODE, code);
    }
    if used_up(refusal) {
        fields.insert(X_SHOULD_RETRY, HeaderValue::from_static("false"));
    }
    if let Ok(id) = HeaderValue::from_str(request_id) {
        if dialect == Dialect::Anthropic {
            fields.insert(REQUEST_ID, id.clone());
        }
        fields.insert(X_REQUEST_ID, id);
    }
    fields
}

/// Rounded up, so that whoever waits so long does not come too early.
fn whole_seconds(after: Duration) -> u64 {
    after.as_secs().saturating_add(u64::from(after.subsec_nanos() > 0))
}

fn used_up(refusal: &Refusal) -> bool {
    USED_UP.contains(&refusal.code.as_ref())
}

/// The error as JSON text.
pub fn document(refusal: &Refusal, dialect: Dialect, request_id: &str) -> String {
    let text = match dialect {
        Dialect::OpenAi => serde_json::to_string(&OpenAi::new(refusal)),
        Dialect::Anthropic => serde_json::to_string(&Anthropic::new(refusal, request_id)),
        Dialect::Gemini => serde_json::to_string(&Gemini::new(refusal, request_id)),
        Dialect::Http => serde_json::to_string(&Problem { refusal, request_id }),
    };
    // Strings, numbers and checked JSON texts always have a JSON form; an empty object is what nobody should ever see.
    text.unwrap_or_else(|_| "{}".to_string())
}

/// All four keys are there, as the SDKs expect.
#[derive(Serialize)]
struct OpenAi<'a> {
    error: OpenAiError<'a>,
}

#[derive(Serialize)]
struct OpenAiError<'a> {
    message: &'a str,
    r#type: &'static str,
    param: Option<serde_json::Value>,
    code: &'a str,
}

impl<'a> OpenAi<'a> {
    fn new(refusal: &'a Refusal) -> OpenAi<'a> {
        let (kind, code) = openai(refusal);
        OpenAi { error: OpenAiError { message: &refusal.message, r#type: kind, param: param(refusal), code } }
    }
}

/// Which member of a call is wrong, where the refusal says it.
fn param(refusal: &Refusal) -> Option<serde_json::Value> {
    let (_, text) = refusal.details.iter().find(|(name, _)| name == "param")?;
    serde_json::from_str(text).ok().filter(serde_json::Value::is_string)
}

#[derive(Serialize)]
struct Anthropic<'a> {
    r#type: &'static str,
    error: AnthropicError<'a>,
    request_id: &'a str,
}

#[derive(Serialize)]
struct AnthropicError<'a> {
    r#type: &'static str,
    message: &'a str,
}

impl<'a> Anthropic<'a> {
    fn new(refusal: &'a Refusal, request_id: &'a str) -> Anthropic<'a> {
        let error = AnthropicError { r#type: anthropic(refusal.status), message: &refusal.message };
        Anthropic { r#type: "error", error, request_id }
    }
}

/// A google.rpc.Status.
#[derive(Serialize)]
struct Gemini<'a> {
    error: GeminiError<'a>,
}

#[derive(Serialize)]
struct GeminiError<'a> {
    code: u16,
    message: &'a str,
    status: &'static str,
    details: [ErrorInfo<'a>; 1],
}

/// A google.rpc.ErrorInfo: the place for a code of one's own.
#[derive(Serialize)]
struct ErrorInfo<'a> {
    #[serde(rename = "@type")]
    r#type: &'static str,
    reason: &'a str,
    domain: &'static str,
    metadata: Metadata<'a>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    request_id: &'a str,
}

impl<'a> Gemini<'a> {
    fn new(refusal: &'a Refusal, request_id: &'a str) -> Gemini<'a> {
        let info = ErrorInfo {
            r#type: "type.googleapis.com/google.rpc.ErrorInfo",
            reason: &refusal.code,
            domain: "sluicegate",
            metadata: Metadata { request_id },
        };
        let (code, status) = (refusal.status.as_u16(), gemini(refusal.status));
        Gemini { error: GeminiError { code, message: &refusal.message, status, details: [info] } }
    }
}

/// `type` and `code`.
fn openai(refusal: &Refusal) -> (&'static str, &str) {
    let own = refusal.code.as_ref();
    match refusal.status.as_u16() {
        401 => ("invalid_request_error", "invalid_api_key"),
        402 => ("insufficient_quota", own),
        403 => ("permission_error", own),
        408 | 504 => ("timeout_error", own),
        429 if used_up(refusal) => ("insufficient_quota", own),
        429 => ("requests", "rate_limit_exceeded"),
        400..=499 => ("invalid_request_error", own),
        _ => ("server_error", own),
    }
}

fn anthropic(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        408 | 504 => "timeout_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 | 529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

/// The names of google.rpc.Code.
fn gemini(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "UNAUTHENTICATED",
        402 | 429 => "RESOURCE_EXHAUSTED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        408 | 504 => "DEADLINE_EXCEEDED",
        409 => "ABORTED",
        501 => "UNIMPLEMENTED",
        503 | 529 => "UNAVAILABLE",
        400..=499 => "INVALID_ARGUMENT",
        _ => "INTERNAL",
    }
}

/// An RFC 9457 problem document.
struct Problem<'a> {
    refusal: &'a Refusal,
    request_id: &'a str,
}

impl Serialize for Problem<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let refusal = self.refusal;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", refusal.problem_type.as_deref().unwrap_or("about:blank"))?;
        map.serialize_entry("title", refusal.status.canonical_reason().unwrap_or("Error"))?;
        map.serialize_entry("status", &refusal.status.as_u16())?;
        map.serialize_entry("detail", &refusal.message)?;
        map.serialize_entry("instance", self.request_id)?;
        map.serialize_entry("code", refusal.code.as_ref())?;
        let mut written: Vec<&str> = Vec::new();
        for (name, text) in refusal.details.iter().take(DETAILS_MAX) {
            let taken = PROBLEM_MEMBERS.contains(&name.as_str()) || written.contains(&name.as_str());
            if taken || text.len() > DETAIL_BYTES_MAX {
                continue;
            }
            // Comes from a plugin: what is no JSON would break the whole document.
            if let Ok(value) = serde_json::from_str::<&RawValue>(text) {
                map.serialize_entry(name, value)?;
                written.push(name);
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests;
