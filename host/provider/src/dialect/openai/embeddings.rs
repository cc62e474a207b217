//! Embeddings: texts or tokens in, vectors out, as numbers or as base64 of 32-bit floats.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde_json::Value;

use super::{ApiError, REQUEST_ID};
use crate::answer::Usage;
use crate::behaviour::split_name;
use crate::dialect::{Call, Reply};
use crate::json::{Fields, Json, Problem, ProblemKind, bytes, object};
use crate::model::Model;
use crate::model::draw::Fingerprint;
use crate::model::embedding::{DIMENSIONS_MAX, embed};
use crate::tokens;

pub const INPUTS_MAX: usize = 2_048;

/// Of one input.
pub const INPUT_TOKENS_MAX: u64 = 8_192;

/// Of all inputs together.
pub const REQUEST_TOKENS_MAX: u64 = 300_000;

const PARAMETERS: [&str; 6] = ["dimensions", "encoding_format", "input", "model", "safety_identifier", "user"];
const ENCODINGS: [&str; 2] = ["float", "base64"];

/// `deployment` where the path names the model.
pub fn embeddings(call: &Call, deployment: Option<&str>) -> Result<Reply, ApiError> {
    let body = super::chat::body(call)?;
    let fields = Fields::of(body, "")?;
    fields.only(&PARAMETERS)?;
    let name = match deployment {
        Some(name) => name,
        None => fields.string("model")?.ok_or_else(|| ApiError::request("you must provide a model parameter"))?,
    };
    let inputs = inputs(&fields)?;
    let dimensions = fields.count("dimensions", 1, DIMENSIONS_MAX as i64)?.unwrap_or(DIMENSIONS_MAX as u64) as usize;
    let base64 = fields.word("encoding_format", &ENCODINGS)? == Some("base64");
    fields.string("user")?;
    let model = Model::named(split_name(name).0).ok_or_else(|| ApiError::unknown_model(name))?;
    if model.converses() {
        return Err(ApiError::forbidden("You are not allowed to generate embeddings from this model"));
    }
    let input: u64 = inputs.iter().map(|input| input.tokens).sum();
    if input > REQUEST_TOKENS_MAX {
        let message = format!("Requested {input} tokens, max {REQUEST_TOKENS_MAX} tokens per request");
        return Err(ApiError {
            kind: "max_tokens_per_request",
            ..ApiError::parameter("input", "max_tokens_per_request", message)
        });
    }
    let fingerprint = inputs.iter().fold(Fingerprint::new(), |sum, input| sum.text(&input.text)).finish();
    call.account.settle_usage(model.name(), fingerprint, Usage { input, ..Usage::default() });
    let vectors: Vec<Json> = inputs
        .iter()
        .enumerate()
        .map(|(index, input)| {
            let vector = embed(&input.text, dimensions);
            let embedding = if base64 { encoded(&vector) } else { Value::from(vector) };
            object! { "object": "embedding", "index": index, "embedding": embedding }
        })
        .collect();
    let usage = object! { "prompt_tokens": input, "total_tokens": input };
    let body = object! { "object": "list", "data": vectors, "model": model.name(), "usage": usage };
    Ok(Reply::json(StatusCode::OK, &body).with_request_id(REQUEST_ID, &bytes(&body)))
}

struct Input {
    text: String,
    tokens: u64,
}

/// One text, several, one list of token numbers, or several lists.
fn inputs(fields: &Fields) -> Result<Vec<Input>, Problem> {
    let list = match fields.value("input") {
        None => return Err(fields.missing("input")),
        Some(one @ Value::String(_)) => std::slice::from_ref(one),
        Some(one @ Value::Array(list)) if list.iter().all(Value::is_u64) && !list.is_empty() => {
            std::slice::from_ref(one)
        }
        Some(Value::Array(_)) => fields.filled_array("input", INPUTS_MAX)?,
        Some(other) => return Err(Problem::wrong_type("input", "one of a string or array", other)),
    };
    list.iter().enumerate().map(|(index, value)| input(value, index)).collect()
}

fn input(value: &Value, index: usize) -> Result<Input, Problem> {
    let path = format!("input[{index}]");
    let input = match value {
        Value::String(text) => Input { text: text.clone(), tokens: tokens::count(text) },
        Value::Array(numbers) if numbers.iter().all(Value::is_u64) => {
            Input { text: value.to_string(), tokens: numbers.len() as u64 }
        }
        other => return Err(Problem::wrong_type(path, "one of a string or array of integers", other)),
    };
    match input.tokens {
        0 => Err(Problem::new(path, ProblemKind::Empty { what: "string" })),
        1..=INPUT_TOKENS_MAX => Ok(input),
        got => {
            let message = format!(
                "This model's maximum context length is {INPUT_TOKENS_MAX} tokens, however you requested {got} tokens. Please reduce \
                 your prompt."
            );
            Err(Problem::other(path, "context_length_exceeded", message))
        }
    }
}

fn encoded(vector: &[f32]) -> Value {
    let bytes: Vec<u8> = vector.iter().flat_map(|place| place.to_le_bytes()).collect();
    Value::String(STANDARD.encode(bytes))
}
