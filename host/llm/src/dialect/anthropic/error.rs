//! Errors: a provider's, with a bad status or within an answer, and the types that a client of this dialect knows.

use bytes::Bytes;

use crate::error::{MESSAGE_BYTES_MAX, ProviderError, ProviderErrorKind, bounded, quoted};
use crate::json::{Document, Value};

const CODE_BYTES_MAX: usize = 128;
/// An empty account is told as a wrong request.
const EXHAUSTED: &str = "Your credit balance is too low";

pub fn read_error(status: u16, body: &[u8]) -> ProviderError {
    let document = Document::parse(Bytes::copy_from_slice(body)).ok();
    if let Some(error) = document.as_ref().and_then(|document| described(&document.root, Some(status))) {
        return error;
    }
    let message = match quoted(body).trim() {
        "" => format!("The provider answered with status {status} and an empty body."),
        found => format!(
            "The provider answered with status {status}, and its body is no error object, but it begins with `{found}`."
        ),
    };
    let kind = ProviderErrorKind::of_status(status);
    ProviderError { kind, status, message, code: None, param: None, retry_after: None }
}

/// `{"type":"error","error":{"type","message"}}`, the inner object alone, or as others imitate it. `status` is None within an answer.
pub fn described(root: &Value, status: Option<u16>) -> Option<ProviderError> {
    let error = root.get("error").filter(|error| !error.is_null()).unwrap_or(root);
    let member = |name: &str| error.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let code = member("type").filter(|code| *code != "error");
    let message = error.as_str().filter(|text| !text.is_empty()).or(member("message")).or(code)?;
    let kind = match code.and_then(|code| kind_of(code, message, status)) {
        Some(kind) => kind,
        None => status.map_or(ProviderErrorKind::Server, ProviderErrorKind::of_status),
    };
    Some(ProviderError {
        kind,
        status: status.unwrap_or_else(|| status_of(kind)),
        message: bounded(message, MESSAGE_BYTES_MAX),
        code: code.map(|code| bounded(code, CODE_BYTES_MAX)),
        param: None,
        retry_after: None,
    })
}

fn kind_of(code: &str, message: &str, status: Option<u16>) -> Option<ProviderErrorKind> {
    Some(match code {
        "invalid_request_error" if message.starts_with(EXHAUSTED) => ProviderErrorKind::Exhausted,
        // An error that has no type of its own, such as a page that is not there, keeps its status.
        "invalid_request_error" => match status.map(ProviderErrorKind::of_status) {
            Some(kind @ (ProviderErrorKind::TooLarge | ProviderErrorKind::NotFound)) => kind,
            _ => ProviderErrorKind::Invalid,
        },
        "authentication_error" => ProviderErrorKind::Authentication,
        "billing_error" => ProviderErrorKind::Exhausted,
        "permission_error" => ProviderErrorKind::Permission,
        "not_found_error" => ProviderErrorKind::NotFound,
        "request_too_large" => ProviderErrorKind::TooLarge,
        "rate_limit_error" => ProviderErrorKind::RateLimited,
        "timeout_error" => ProviderErrorKind::Timeout,
        "overloaded_error" => ProviderErrorKind::Overloaded,
        "api_error" => match status.map(ProviderErrorKind::of_status) {
            Some(kind @ (ProviderErrorKind::Overloaded | ProviderErrorKind::Timeout)) => kind,
            _ => ProviderErrorKind::Server,
        },
        _ => return None,
    })
}

/// The vendor's word for an error of this kind.
pub fn type_of(kind: ProviderErrorKind) -> &'static str {
    match kind {
        ProviderErrorKind::Invalid => "invalid_request_error",
        ProviderErrorKind::Authentication => "authentication_error",
        ProviderErrorKind::Exhausted => "billing_error",
        ProviderErrorKind::Permission => "permission_error",
        ProviderErrorKind::NotFound => "not_found_error",
        ProviderErrorKind::TooLarge => "request_too_large",
        ProviderErrorKind::RateLimited => "rate_limit_error",
        ProviderErrorKind::Timeout => "timeout_error",
        ProviderErrorKind::Overloaded => "overloaded_error",
        ProviderErrorKind::Server => "api_error",
    }
}

fn status_of(kind: ProviderErrorKind) -> u16 {
    match kind {
        ProviderErrorKind::Invalid => 400,
        ProviderErrorKind::Authentication => 401,
        ProviderErrorKind::Exhausted => 402,
        ProviderErrorKind::Permission => 403,
        ProviderErrorKind::NotFound => 404,
        ProviderErrorKind::TooLarge => 413,
        ProviderErrorKind::RateLimited => 429,
        ProviderErrorKind::Timeout => 504,
        ProviderErrorKind::Overloaded => 529,
        ProviderErrorKind::Server => 500,
    }
}
