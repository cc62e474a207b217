//! Google's error object (`google.rpc.Status`), with the words that Gemini's users know.

use std::time::Duration;

use http::StatusCode;

use crate::dialect::Reply;
use crate::json::{Json, Object, Problem, ProblemKind, object};
use crate::refusal::Refusal;

#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    message: String,
    details: Vec<Json>,
}

impl ApiError {
    pub fn new(status: StatusCode, message: &str) -> ApiError {
        ApiError { status, message: message.to_owned(), details: Vec::new() }
    }

    pub fn invalid(message: &str) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, message)
    }

    pub fn unknown_model(name: &str, verb: &str) -> ApiError {
        let message = format!(
            "models/{name} is not found for API version v1beta, or is not supported for {verb}. Call ListModels to see the list of \
             available models and their supported methods."
        );
        ApiError::new(StatusCode::NOT_FOUND, &message)
    }

    pub fn into_reply(self) -> Reply {
        let reply = Reply::json(self.status, &self.body());
        reply.with(http::header::CONTENT_TYPE, "application/json; charset=UTF-8")
    }

    pub fn body(&self) -> Json {
        let details = (!self.details.is_empty()).then_some(&self.details);
        let error = Object::new()
            .member("code", &self.status.as_u16())
            .member("message", &self.message)
            .member("status", word(self.status))
            .optional("details", details);
        object! { "error": error.json() }
    }
}

/// As `google.rpc.Code` maps them to HTTP.
fn word(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        501 => "UNIMPLEMENTED",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        500..=599 => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> ApiError {
        let path = snake_case(&problem.path);
        let message = match problem.kind {
            ProblemKind::Unknown => {
                let (place, name) = path.rsplit_once('.').unwrap_or(("", &path));
                let place = if place.is_empty() { String::new() } else { format!(" at '{place}'") };
                format!("Invalid JSON payload received. Unknown name \"{name}\"{place}: Cannot find field.")
            }
            ProblemKind::Type { expected, shown, .. } => match kind(expected) {
                "" => format!(
                    "Invalid JSON payload received. Unknown name \"\" at '{path}': Proto field is not repeating, cannot start list."
                ),
                kind => format!("Invalid value at '{path}' ({kind}), {shown}"),
            },
            ProblemKind::Missing => field(&path, &format!("{} is not specified", last(&path))),
            ProblemKind::Empty { .. } => field(&path, &format!("{} must not be empty", last(&path))),
            ProblemKind::Below { least, got, .. } => {
                format!(
                    "Unable to submit request because it has a {} value of {got} but the supported range is from {least}. Update the value and try again.",
                    last(&path)
                )
            }
            ProblemKind::Above { most, got, .. } => {
                format!(
                    "Unable to submit request because it has a {} value of {got} but the supported range is up to {most}. Update the value and try again.",
                    last(&path)
                )
            }
            ProblemKind::Choice { got, supported } => {
                format!("Invalid value at '{path}' (one of {}), \"{got}\"", supported.join(", "))
            }
            ProblemKind::TooLong { most, got, .. } => {
                field(&path, &format!("the maximum number is {most}, found {got}"))
            }
            ProblemKind::Pattern { got, .. } => field(
                &path,
                &format!(
                    "Invalid function name '{got}'. Must start with a letter or an underscore. Must be alphanumeric (a-z, A-Z, 0-9), \
                     underscores (_), dots (.) or dashes (-), with a maximum length of 64."
                ),
            ),
            ProblemKind::Other { message, .. } => message,
        };
        ApiError::invalid(&message)
    }
}

fn field(path: &str, message: &str) -> String {
    format!("* GenerateContentRequest.{path}: {message}\n")
}

fn last(path: &str) -> &str {
    path.rsplit_once('.').map_or(path, |(_, last)| last)
}

/// The names of protocol buffers' types.
fn kind(expected: &str) -> &'static str {
    match expected {
        "a string" => "TYPE_STRING",
        "a boolean" => "TYPE_BOOL",
        "an integer" => "TYPE_INT32",
        "a decimal" => "TYPE_FLOAT",
        "bytes" => "TYPE_BYTES",
        "an array" => "repeated",
        _ => "message",
    }
}

fn snake_case(path: &str) -> String {
    let mut changed = String::new();
    for character in path.chars() {
        if character.is_ascii_uppercase() {
            changed.push('_');
        }
        changed.push(character.to_ascii_lowercase());
    }
    changed
}

impl From<&Refusal> for ApiError {
    fn from(refusal: &Refusal) -> ApiError {
        let message = match refusal {
            Refusal::MissingKey => {
                return ApiError::new(
                    StatusCode::FORBIDDEN,
                    "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other \
                     form of API consumer identity to call this API.",
                );
            }
            Refusal::WrongKey => {
                let detail = object! {
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": "API_KEY_INVALID",
                    "domain": "googleapis.com",
                    "metadata": object! { "service": "generativelanguage.googleapis.com" },
                };
                let error = ApiError::invalid("API key not valid. Please pass a valid API key.");
                return ApiError { details: vec![detail], ..error };
            }
            Refusal::Failure { status, retry_after } => return failure(*status, *retry_after),
            Refusal::WrongSignature { message } | Refusal::WrongBehaviour { message } => message.clone(),
            Refusal::UnknownPath { path, .. } => format!("The requested URL {path} was not found on this server."),
            Refusal::WrongMethod { method, path, .. } => format!("Method {method} is not allowed for {path}."),
            Refusal::BodyTooLong { bytes_max } => {
                format!("Request payload size exceeds the limit: {bytes_max} bytes.")
            }
            Refusal::BodyTooSlow => "The body of the request did not arrive in time.".to_owned(),
            Refusal::BodyBroken => "The body of the request could not be read to its end.".to_owned(),
        };
        ApiError::new(refusal.status(), &message)
    }
}

pub fn failure(status: StatusCode, retry_after: Option<Duration>) -> ApiError {
    let message = match status.as_u16() {
        429 => "You exceeded your current quota, please check your plan and billing details.",
        500 => "An internal error has occurred. Please retry or report the problem.",
        503 => "The model is overloaded. Please try again later.",
        _ => "The server answered with this status, as asked for.",
    };
    let details = retry_after.map(|after| {
        object! { "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": format!("{}s", after.as_secs()) }
    });
    ApiError { details: details.into_iter().collect(), ..ApiError::new(status, message) }
}
