//! Errors of the vendor: `google.rpc.Status`, in an answer's status or within it.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use crate::error::{MESSAGE_BYTES_MAX, ProviderError, ProviderErrorKind, bounded, quoted};
use crate::json::{Document, Value};

const CODE_BYTES_MAX: usize = 128;

#[derive(Serialize)]
pub struct ErrorBody<'a> {
    error: Status<'a>,
}

#[derive(Serialize)]
struct Status<'a> {
    code: u16,
    message: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<[RetryInfo; 1]>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RetryInfo {
    #[serde(rename = "@type")]
    kind: &'static str,
    retry_delay: String,
}

impl<'a> ErrorBody<'a> {
    pub fn of(error: &'a ProviderError) -> ErrorBody<'a> {
        let details = error.retry_after.map(|after| {
            let retry_delay = format!("{}s", after.as_secs_f64());
            [RetryInfo { kind: "type.googleapis.com/google.rpc.RetryInfo", retry_delay }]
        });
        ErrorBody { error: Status { code: error.status, message: &error.message, status: word(error.kind), details } }
    }
}

pub fn read_error(status: u16, body: &[u8]) -> ProviderError {
    let document = Document::parse(Bytes::copy_from_slice(body)).ok();
    let found = document.as_ref().and_then(|document| error_in(&document.root));
    if let Some(error) = found {
        return read(error, Some(status));
    }
    let text = quoted(body);
    let message = match text.trim() {
        "" => format!("The provider answered with status {status} and no body."),
        text => {
            format!("The provider answered with status {status} and a body that is no error of its dialect: `{text}`.")
        }
    };
    let kind = ProviderErrorKind::of_status(status);
    ProviderError { kind, status, message, code: None, param: None, retry_after: None }
}

/// A stream that is one JSON array has its error in it.
pub fn error_in(root: &Value) -> Option<&Value> {
    let object = match root.as_array() {
        Some(values) => values.first()?,
        None => root,
    };
    object.get("error").filter(|error| error.as_object().is_some() || error.as_str().is_some())
}

/// Reads the object that has `code`, `message`, `status` and `details`, as far as it has them.
pub fn read(error: &Value, status: Option<u16>) -> ProviderError {
    let member = |value: &Value, name: &str| -> Option<String> {
        value
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
            .map(|text| bounded(text, CODE_BYTES_MAX))
    };
    let said = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    let said = status.or(said).filter(|code| (400..=599).contains(code));
    let word = member(error, "status");
    let details = error.get("details").and_then(Value::as_array).unwrap_or_default();
    let detail =
        |kind: &str| details.iter().find(|detail| member(detail, "@type").is_some_and(|name| name.ends_with(kind)));
    let reason = detail("google.rpc.ErrorInfo").and_then(|detail| member(detail, "reason"));
    let violation =
        detail("google.rpc.BadRequest").and_then(|detail| detail.get("fieldViolations")?.as_array()?.first());
    let kind = reason
        .as_deref()
        .and_then(of_reason)
        .or(word.as_deref().and_then(of_word))
        .or(said.map(ProviderErrorKind::of_status))
        .unwrap_or(ProviderErrorKind::Server);
    let message = error.get("message").or(Some(error)).and_then(Value::as_str).filter(|text| !text.is_empty());
    ProviderError {
        kind,
        status: said.unwrap_or(of_kind(kind)),
        message: bounded(message.unwrap_or("The provider reported an error without a message."), MESSAGE_BYTES_MAX),
        code: reason.or(word),
        param: violation.and_then(|violation| member(violation, "field")),
        retry_after: detail("google.rpc.RetryInfo").and_then(|detail| duration(&member(detail, "retryDelay")?)),
    }
}

/// `17s`, `0.5s`, as the JSON of protocol buffers has it.
fn duration(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.strip_suffix('s')?.parse().ok()?).ok()
}

fn of_reason(reason: &str) -> Option<ProviderErrorKind> {
    Some(match reason {
        "API_KEY_INVALID" | "ACCESS_TOKEN_EXPIRED" | "ACCESS_TOKEN_SCOPE_INSUFFICIENT" | "CREDENTIALS_MISSING" => {
            ProviderErrorKind::Authentication
        }
        "BILLING_DISABLED" => ProviderErrorKind::Exhausted,
        "SERVICE_DISABLED" | "API_KEY_SERVICE_BLOCKED" | "CONSUMER_SUSPENDED" => ProviderErrorKind::Permission,
        _ => return None,
    })
}

/// As `google.rpc.Code` has them.
fn of_word(word: &str) -> Option<ProviderErrorKind> {
    Some(match word {
        "INVALID_ARGUMENT" | "OUT_OF_RANGE" => ProviderErrorKind::Invalid,
        "UNAUTHENTICATED" => ProviderErrorKind::Authentication,
        // Where the account or its place is at fault.
        "PERMISSION_DENIED" => ProviderErrorKind::Permission,
        "NOT_FOUND" | "UNIMPLEMENTED" => ProviderErrorKind::NotFound,
        "RESOURCE_EXHAUSTED" => ProviderErrorKind::RateLimited,
        "UNAVAILABLE" => ProviderErrorKind::Overloaded,
        "DEADLINE_EXCEEDED" => ProviderErrorKind::Timeout,
        "INTERNAL" | "UNKNOWN" | "DATA_LOSS" | "ABORTED" | "CANCELLED" => ProviderErrorKind::Server,
        _ => return None,
    })
}

fn word(kind: ProviderErrorKind) -> &'static str {
    match kind {
        ProviderErrorKind::Invalid | ProviderErrorKind::TooLarge => "INVALID_ARGUMENT",
        ProviderErrorKind::Authentication => "UNAUTHENTICATED",
        ProviderErrorKind::Permission => "PERMISSION_DENIED",
        ProviderErrorKind::NotFound => "NOT_FOUND",
        ProviderErrorKind::RateLimited | ProviderErrorKind::Exhausted => "RESOURCE_EXHAUSTED",
        ProviderErrorKind::Overloaded => "UNAVAILABLE",
        ProviderErrorKind::Timeout => "DEADLINE_EXCEEDED",
        ProviderErrorKind::Server => "INTERNAL",
    }
}

fn of_kind(kind: ProviderErrorKind) -> u16 {
    match kind {
        ProviderErrorKind::Invalid => 400,
        ProviderErrorKind::Authentication => 401,
        ProviderErrorKind::Permission => 403,
        ProviderErrorKind::NotFound => 404,
        ProviderErrorKind::TooLarge => 413,
        ProviderErrorKind::RateLimited | ProviderErrorKind::Exhausted => 429,
        ProviderErrorKind::Overloaded => 503,
        ProviderErrorKind::Timeout => 504,
        ProviderErrorKind::Server => 500,
    }
}
