//! The Anthropic dialect: messages, the count of their tokens, and the list of models.

use std::sync::Arc;

use http::{StatusCode, header};
use serde_json::Value;

use super::{Call, Framing, Reply, Stream, openai};
use crate::answer::events;
use crate::json::object;
use crate::refusal::Refusal;

mod blocks;
mod error;
mod message;
mod models;
mod request;
mod stream;
mod thinking;
mod version;

pub use error::ApiError;
pub use message::{render, request_id_of};
pub use request::{Place, Request};
pub use stream::{Events, interruption};
pub use version::VERSION_FIELD;
use version::Version;

const REQUEST_ID: &str = "request-id";
const MESSAGES: &str = "/v1/messages";
const COUNT: &str = "/v1/messages/count_tokens";
const MODELS: &str = "/v1/models";

pub fn answer(call: &Call) -> Result<Reply, Refusal> {
    let answer = match call.path {
        MESSAGES => {
            call.require("POST")?;
            Version::of(call).and_then(|version| messages(call, version))
        }
        COUNT => {
            call.require("POST")?;
            Version::of(call).and_then(|version| count_tokens(call, version))
        }
        MODELS => {
            call.require("GET")?;
            Version::of(call).and_then(|_| models::list(call))
        }
        path => {
            let name = path.strip_prefix("/v1/models/").ok_or_else(|| call.unknown_path())?;
            call.require("GET")?;
            Version::of(call).and_then(|_| models::one(name))
        }
    };
    let reply = answer.unwrap_or_else(ApiError::into_reply);
    if reply.headers.contains_key(REQUEST_ID) { Ok(reply) } else { Ok(reply.with_request_id(REQUEST_ID, call.body)) }
}

pub fn refuse(refusal: &Refusal) -> Reply {
    let reply = openai::with_remedy(ApiError::from(refusal).into_reply(), refusal);
    match refusal {
        // The SDKs ask nobody else whether to try again.
        Refusal::Failure { status, .. } if status.is_server_error() => {
            reply.with(header::HeaderName::from_static("x-should-retry"), "true")
        }
        _ => reply,
    }
}

fn messages(call: &Call, version: Version) -> Result<Reply, ApiError> {
    let request = read(call, Place::Messages(version))?;
    let answer = request.question.answer();
    if !request.stream {
        call.account.settle(&answer);
        return Ok(Reply::json(StatusCode::OK, &render(&request, &answer)));
    }
    let charge = call.account.open(&answer);
    let events = Box::new(events(answer, Events::new(Arc::new(request)), charge));
    Ok(Reply::stream(Stream { framing: Framing::EventStream, interrupt, events }))
}

fn count_tokens(call: &Call, version: Version) -> Result<Reply, ApiError> {
    let request = read(call, Place::Count(version))?;
    Ok(Reply::json(StatusCode::OK, &object! { "input_tokens": request.question.input().tokens }))
}

fn read(call: &Call, place: Place) -> Result<Request, ApiError> {
    let mut request = Request::parse(body(call)?, place)?;
    request.question.seed = call.seed;
    request.question.asked = call.asked;
    Ok(request)
}

pub fn body<'a>(call: &'a Call) -> Result<&'a Value, ApiError> {
    call.json.as_ref().map_err(|error| ApiError::invalid(&format!("The request body is not valid JSON: {error}")))
}

fn interrupt(status: StatusCode, first: bool) -> bytes::Bytes {
    Framing::EventStream.wrap("error", interruption(status).get().as_bytes(), first)
}
