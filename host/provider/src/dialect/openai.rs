//! The OpenAI dialect: chat completions, responses, embeddings and the list of models.

use http::StatusCode;
use http::header;

use super::{Call, Reply};
use crate::question::Question;
use crate::refusal::Refusal;

mod chat;
mod embeddings;
mod error;
mod form;
mod image;
mod models;
mod order;
mod responses;
mod tools;

pub use chat::completions;
pub use embeddings::embeddings;
pub use error::ApiError;
pub use responses::{Kept, RESPONSES_KEPT_BYTES_MAX, RESPONSES_KEPT_MAX};

/// The field with the id of a request.
pub const REQUEST_ID: &str = "x-request-id";

/// Everything but what concerns key, behaviour and the reading of the body.
pub fn answer(call: &Call) -> Result<Reply, Refusal> {
    answer_below("/v1", call)
}

/// The same paths below another one.
pub fn answer_below(prefix: &str, call: &Call) -> Result<Reply, Refusal> {
    let path = call.path.strip_prefix(prefix).ok_or_else(|| call.unknown_path())?;
    let answer = match path {
        "/chat/completions" => {
            call.require("POST")?;
            completions(call, None)
        }
        "/responses" => {
            call.require("POST")?;
            responses::create(call)
        }
        "/embeddings" => {
            call.require("POST")?;
            embeddings(call, None)
        }
        "/models" => {
            call.require("GET")?;
            Ok(models::list())
        }
        _ => {
            if let Some(name) = path.strip_prefix("/models/") {
                call.require("GET")?;
                models::one(name)
            } else if let Some(rest) = path.strip_prefix("/responses/") {
                responses::one(call, rest)?
            } else {
                return Err(call.unknown_path());
            }
        }
    };
    Ok(answer.unwrap_or_else(ApiError::into_reply))
}

pub fn refuse(refusal: &Refusal) -> Reply {
    let reply = ApiError::from(refusal).into_reply();
    match refusal {
        Refusal::MissingKey | Refusal::WrongKey => reply.with(header::WWW_AUTHENTICATE, "Bearer"),
        _ => with_remedy(reply, refusal),
    }
}

/// What each vendor says in a field of its own: when to come back, and which method is right.
pub fn with_remedy(reply: Reply, refusal: &Refusal) -> Reply {
    match refusal {
        Refusal::WrongMethod { allowed, .. } => reply.with(header::ALLOW, allowed),
        Refusal::Failure { retry_after: Some(after), .. } => {
            reply.with_value("retry-after", &after.as_secs().to_string())
        }
        _ => reply,
    }
}

/// What a request does not say itself: the provider's part of the seed, and figures that are asked for.
fn prepare(question: &mut Question, call: &Call) {
    question.seed = question.seed.wrapping_add(call.seed);
    question.asked = call.asked;
}

/// A failure as the error event of a stream.
fn failure(status: StatusCode) -> ApiError {
    ApiError::from(&Refusal::Failure { status, retry_after: None })
}

/// Seconds since 1970, from the fingerprint in place of a clock.
fn created(fingerprint: u64) -> u64 {
    const CREATED_MIN: u64 = 1_700_000_000;
    const CREATED_RANGE: u64 = 10_000_000;
    CREATED_MIN + fingerprint % CREATED_RANGE
}
