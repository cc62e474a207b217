//! Refusals that every dialect has, before one of them gives them its form.

use std::time::Duration;

use http::{Method, StatusCode};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    MissingKey,
    WrongKey,
    /// A signature in place of a key, and what is wrong with it.
    WrongSignature {
        message: String,
    },
    UnknownPath {
        method: Method,
        path: String,
    },
    WrongMethod {
        method: Method,
        path: String,
        allowed: &'static str,
    },
    BodyTooLong {
        bytes_max: usize,
    },
    BodyTooSlow,
    BodyBroken,
    /// A wrong `x-provider-` field, or a wrong end of a model's name.
    WrongBehaviour {
        message: String,
    },
    /// An error that was asked for.
    Failure {
        status: StatusCode,
        retry_after: Option<Duration>,
    },
}

impl Refusal {
    pub fn status(&self) -> StatusCode {
        match self {
            Refusal::MissingKey | Refusal::WrongKey | Refusal::WrongSignature { .. } => StatusCode::UNAUTHORIZED,
            Refusal::UnknownPath { .. } => StatusCode::NOT_FOUND,
            Refusal::WrongMethod { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::BodyTooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
            Refusal::BodyBroken | Refusal::WrongBehaviour { .. } => StatusCode::BAD_REQUEST,
            Refusal::Failure { status, .. } => *status,
        }
    }
}
