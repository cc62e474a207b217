//! Vectors for one content or for several.

use http::StatusCode;
use serde_json::Value;

use super::{ApiError, body};
use crate::answer::Usage;
use crate::behaviour::split_name;
use crate::dialect::{Call, Reply};
use crate::json::{Fields, Json, object};
use crate::model::Model;
use crate::model::draw::Fingerprint;
use crate::model::embedding::{DIMENSIONS_MAX, embed};
use crate::tokens;

pub const REQUESTS_MAX: usize = 100;
const PARTS_MAX: usize = 1_000;

pub fn one(call: &Call, name: &str) -> Result<Reply, ApiError> {
    let body = body(call)?;
    let embedded = embed_all(call, name, &[Fields::of(&body, "")?])?;
    let first = embedded.into_iter().next().unwrap_or_default();
    Ok(Reply::json(StatusCode::OK, &object! { "embedding": first }))
}

pub fn several(call: &Call, name: &str) -> Result<Reply, ApiError> {
    let body = body(call)?;
    let fields = Fields::of(&body, "")?;
    fields.only(&["model", "requests"])?;
    let requests = fields.objects_in("requests", fields.filled_array("requests", REQUESTS_MAX)?)?;
    let embedded = embed_all(call, name, &requests)?;
    Ok(Reply::json(StatusCode::OK, &object! { "embeddings": embedded }))
}

fn embed_all(call: &Call, name: &str, requests: &[Fields]) -> Result<Vec<Json>, ApiError> {
    let model = Model::named(split_name(name).0).filter(|model| !model.converses());
    let model = model.ok_or_else(|| ApiError::unknown_model(split_name(name).0, "embedContent"))?;
    let mut fingerprint = Fingerprint::new();
    let mut input = 0;
    let mut vectors = Vec::new();
    for request in requests {
        let content = request.required_object("content")?;
        let parts = content.objects_in("parts", content.filled_array("parts", PARTS_MAX)?)?;
        let texts: Result<Vec<&str>, _> = parts.iter().map(|part| part.required_string("text")).collect();
        let text = texts?.join("\n");
        let dimensions = request.count("outputDimensionality", 1, DIMENSIONS_MAX as i64)?;
        fingerprint = fingerprint.text(&text);
        input += tokens::count(&text);
        let vector = embed(&text, dimensions.map_or(DIMENSIONS_MAX, |dimensions| dimensions as usize));
        vectors.push(object! { "values": Value::from(vector) });
    }
    call.account.settle_usage(model.name(), fingerprint.finish(), Usage { input, ..Usage::default() });
    Ok(vectors)
}
