//! The Gemini dialect: content generated in one piece and streamed, tokens counted, vectors, and the list of models.

use http::StatusCode;
use serde_json::Value;

use super::{Call, Framing, Reply, Stream, openai, presented};
use crate::answer::events;
use crate::json::object;
use crate::refusal::Refusal;

mod content;
mod embeddings;
mod error;
mod models;
mod names;
mod request;
mod response;
mod stream;
mod tools;

pub use error::ApiError;
use request::Request;

const VERSIONS: [&str; 3] = ["/v1beta/", "/v1alpha/", "/v1/"];
const MODELS: &str = "models";

/// Only Gemini's clients send them.
pub const FIELDS: [&str; 2] = ["x-goog-api-key", "x-goog-api-client"];

/// The third version is a path that other vendors have too: there a verb behind a colon tells this one.
pub fn is_path(path: &str) -> bool {
    path.starts_with(VERSIONS[0])
        || path.starts_with(VERSIONS[1])
        || (path.starts_with("/v1/models/") && path.contains(':'))
}

/// In `/{version}/models/{model}:{verb}`.
pub fn model_in(path: &str) -> Option<String> {
    let (name, _) = below_models(path)?.split_once(':')?;
    Some(presented::decoded(name))
}

fn below_models(path: &str) -> Option<&str> {
    VERSIONS.iter().find_map(|version| path.strip_prefix(version))?.strip_prefix("models/")
}

pub fn answer(call: &Call) -> Result<Reply, Refusal> {
    let answer = if VERSIONS.iter().any(|version| call.path.strip_prefix(version) == Some(MODELS)) {
        call.require("GET")?;
        models::list(call)
    } else {
        let rest = below_models(call.path).ok_or_else(|| call.unknown_path())?;
        match rest.split_once(':') {
            None => {
                call.require("GET")?;
                models::one(&presented::decoded(rest))
            }
            Some((name, verb)) => {
                call.require("POST")?;
                operation(call, &presented::decoded(name), verb)?
            }
        }
    };
    Ok(answer.unwrap_or_else(ApiError::into_reply))
}

pub fn refuse(refusal: &Refusal) -> Reply {
    openai::with_remedy(ApiError::from(refusal).into_reply(), refusal)
}

fn operation(call: &Call, name: &str, verb: &str) -> Result<Result<Reply, ApiError>, Refusal> {
    Ok(match verb {
        "generateContent" => generate(call, name),
        "streamGenerateContent" => stream(call, name),
        "countTokens" => count(call, name),
        "embedContent" => embeddings::one(call, name),
        "batchEmbedContents" => embeddings::several(call, name),
        _ => return Err(call.unknown_path()),
    })
}

fn read(call: &Call, name: &str, verb: &'static str, body: &Value) -> Result<Request, ApiError> {
    let mut request = Request::parse(body, name, verb)?;
    request.question.seed = request.question.seed.wrapping_add(call.seed);
    request.question.asked = call.asked;
    Ok(request)
}

/// The body with its names as this API writes them, which may also come as `snake_case`.
fn body(call: &Call) -> Result<Value, ApiError> {
    let body =
        call.json.as_ref().map_err(|error| ApiError::invalid(&format!("Invalid JSON payload received. {error}")))?;
    Ok(names::camel_case(body))
}

fn generate(call: &Call, name: &str) -> Result<Reply, ApiError> {
    let request = read(call, name, "generateContent", &body(call)?)?;
    let answer = request.question.answer();
    call.account.settle(&answer);
    Ok(Reply::json(StatusCode::OK, &response::render(&request, &answer)))
}

fn stream(call: &Call, name: &str) -> Result<Reply, ApiError> {
    let request = read(call, name, "streamGenerateContent", &body(call)?)?;
    let answer = request.question.answer();
    let charge = call.account.open(&answer);
    let (framing, interrupt): (_, fn(StatusCode, bool) -> bytes::Bytes) = match call.query_value("alt").as_deref() {
        Some("sse") => (Framing::EventStreamCrLf, interrupt_events),
        _ => (Framing::JsonArray, interrupt_array),
    };
    let events = Box::new(events(answer, stream::Chunks::new(request, framing), charge));
    Ok(Reply::stream(Stream { framing, interrupt, events }))
}

/// Of the contents alone, or of a whole request.
fn count(call: &Call, name: &str) -> Result<Reply, ApiError> {
    let body = body(call)?;
    let whole = body.get("generateContentRequest").unwrap_or(&body);
    let request = read(call, name, "countTokens", whole)?;
    let tokens = request.question.input().tokens;
    let body = object! { "totalTokens": tokens, "promptTokensDetails": [response::modality(tokens)] };
    Ok(Reply::json(StatusCode::OK, &body))
}

fn interrupt_events(status: StatusCode, first: bool) -> bytes::Bytes {
    Framing::EventStreamCrLf.wrap("", error::failure(status, None).body().get().as_bytes(), first)
}

fn interrupt_array(status: StatusCode, first: bool) -> bytes::Bytes {
    let event = Framing::JsonArray.wrap("", error::failure(status, None).body().get().as_bytes(), first);
    [&event[..], b"]"].concat().into()
}
