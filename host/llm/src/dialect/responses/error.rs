//! Errors within an answer: of a failed response, of the `error` event, and of a body that is one.

use crate::error::{MESSAGE_BYTES_MAX, ProviderError, ProviderErrorKind, bounded};
use crate::json::Value;

const CODE_BYTES_MAX: usize = 128;

/// Reads the object that has `message`, `code`, `type` and `param`, as far as it has them. Its status is what its words stand for.
pub fn read(error: &Value) -> ProviderError {
    let member = |name: &str| error.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let code = member("code");
    // The `error` event has its own name as its type.
    let r#type = member("type").filter(|name| *name != "error");
    let kind = code.and_then(kind_of).or(r#type.and_then(kind_of)).unwrap_or(ProviderErrorKind::Server);
    let message = member("message").or(error.as_str()).unwrap_or("The provider reported an error without a message.");
    ProviderError {
        kind,
        status: status(kind),
        message: bounded(message, MESSAGE_BYTES_MAX),
        code: code.or(r#type).map(|code| bounded(code, CODE_BYTES_MAX)),
        param: member("param").map(|param| bounded(param, CODE_BYTES_MAX)),
        retry_after: None,
    }
}

/// An error of the provider's that it has no object for.
pub fn server(message: &str) -> ProviderError {
    let kind = ProviderErrorKind::Server;
    ProviderError {
        kind,
        status: status(kind),
        message: message.to_owned(),
        code: None,
        param: None,
        retry_after: None,
    }
}

fn kind_of(code: &str) -> Option<ProviderErrorKind> {
    Some(match code {
        "rate_limit_exceeded" | "rate_limit_error" | "requests" | "tokens" | "too_many_requests" => {
            ProviderErrorKind::RateLimited
        }
        "insufficient_quota" | "billing_hard_limit_reached" => ProviderErrorKind::Exhausted,
        "invalid_api_key" | "authentication_error" => ProviderErrorKind::Authentication,
        "permission_error" | "permission_denied" | "data_residency_mismatch" => ProviderErrorKind::Permission,
        "model_not_found" | "not_found_error" => ProviderErrorKind::NotFound,
        "server_is_overloaded" | "overloaded_error" | "slow_down" | "service_unavailable_error" => {
            ProviderErrorKind::Overloaded
        }
        "timeout" | "request_timeout" | "vector_store_timeout" => ProviderErrorKind::Timeout,
        "request_too_large" => ProviderErrorKind::TooLarge,
        "invalid_request_error"
        | "invalid_prompt"
        | "context_length_exceeded"
        | "string_above_max_length"
        | "content_policy_violation"
        | "bio_policy"
        | "cyber_policy"
        | "misalignment_policy_violation"
        | "failed_to_download_image"
        | "empty_image_file"
        | "unsupported_image_media_type" => ProviderErrorKind::Invalid,
        code if code.starts_with("image_") || code.starts_with("invalid_") => ProviderErrorKind::Invalid,
        _ => return None,
    })
}

/// The vendor's code for an error whose provider gave none.
pub fn code(kind: ProviderErrorKind) -> &'static str {
    match kind {
        ProviderErrorKind::Invalid => "invalid_request_error",
        ProviderErrorKind::Authentication => "invalid_api_key",
        ProviderErrorKind::Permission => "permission_denied",
        ProviderErrorKind::NotFound => "model_not_found",
        ProviderErrorKind::TooLarge => "request_too_large",
        ProviderErrorKind::RateLimited => "rate_limit_exceeded",
        ProviderErrorKind::Exhausted => "insufficient_quota",
        ProviderErrorKind::Overloaded => "server_is_overloaded",
        ProviderErrorKind::Timeout => "timeout",
        ProviderErrorKind::Server => "server_error",
    }
}

fn status(kind: ProviderErrorKind) -> u16 {
    match kind {
        ProviderErrorKind::Invalid => 400,
        ProviderErrorKind::Authentication => 401,
        ProviderErrorKind::Exhausted | ProviderErrorKind::RateLimited => 429,
        ProviderErrorKind::Permission => 403,
        ProviderErrorKind::NotFound => 404,
        ProviderErrorKind::TooLarge => 413,
        ProviderErrorKind::Overloaded => 503,
        ProviderErrorKind::Timeout => 504,
        ProviderErrorKind::Server => 500,
    }
}
