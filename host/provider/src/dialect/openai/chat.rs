//! Chat completions.

use http::StatusCode;
use serde_json::Value;

use super::{ApiError, REQUEST_ID, failure};
use crate::answer::events;
use crate::dialect::{Call, Framing, Reply, Stream};
use crate::json::{bytes, object};

mod completion;
mod message;
mod request;
mod stream;

use request::ChatRequest;
pub use request::{check_metadata, effort, model};

/// `deployment` where the path names the model, as at Azure, which also says what its filters found.
pub fn completions(call: &Call, deployment: Option<&str>) -> Result<Reply, ApiError> {
    let mut request = ChatRequest::parse(body(call)?, deployment)?;
    super::prepare(&mut request.question, call);
    let filtered = deployment.is_some();
    let answer = request.question.answer();
    if !request.stream {
        call.account.settle(&answer);
        let completion = completion::render(&answer, filtered);
        return Ok(Reply::json(StatusCode::OK, &completion).with_request_id(REQUEST_ID, &bytes(&completion)));
    }
    let charge = call.account.open(&answer);
    let encoder = stream::Chunks::new(&answer, request.include_usage, filtered);
    let events = Box::new(events(answer, encoder, charge));
    let reply = Reply::stream(Stream { framing: Framing::EventStream, interrupt, events });
    Ok(reply.with_request_id(REQUEST_ID, call.body))
}

/// An error in a stream stands in place of a chunk.
fn interrupt(status: StatusCode, first: bool) -> bytes::Bytes {
    let error = object! { "error": failure(status).object() };
    Framing::EventStream.wrap("", error.get().as_bytes(), first)
}

/// The body as JSON.
pub fn body<'a>(call: &'a Call) -> Result<&'a Value, ApiError> {
    call.json
        .as_ref()
        .map_err(|error| ApiError::request(&format!("We could not parse the JSON body of your request: {error}.")))
}
