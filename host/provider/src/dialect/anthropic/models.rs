//! The models as Anthropic lists them, a page at a time.

use http::StatusCode;

use super::ApiError;
use crate::dialect::{Call, Reply};
use crate::json::{Json, object};
use crate::model::Model;

const LIMIT_DEFAULT: usize = 20;
pub const LIMIT_MAX: usize = 1_000;

pub fn list(call: &Call) -> Result<Reply, ApiError> {
    let limit = match call.query_value("limit") {
        None => LIMIT_DEFAULT,
        Some(limit) => limit
            .parse()
            .ok()
            .filter(|limit| (1..=LIMIT_MAX).contains(limit))
            .ok_or_else(|| ApiError::at("limit", &format!("Input should be an integer from 1 to {LIMIT_MAX}")))?,
    };
    // The newest first.
    let mut models: Vec<Model> = Model::ALL.into_iter().filter(|model| model.converses()).rev().collect();
    if let Some(after) = call.query_value("after_id") {
        let place = models.iter().position(|model| model.name() == after);
        models.drain(..place.map_or(0, |place| place + 1));
    }
    if let Some(before) = call.query_value("before_id") {
        models.truncate(models.iter().position(|model| model.name() == before).unwrap_or(models.len()));
    }
    let has_more = models.len() > limit;
    models.truncate(limit);
    let cards: Vec<Json> = models.iter().copied().map(card).collect();
    let (first, last) = (models.first().map(|model| model.name()), models.last().map(|model| model.name()));
    let page = object! { "data": cards, "has_more": has_more, "first_id": first, "last_id": last };
    Ok(Reply::json(StatusCode::OK, &page))
}

pub fn one(name: &str) -> Result<Reply, ApiError> {
    let model = Model::named(name).filter(|model| model.converses()).ok_or_else(|| ApiError::unknown_model(name))?;
    Ok(Reply::json(StatusCode::OK, &card(model)))
}

fn card(model: Model) -> Json {
    object! {
        "type": "model",
        "id": model.name(),
        "display_name": model.display_name(),
        "created_at": model.created_at(),
        "lifecycle": "active",
        "max_input_tokens": 1_000_000,
        "max_tokens": 128_000,
    }
}
