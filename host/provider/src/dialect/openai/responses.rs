//! The responses API: answers of several items, streamed under event names, and kept for requests that go on from them.

use std::sync::Arc;

use http::StatusCode;

use super::{ApiError, REQUEST_ID, failure};
use crate::answer::{Answer, events};
use crate::dialect::{Call, Framing, Reply, Stream};
use crate::json::{bytes, object};
use crate::question::Turn;
use crate::refusal::Refusal;

mod input;
mod kept;
mod object;
mod request;
mod stream;

use kept::Response;
pub use kept::{Kept, RESPONSES_KEPT_BYTES_MAX, RESPONSES_KEPT_MAX};
use request::ResponseRequest;

pub fn create(call: &Call) -> Result<Reply, ApiError> {
    let body = super::chat::body(call)?;
    let mut request = ResponseRequest::parse(body, |id| call.kept.get(&call.account.key, id))?;
    super::prepare(&mut request.question, call);
    let answer = request.question.answer();
    let request = Arc::new(request);
    if request.store {
        keep(call, &request, &answer);
    }
    if !request.stream {
        call.account.settle(&answer);
        let response = object::whole(&request, &answer);
        return Ok(Reply::json(StatusCode::OK, &response).with_request_id(REQUEST_ID, &bytes(&response)));
    }
    let charge = call.account.open(&answer);
    let events = Box::new(events(answer, stream::Events::new(request), charge));
    let reply = Reply::stream(Stream { framing: Framing::EventStream, interrupt, events });
    Ok(reply.with_request_id(REQUEST_ID, call.body))
}

/// `{id}` can be read and deleted, `{id}/input_items` can be read.
pub fn one(call: &Call, rest: &str) -> Result<Result<Reply, ApiError>, Refusal> {
    let (id, below) = rest.split_once('/').unwrap_or((rest, ""));
    let found = call.kept.get(&call.account.key, id);
    let missing = || ApiError::not_found(format!("Response with id '{id}' not found."), None);
    let body = match (call.method.as_str(), below) {
        ("GET", "") => found.map(|response| response.body.clone()),
        ("DELETE", "") => {
            call.kept.remove(&call.account.key, id);
            found.map(|_| object! { "id": id, "object": "response", "deleted": true })
        }
        ("GET", "input_items") => found.map(|response| response.input_items.clone()),
        (_, "") => return call.require("GET").map(|()| Err(missing())),
        (_, "input_items") => return call.require("GET").map(|()| Err(missing())),
        _ => return Err(call.unknown_path()),
    };
    Ok(body
        .ok_or_else(missing)
        .map(|body| Reply::json(StatusCode::OK, &body).with_request_id(REQUEST_ID, &bytes(&body))))
}

fn keep(call: &Call, request: &ResponseRequest, answer: &Answer) {
    let mut turns = request.own_turns().to_vec();
    turns.push(Turn::new(crate::question::Role::Assistant, object::said(answer)));
    let response = Response { body: object::whole(request, answer), input_items: input::items(request), turns };
    call.kept.insert(&call.account.key, object::id(answer), response);
}

fn interrupt(status: StatusCode, first: bool) -> bytes::Bytes {
    let ApiError { message, code, param, kind, .. } = failure(status);
    let event = object! {
        "type": "error", "sequence_number": 0, "code": code.unwrap_or(kind), "message": message, "param": param,
    };
    Framing::EventStream.wrap("error", event.get().as_bytes(), first)
}
