//! Anthropic's error object, with the words that its users know.

use http::StatusCode;

use super::{REQUEST_ID, request_id_of};
use crate::dialect::Reply;
use crate::json::{Json, Problem, ProblemKind, object};
use crate::refusal::Refusal;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    pub status: StatusCode,
    pub kind: &'static str,
    pub message: String,
}

impl ApiError {
    pub fn invalid(message: &str) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, message)
    }

    /// At a place of the request.
    pub fn at(path: &str, message: &str) -> ApiError {
        ApiError::invalid(&format!("{path}: {message}"))
    }

    pub fn unknown_model(name: &str) -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, &format!("model: {name}"))
    }

    pub fn new(status: StatusCode, message: &str) -> ApiError {
        ApiError { status, kind: kind(status), message: message.to_owned() }
    }

    pub fn into_reply(self) -> Reply {
        let id = request_id_of(self.message.as_bytes());
        let body = object! { "type": "error", "error": self.object(), "request_id": id };
        Reply::json(self.status, &body).with_value(REQUEST_ID, &id)
    }

    pub fn object(&self) -> Json {
        object! { "type": self.kind, "message": self.message }
    }
}

/// As Anthropic's page on errors lists them.
fn kind(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        500..=599 => "api_error",
        _ => "invalid_request_error",
    }
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> ApiError {
        let path = problem.dotted_path();
        let message = match problem.kind {
            ProblemKind::Missing => "Field required".to_owned(),
            ProblemKind::Type { expected, .. } => {
                let expected = match expected {
                    "an object" if path.is_empty() => return ApiError::invalid("Input should be a valid dictionary"),
                    "an object" => "a valid dictionary",
                    "an array" => "a valid array",
                    "a string" => "a valid string",
                    "a boolean" => "a valid boolean",
                    "an integer" => "a valid integer",
                    "a decimal" => "a valid number",
                    other => other,
                };
                format!("Input should be {expected}")
            }
            ProblemKind::Below { least, .. } => format!("Input should be greater than or equal to {least}"),
            ProblemKind::Above { most, .. } => format!("Input should be less than or equal to {most}"),
            ProblemKind::Choice { supported, .. } => {
                let quoted: Vec<String> = supported.iter().map(|word| format!("'{word}'")).collect();
                match quoted.split_last() {
                    Some((last, [])) => format!("Input should be {last}"),
                    Some((last, others)) => format!("Input should be {} or {last}", others.join(", ")),
                    None => "Input should be left out".to_owned(),
                }
            }
            ProblemKind::Empty { what } => format!("{what} should have at least 1 item"),
            ProblemKind::TooLong { what, most, got } => {
                let items = if what == "array" { "items" } else { "characters" };
                format!("{what} should have at most {most} {items}, not {got}")
            }
            ProblemKind::Pattern { pattern, .. } => format!("String should match pattern '{pattern}'"),
            ProblemKind::Unknown => "Extra inputs are not permitted".to_owned(),
            ProblemKind::Other { message, .. } => message,
        };
        ApiError::at(&path, &message)
    }
}

impl From<&Refusal> for ApiError {
    fn from(refusal: &Refusal) -> ApiError {
        let message = match refusal {
            Refusal::MissingKey => "x-api-key header is required",
            Refusal::WrongKey => "invalid x-api-key",
            Refusal::WrongSignature { message } | Refusal::WrongBehaviour { message } => message,
            Refusal::UnknownPath { .. } => "Not Found",
            Refusal::WrongMethod { .. } => "Method Not Allowed",
            Refusal::BodyTooLong { .. } => "Request exceeds the maximum size",
            Refusal::BodyTooSlow => "The body of the request did not arrive in time.",
            Refusal::BodyBroken => "The body of the request could not be read to its end.",
            Refusal::Failure { status, .. } => failure(*status),
        };
        ApiError::new(refusal.status(), message)
    }
}

fn failure(status: StatusCode) -> &'static str {
    match status.as_u16() {
        429 => "This request would exceed your account's rate limit. Please try again later.",
        529 => "Overloaded",
        500 => "Internal server error",
        _ => "The server answered with this status, as asked for.",
    }
}
