//! The AWS Bedrock dialect: Converse and its stream, models invoked in their own form, and tokens counted.

use http::StatusCode;
use http::request::Parts;
use serde_json::Value;

use super::{Call, Framing, Reply, Stream, presented};
use crate::answer::events;
use crate::json::object;
use crate::key::ProviderKey;
use crate::refusal::Refusal;

mod blocks;
mod error;
pub mod frame;
mod invoke;
mod message;
mod request;
mod signature;
mod stream;

pub use error::ApiError;
use request::Request;

/// In place of a clock, as an answer is a function of its request.
pub const LATENCY_MS: u64 = 1;

const REQUEST_ID: &str = "x-amzn-requestid";

/// By a signature of AWS's (SigV4), or by a key as bearer token.
pub fn key<'k>(keys: &'k [ProviderKey], head: &Parts, body: &[u8]) -> Result<&'k ProviderKey, Refusal> {
    match presented::bearer(&head.headers) {
        Some(token) => presented::find(keys, Some(token)),
        None => signature::verify(keys, head, body),
    }
}

/// In `/model/{model}/{operation}`.
pub fn model_in(path: &str) -> Option<String> {
    let (name, _) = path.strip_prefix("/model/")?.split_once('/')?;
    Some(presented::decoded(name))
}

pub fn answer(call: &Call) -> Result<Reply, Refusal> {
    let (_, operation) =
        call.path.strip_prefix("/model/").and_then(|rest| rest.split_once('/')).ok_or_else(|| call.unknown_path())?;
    let name = model_in(call.path).unwrap_or_default();
    let operation: fn(&Call, &str) -> Result<Reply, ApiError> = match operation {
        "converse" => converse,
        "converse-stream" => converse_stream,
        "invoke" => invoke::whole,
        "invoke-with-response-stream" => invoke::stream,
        "count-tokens" => count_tokens,
        _ => return Err(call.unknown_path()),
    };
    call.require("POST")?;
    let reply = operation(call, &name).unwrap_or_else(ApiError::into_reply);
    Ok(reply.with_request_id(REQUEST_ID, call.body))
}

pub fn refuse(refusal: &Refusal) -> Reply {
    let reply = super::openai::with_remedy(ApiError::from(refusal).into_reply(), refusal);
    reply.with_request_id(REQUEST_ID, format!("{refusal:?}").as_bytes())
}

fn converse(call: &Call, name: &str) -> Result<Reply, ApiError> {
    let request = read(call, name, body(call)?)?;
    let answer = request.question.answer();
    call.account.settle(&answer);
    Ok(Reply::json(StatusCode::OK, &message::render(&request, &answer)))
}

fn converse_stream(call: &Call, name: &str) -> Result<Reply, ApiError> {
    let request = read(call, name, body(call)?)?;
    let answer = request.question.answer();
    let charge = call.account.open(&answer);
    let events = Box::new(events(answer, stream::Events::new(request), charge));
    Ok(Reply::stream(Stream { framing: Framing::AwsFrames, interrupt, events }))
}

/// Of a request to converse, or of one to invoke a model.
fn count_tokens(call: &Call, name: &str) -> Result<Reply, ApiError> {
    let body = body(call)?;
    let input = body.get("input").ok_or_else(|| ApiError::null("input"))?;
    let tokens = match (input.get("converse"), input.get("invokeModel")) {
        (Some(converse), None) => read(call, name, converse)?.question.input().tokens,
        (None, Some(invoked)) => invoke::count(name, invoked)?,
        _ => return Err(ApiError::validation("The input must have exactly one of converse and invokeModel.")),
    };
    Ok(Reply::json(StatusCode::OK, &object! { "inputTokens": tokens }))
}

fn read(call: &Call, name: &str, body: &Value) -> Result<Request, ApiError> {
    let mut request = Request::parse(body, name)?;
    request.question.seed = call.seed;
    request.question.asked = call.asked;
    Ok(request)
}

fn body<'a>(call: &'a Call) -> Result<&'a Value, ApiError> {
    call.json.as_ref().map_err(|_| ApiError::serialization("The request body is not valid JSON."))
}

fn interrupt(status: StatusCode, _: bool) -> bytes::Bytes {
    let error = error::failure(status);
    frame::exception(error.stream_kind(), error.body().get().as_bytes())
}
