//! The models as Gemini lists them, a page at a time.

use http::StatusCode;

use super::ApiError;
use crate::dialect::{Call, Reply};
use crate::json::{Json, Object};
use crate::model::Model;

const PAGE_SIZE_DEFAULT: usize = 50;

pub fn list(call: &Call) -> Result<Reply, ApiError> {
    let number = |name: &str| call.query_value(name).map(|text| text.parse::<usize>());
    let size = match number("pageSize") {
        None => PAGE_SIZE_DEFAULT,
        Some(Ok(size)) if size > 0 => size,
        Some(_) => return Err(ApiError::invalid("page_size must be a positive number.")),
    };
    // A token is the number of models that came before.
    let start = match number("pageToken") {
        None => 0,
        Some(token) => token.map_err(|_| ApiError::invalid("Page token is not valid."))?,
    };
    let cards: Vec<Json> = Model::ALL.into_iter().skip(start).take(size).map(card).collect();
    let next = start.saturating_add(size);
    let token = (next < Model::ALL.len()).then(|| next.to_string());
    let page = Object::new().member("models", &cards).optional("nextPageToken", token.as_ref()).json();
    Ok(Reply::json(StatusCode::OK, &page))
}

pub fn one(name: &str) -> Result<Reply, ApiError> {
    let model = Model::named(name).ok_or_else(|| ApiError::unknown_model(name, "getModel"))?;
    Ok(Reply::json(StatusCode::OK, &card(model)))
}

fn card(model: Model) -> Json {
    let methods: &[&str] = match model.converses() {
        true => &["generateContent", "countTokens"],
        false => &["embedContent"],
    };
    Object::new()
        .member("name", &format!("models/{}", model.name()))
        .member("version", "1")
        .member("displayName", model.display_name())
        .member("inputTokenLimit", &1_048_576)
        .member("outputTokenLimit", &65_536)
        .member("supportedGenerationMethods", methods)
        .optional("thinking", model.reasons().then_some(&true))
        .json()
}
