//! The models as OpenAI lists them.

use http::StatusCode;

use super::{ApiError, REQUEST_ID};
use crate::dialect::Reply;
use crate::json::{Json, bytes, object};
use crate::model::Model;

pub fn list() -> Reply {
    let cards: Vec<Json> = Model::ALL.into_iter().map(card).collect();
    reply(&object! { "object": "list", "data": cards })
}

pub fn one(name: &str) -> Result<Reply, ApiError> {
    let model = Model::named(name).ok_or_else(|| ApiError::unknown_model(name))?;
    Ok(reply(&card(model)))
}

fn card(model: Model) -> Json {
    object! { "id": model.name(), "object": "model", "created": model.created(), "owned_by": "sluicegate" }
}

fn reply(body: &Json) -> Reply {
    Reply::json(StatusCode::OK, body).with_request_id(REQUEST_ID, &bytes(body))
}
