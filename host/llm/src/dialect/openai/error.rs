//! Reads errors of OpenAI, Azure and vendors that imitate them.

use crate::error::{MESSAGE_BYTES_MAX, ProviderError, ProviderErrorKind, bounded};
use crate::json::{Document, Kind, Value};

const CODE_BYTES_MAX: usize = 128;

/// Of a body that is no error object, what its message quotes.
const QUOTED_BYTES_MAX: usize = 256;

pub fn read_error(status: u16, body: &[u8]) -> ProviderError {
    let document = Document::parse(bytes::Bytes::copy_from_slice(body)).ok();
    if let Some(error) = document.as_ref().and_then(|document| described(&document.root, Some(status))) {
        return error;
    }
    let text = String::from_utf8_lossy(body.get(..body.len().min(4 * QUOTED_BYTES_MAX)).unwrap_or_default());
    let message = match text.trim() {
        "" => format!("The provider answered with status {status} and an empty body."),
        text => format!(
            "The provider answered with status {status} and what is no error object: {}",
            bounded(text, QUOTED_BYTES_MAX)
        ),
    };
    ProviderError {
        kind: ProviderErrorKind::of_status(status),
        status,
        message,
        code: None,
        param: None,
        retry_after: None,
    }
}

/// The error that stands in an answer with a good status, or in a stream, in place of what was asked for.
pub fn carried(root: &Value) -> Option<ProviderError> {
    let nested = root.get("error").is_some_and(|error| !error.is_null());
    // Mistral's and vLLM's are the whole.
    let whole = root.get("object").and_then(Value::as_str) == Some("error");
    if nested || whole { described(root, None) } else { None }
}

/// An error object, whether it stands in `error`, as OpenAI has it, or is the whole, as Mistral and vLLM have it.
pub fn described(root: &Value, status: Option<u16>) -> Option<ProviderError> {
    let error = root.get("error").filter(|error| !error.is_null()).unwrap_or(root);
    let message = match &error.kind {
        Kind::String(text) if !text.is_empty() => text.clone(),
        Kind::Object(_) => message(error).or_else(|| message(root)).or_else(|| code(error))?,
        _ => return None,
    };
    let words = [code(error), text(error, "type"), inner_code(error)];
    let numbered = words.iter().flatten().find_map(|word| word.parse().ok()).filter(|code| (400..600).contains(code));
    let unclear =
        || words.iter().flatten().any(|word| word == "invalid_request_error").then_some(ProviderErrorKind::Invalid);
    let kind = words.iter().flatten().find_map(|word| kind_of(word));
    let kind = kind.or_else(|| unclear().filter(|_| status.is_none() && numbered.is_none()));
    let status = status.or(numbered).unwrap_or_else(|| kind.map_or(500, status_of));
    let kind = kind.unwrap_or_else(|| match numbered {
        // The status may be that of an answer that streams.
        Some(code) if status < 400 => ProviderErrorKind::of_status(code),
        _ => ProviderErrorKind::of_status(status),
    });
    Some(ProviderError {
        kind,
        status,
        message: bounded(&message, MESSAGE_BYTES_MAX),
        code: code(error).or_else(|| text(error, "type")).map(|code| bounded(&code, CODE_BYTES_MAX)),
        param: text(error, "param").map(|param| bounded(&param, CODE_BYTES_MAX)),
        retry_after: None,
    })
}

fn text(object: &Value, name: &str) -> Option<String> {
    object.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// `message`, or FastAPI's `detail`, which is a text or a list of complaints.
fn message(object: &Value) -> Option<String> {
    let detail = object.get("detail");
    let complaint = || detail?.as_array()?.first().and_then(|complaint| text(complaint, "msg"));
    text(object, "message").or_else(|| text(object, "detail")).or_else(complaint)
}

/// Some vendors have a number there, mostly the status.
fn code(error: &Value) -> Option<String> {
    match error.get("code").or_else(|| error.get("statusCode")).map(|code| &code.kind) {
        Some(Kind::String(code)) if !code.is_empty() => Some(code.clone()),
        Some(Kind::Number(code)) => Some(code.to_string()),
        _ => None,
    }
}

/// Azure's.
fn inner_code(error: &Value) -> Option<String> {
    error.get("innererror").and_then(|inner| text(inner, "code"))
}

/// None where the status says it better: `invalid_request_error` is OpenAI's type of nearly all, `server_error` also that of a 503.
fn kind_of(word: &str) -> Option<ProviderErrorKind> {
    Some(match word {
        "invalid_api_key" | "authentication_error" | "invalid_authentication" => ProviderErrorKind::Authentication,
        "permission_error"
        | "permission_denied"
        | "insufficient_permissions"
        | "unsupported_country_region_territory" => ProviderErrorKind::Permission,
        "model_not_found" | "not_found_error" | "DeploymentNotFound" | "unknown_url" => ProviderErrorKind::NotFound,
        "request_too_large" => ProviderErrorKind::TooLarge,
        "insufficient_quota" | "billing_hard_limit_reached" | "billing_not_active" | "credit_balance_exhausted" => {
            ProviderErrorKind::Exhausted
        }
        "rate_limit_exceeded" | "rate_limit_error" | "requests" | "tokens" => ProviderErrorKind::RateLimited,
        "overloaded" | "overloaded_error" | "engine_overloaded" | "service_unavailable" | "slow_down" => {
            ProviderErrorKind::Overloaded
        }
        "timeout" | "request_timeout" => ProviderErrorKind::Timeout,
        "context_length_exceeded"
        | "content_filter"
        | "content_policy_violation"
        | "ResponsibleAIPolicyViolation"
        | "invalid_value"
        | "invalid_type"
        | "unsupported_parameter"
        | "unsupported_value"
        | "missing_required_parameter" => ProviderErrorKind::Invalid,
        _ => return None,
    })
}

/// The status that OpenAI would have sent.
fn status_of(kind: ProviderErrorKind) -> u16 {
    match kind {
        ProviderErrorKind::Invalid => 400,
        ProviderErrorKind::Authentication => 401,
        ProviderErrorKind::Permission => 403,
        ProviderErrorKind::NotFound => 404,
        ProviderErrorKind::TooLarge => 413,
        ProviderErrorKind::RateLimited | ProviderErrorKind::Exhausted => 429,
        ProviderErrorKind::Server => 500,
        ProviderErrorKind::Overloaded => 503,
        ProviderErrorKind::Timeout => 504,
    }
}
