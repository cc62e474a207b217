//! A model invoked in its own form, which is Anthropic's here.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde_json::Value;

use super::{ApiError, LATENCY_MS, body, frame};
use crate::answer::{Answer, events};
use crate::dialect::anthropic::{self, Place, Request};
use crate::dialect::{Call, Framing, Reply, Stream};
use crate::json::{Json, object};

pub fn whole(call: &Call, name: &str) -> Result<Reply, ApiError> {
    let request = read(call, name)?;
    let answer = request.question.answer();
    call.account.settle(&answer);
    let usage = answer.usage;
    let uncached = usage.input - usage.cache_read - usage.cache_write;
    let reply = Reply::json(StatusCode::OK, &anthropic::render(&request, &answer))
        .with_value("x-amzn-bedrock-input-token-count", &uncached.to_string())
        .with_value("x-amzn-bedrock-output-token-count", &usage.output.to_string())
        .with_value("x-amzn-bedrock-cache-read-input-token-count", &usage.cache_read.to_string())
        .with_value("x-amzn-bedrock-cache-write-input-token-count", &usage.cache_write.to_string())
        .with_value("x-amzn-bedrock-invocation-latency", &LATENCY_MS.to_string());
    Ok(reply)
}

pub fn stream(call: &Call, name: &str) -> Result<Reply, ApiError> {
    let request = read(call, name)?;
    let answer = request.question.answer();
    let charge = call.account.open(&answer);
    let encoder = anthropic::Events::wrapped(Arc::new(request), |_, json| chunk(json), metrics);
    let events = Box::new(events(answer, encoder, charge));
    let reply = Reply::stream(Stream { framing: Framing::AwsFrames, interrupt: super::interrupt, events });
    Ok(reply.with_value("x-amzn-bedrock-content-type", "application/json"))
}

pub fn count(name: &str, invoked: &Value) -> Result<u64, ApiError> {
    let encoded =
        invoked.get("body").and_then(Value::as_str).ok_or_else(|| ApiError::null("input.invokeModel.body"))?;
    let wrong = || ApiError::validation("input.invokeModel.body is not base64 of valid JSON.");
    let body = STANDARD.decode(encoded).map_err(|_| wrong())?;
    let body: Value = serde_json::from_slice(&body).map_err(|_| wrong())?;
    Ok(Request::parse(&body, Place::Bedrock { model: name })?.question.input().tokens)
}

fn read(call: &Call, name: &str) -> Result<Request, ApiError> {
    let mut request = Request::parse(body(call)?, Place::Bedrock { model: name })?;
    request.question.seed = call.seed;
    request.question.asked = call.asked;
    Ok(request)
}

/// The model's own event within one of Bedrock's.
fn chunk(json: &[u8]) -> bytes::Bytes {
    frame::event("chunk", object! { "bytes": STANDARD.encode(json) }.get().as_bytes())
}

fn metrics(answer: &Answer) -> Json {
    let usage = answer.usage;
    object! {
        "inputTokenCount": usage.input - usage.cache_read - usage.cache_write,
        "outputTokenCount": usage.output,
        "invocationLatency": LATENCY_MS,
        "firstByteLatency": LATENCY_MS,
        "cacheReadInputTokenCount": usage.cache_read,
        "cacheWriteInputTokenCount": usage.cache_write,
    }
}
