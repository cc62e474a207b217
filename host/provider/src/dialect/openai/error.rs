//! OpenAI's error object, with the words that its users know.

use http::StatusCode;

use super::REQUEST_ID;
use crate::dialect::Reply;
use crate::json::{Json, Kind, Problem, ProblemKind, bytes, object};
use crate::refusal::Refusal;

const INVALID_REQUEST: &str = "invalid_request_error";

/// All four members of the object are always written; `param` and `code` may be null.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    pub status: StatusCode,
    pub message: String,
    pub kind: &'static str,
    /// The path of the wrong parameter, such as `messages[0].role`.
    pub param: Option<String>,
    pub code: Option<&'static str>,
}

impl ApiError {
    /// 400 for a parameter.
    pub fn parameter(param: &str, code: &'static str, message: String) -> ApiError {
        let (status, param) = (StatusCode::BAD_REQUEST, Some(param.to_owned()));
        ApiError { status, message, kind: INVALID_REQUEST, param, code: Some(code) }
    }

    /// 400 for the request as a whole.
    pub fn request(message: &str) -> ApiError {
        let status = StatusCode::BAD_REQUEST;
        ApiError { status, message: message.to_owned(), kind: INVALID_REQUEST, param: None, code: None }
    }

    pub fn not_found(message: String, code: Option<&'static str>) -> ApiError {
        ApiError { status: StatusCode::NOT_FOUND, message, kind: INVALID_REQUEST, param: None, code }
    }

    /// For what the dialect knows and the models of this provider do not do.
    pub fn unsupported(param: &str, what: &str) -> ApiError {
        ApiError::parameter(param, "unsupported_value", format!("Unsupported value: '{param}'. {what}"))
    }

    pub fn unsupported_parameter(param: &str) -> ApiError {
        let message = format!("Unsupported parameter: '{param}' is not supported with this model.");
        ApiError::parameter(param, "unsupported_parameter", message)
    }

    pub fn unknown_model(name: &str) -> ApiError {
        let message = format!("The model `{name}` does not exist or you do not have access to it.");
        ApiError::not_found(message, Some("model_not_found"))
    }

    pub fn forbidden(message: &str) -> ApiError {
        ApiError { status: StatusCode::FORBIDDEN, ..ApiError::request(message) }
    }

    pub fn into_reply(self) -> Reply {
        let body = object! { "error": self.object() };
        Reply::json(self.status, &body).with_request_id(REQUEST_ID, &bytes(&body))
    }

    pub fn object(&self) -> Json {
        object! { "message": self.message, "type": self.kind, "param": self.param, "code": self.code }
    }
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> ApiError {
        let param = problem.path;
        let (code, message) = match problem.kind {
            ProblemKind::Missing => ("missing_required_parameter", format!("Missing required parameter: '{param}'.")),
            ProblemKind::Type { .. } if param.is_empty() => {
                return ApiError::request("The JSON body of your request must be an object.");
            }
            ProblemKind::Type { expected, got, .. } => {
                let message =
                    format!("Invalid type for '{param}': expected {expected}, but got {} instead.", shown(got));
                ("invalid_type", message)
            }
            ProblemKind::Below { number, least, got } => {
                let message = format!(
                    "Invalid '{param}': {number} below minimum value. Expected a value >= {least}, but got {got} instead."
                );
                (if number == "decimal" { "decimal_below_min_value" } else { "integer_below_min_value" }, message)
            }
            ProblemKind::Above { number, most, got } => {
                let message = format!(
                    "Invalid '{param}': {number} above maximum value. Expected a value <= {most}, but got {got} instead."
                );
                (if number == "decimal" { "decimal_above_max_value" } else { "integer_above_max_value" }, message)
            }
            ProblemKind::Choice { got, supported } => {
                let supported: Vec<String> = supported.iter().map(|value| format!("'{value}'")).collect();
                let message = format!("Invalid value: '{got}'. Supported values are: {}.", supported.join(", "));
                ("invalid_value", message)
            }
            ProblemKind::Empty { what } => {
                let message = format!(
                    "Invalid '{param}': empty {what}. Expected an {what} with minimum length 1, but got an empty {what} instead."
                );
                ("empty_array", message)
            }
            ProblemKind::TooLong { what, most, got } => {
                let article = if what == "array" { "an" } else { "a" };
                let message = format!(
                    "Invalid '{param}': {what} too long. Expected {article} {what} with maximum length {most}, but got {article} \
                     {what} with length {got} instead."
                );
                (if what == "array" { "array_above_max_length" } else { "string_above_max_length" }, message)
            }
            ProblemKind::Pattern { pattern, .. } => {
                let message = format!(
                    "Invalid '{param}': string does not match pattern. Expected a string that matches the pattern '{pattern}'."
                );
                ("invalid_value", message)
            }
            ProblemKind::Unknown => ("unknown_parameter", format!("Unknown parameter: '{param}'.")),
            ProblemKind::Other { code, message } => (code, message),
        };
        ApiError::parameter(&param, code, message)
    }
}

