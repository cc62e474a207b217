//! OpenAI's error object, with the words that its users know.

use http::StatusCode;
use serde::Serialize;

use super::json_reply;
use crate::dialect::Reply;
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

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: ErrorObject<'a>,
}

#[derive(Serialize)]
struct ErrorObject<'a> {
    message: &'a str,
    r#type: &'a str,
    param: Option<&'a str>,
    code: Option<&'a str>,
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

    pub fn missing(param: &str) -> ApiError {
        ApiError::parameter(param, "missing_required_parameter", format!("Missing required parameter: '{param}'."))
    }

    /// For what the dialect knows and the models of this provider do not do.
    pub fn unsupported(param: &str, what: &str) -> ApiError {
        ApiError::parameter(param, "unsupported_value", format!("Unsupported value: '{param}'. {what}"))
    }

    pub fn unknown_model(name: &str) -> ApiError {
        let status = StatusCode::NOT_FOUND;
        let message = format!("The model `{name}` does not exist or you do not have access to it.");
        ApiError { status, message, kind: INVALID_REQUEST, param: None, code: Some("model_not_found") }
    }

    pub fn into_reply(self) -> Reply {
        let ApiError { message, kind, param, code, .. } = &self;
        let error = ErrorObject { message, r#type: kind, param: param.as_deref(), code: *code };
        json_reply(self.status, &ErrorBody { error })
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
