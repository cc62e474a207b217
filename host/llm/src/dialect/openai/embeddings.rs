//! Embeddings: texts or tokens in, vectors out, as numbers or as base64 of little-endian 32-bit floats.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::request::read_end_user;
use super::usage;
use crate::answer::{Answer, Event};
use crate::call::{Call, Embedding, Text};
use crate::error::{Broken, CallError};
use crate::json::{Document, Fields, Value};

const EXPECTED: &str = "a string, an array of strings, or token numbers";

pub fn read_request(fields: &Fields<'_>, call: &mut Call) -> Result<(), CallError> {
    let input = fields.required("input")?;
    let values = match input.as_array() {
        Some([]) => return Err(CallError::new("input", "`input` is empty: send at least one text.")),
        // One list of tokens is one input.
        Some(values) if values.iter().any(|value| value.as_array().is_none() && value.as_str().is_none()) => {
            std::slice::from_ref(input)
        }
        Some(values) => values,
        None => std::slice::from_ref(input),
    };
    let inputs = values.iter().map(read_input).collect::<Option<Vec<_>>>();
    call.embeddings = inputs.ok_or_else(|| fields.wrong("input", EXPECTED))?;
    call.parameters.dimensions = fields.u64("dimensions")?;
    call.parameters.base64_vectors = match fields.str("encoding_format")? {
        None | Some("float") => false,
        Some("base64") => true,
        Some(_) => return Err(fields.wrong("encoding_format", "\"float\" or \"base64\"")),
    };
    (call.parameters.end_user, call.parameters.end_user_again) = read_end_user(fields)?;
    Ok(())
}

fn read_input(value: &Value) -> Option<Embedding> {
    match value.as_str() {
        Some(text) => Some(Embedding::Text(Text::at(text, value.span.clone()))),
        None => value.as_array()?.iter().map(Value::as_u64).collect::<Option<_>>().map(Embedding::Tokens),
    }
}

#[derive(Serialize)]
struct Request<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    input: Vec<Input<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<u64>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Input<'a> {
    Text(&'a str),
    Tokens(&'a [u64]),
}

/// Vectors are asked for as numbers, which every vendor can send.
pub fn write_request(call: &Call, model: Option<&str>) -> Vec<u8> {
    let inputs = call.embeddings.iter().map(|input| match input {
        Embedding::Text(text) => Input::Text(&text.text),
        Embedding::Tokens(tokens) => Input::Tokens(tokens),
    });
    super::to_json(&Request { model, input: inputs.collect(), dimensions: call.parameters.dimensions })
}

pub fn read_answer(document: &Document) -> Result<Vec<Event>, Broken> {
    let root = &document.root;
    let data = root.get("data").and_then(Value::as_array);
    let data = data.ok_or_else(|| super::answer::without("data", document.source()))?;
    let mut vectors = Vec::with_capacity(data.len());
    for (position, item) in data.iter().enumerate() {
        let vector = item.get("embedding").and_then(read_vector);
        let index = item.get("index").and_then(Value::as_u64).unwrap_or(position as u64);
        let vector =
            vector.ok_or_else(|| Broken::new(format!("The embedding {position} of the answer is no vector.")))?;
        vectors.push((index, vector));
    }
    vectors.sort_by_key(|(index, _)| *index);
    let vectors = vectors.into_iter().map(|(_, vector)| vector).collect();
    let mut events = vec![super::answer::begin(root), Event::Vectors(vectors)];
    events.extend(usage::of(root, document).map(Event::Usage));
    events.push(Event::Done);
    Ok(events)
}

fn read_vector(value: &Value) -> Option<Vec<f32>> {
    let Some(text) = value.as_str() else { return value.as_vector().map(<[f32]>::to_vec) };
    let bytes = STANDARD.decode(text).ok()?;
    let (floats, rest) = bytes.as_chunks::<4>();
    let vector: Vec<f32> = floats.iter().map(|float| f32::from_le_bytes(*float)).collect();
    (rest.is_empty() && vector.iter().all(|number| number.is_finite())).then_some(vector)
}

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Item<'a>>,
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Used>,
}

#[derive(Serialize)]
struct Item<'a> {
    object: &'static str,
    index: usize,
    embedding: Vector<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Vector<'a> {
    Numbers(&'a [f32]),
    Base64(String),
}

#[derive(Serialize)]
struct Used {
    prompt_tokens: u64,
    total_tokens: u64,
}

pub fn write_answer(call: &Call, answer: &Answer) -> Vec<u8> {
    let data = answer.vectors.iter().enumerate().map(|(index, vector)| {
        let embedding = match call.parameters.base64_vectors {
            true => Vector::Base64(
                STANDARD.encode(vector.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>()),
            ),
            false => Vector::Numbers(vector),
        };
        Item { object: "embedding", index, embedding }
    });
    let usage = answer.usage.as_ref();
    let usage = usage.map(|usage| Used { prompt_tokens: usage.input_tokens, total_tokens: usage.total_tokens() });
    super::to_json(&List { object: "list", data: data.collect(), model: &call.model, usage })
}