fn shown(kind: Kind) -> &'static str {
    match kind {
        Kind::Null => "null",
        Kind::Boolean => "a boolean",
        Kind::Decimal => "a decimal",
        Kind::Integer => "an integer",
        Kind::String => "a string",
        Kind::Array => "an array",
        Kind::Object => "an object",
    }
}

impl From<&Refusal> for ApiError {
    fn from(refusal: &Refusal) -> ApiError {
        let (kind, code, message) = match refusal {
            Refusal::MissingKey => (
                INVALID_REQUEST,
                None,
                "You didn't provide an API key. Provide it in an Authorization header using Bearer auth \
                 (i.e. Authorization: Bearer YOUR_KEY)."
                    .to_owned(),
            ),
            // The key itself is not repeated, not even in part.
            Refusal::WrongKey => (INVALID_REQUEST, Some("invalid_api_key"), "Incorrect API key provided.".to_owned()),
            Refusal::WrongSignature { message } => (INVALID_REQUEST, Some("invalid_api_key"), message.clone()),
            Refusal::UnknownPath { method, path } => (
                INVALID_REQUEST,
                Some("unknown_url"),
                format!("Unknown request URL: {method} {path}. Check the URL for typos."),
            ),
            Refusal::WrongMethod { method, path, allowed } => (
                INVALID_REQUEST,
                Some("method_not_supported"),
                format!("Not allowed to {method} on {path}. Use {allowed}."),
            ),
            Refusal::BodyTooLong { bytes_max } => (
                INVALID_REQUEST,
                Some("request_too_large"),
                format!("Maximum content size limit ({bytes_max} bytes) exceeded."),
            ),
            Refusal::BodyTooSlow => {
                (INVALID_REQUEST, Some("request_timeout"), "The body of the request did not arrive in time.".to_owned())
            }
            Refusal::BodyBroken => {
                (INVALID_REQUEST, None, "The body of the request could not be read to its end.".to_owned())
            }
            Refusal::WrongBehaviour { message } => (INVALID_REQUEST, Some("invalid_provider_field"), message.clone()),
            Refusal::Failure { status, .. } => failure(*status),
        };
        ApiError { status: refusal.status(), message, kind, param: None, code }
    }
}

fn failure(status: StatusCode) -> (&'static str, Option<&'static str>, String) {
    match status {
        StatusCode::TOO_MANY_REQUESTS => {
            ("requests", Some("rate_limit_exceeded"), "Rate limit reached. Please try again later.".to_owned())
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            ("server_error", None, "The engine is currently overloaded, please try again later.".to_owned())
        }
        StatusCode::INTERNAL_SERVER_ERROR => (
            "server_error",
            None,
            "The server had an error while processing your request. Sorry about that!".to_owned(),
        ),
        _ if status.is_server_error() => {
            ("server_error", None, format!("The server answered with {status}, as asked for."))
        }
        _ => (INVALID_REQUEST, None, format!("The server answered with {status}, as asked for.")),
    }
}
