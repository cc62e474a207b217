//! The OpenAI dialect: chat completions and the list of models.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::Serialize;

use crate::dialect::{Content, Reply};
use crate::model::{Model, fingerprint};
use crate::refusal::Refusal;

mod completion;
mod error;
mod field;
mod message;
mod request;
mod stream;

use error::ApiError;
use request::ChatRequest;

const CHAT: &str = "/v1/chat/completions";
const MODELS: &str = "/v1/models";
const MODEL: &str = "/v1/models/";

/// Everything but what concerns key, behaviour and the reading of the body.
pub fn answer(method: &Method, path: &str, body: &Bytes) -> Result<Reply, Refusal> {
    let require = |allowed: &'static str| match method.as_str() == allowed {
        true => Ok(()),
        false => Err(Refusal::WrongMethod { method: method.clone(), path: path.to_owned(), allowed }),
    };
    let answer = if path == CHAT {
        require("POST")?;
        chat(body)
    } else if path == MODELS {
        require("GET")?;
        Ok(list_models())
    } else if let Some(name) = path.strip_prefix(MODEL) {
        require("GET")?;
        one_model(name)
    } else {
        return Err(Refusal::UnknownPath { method: method.clone(), path: path.to_owned() });
    };
    Ok(answer.unwrap_or_else(ApiError::into_reply))
}

pub fn refuse(refusal: &Refusal) -> Reply {
    let mut reply = ApiError::from(refusal).into_reply();
    match refusal {
        Refusal::WrongMethod { allowed, .. } => {
            reply.headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
        }
        Refusal::MissingKey | Refusal::WrongKey => {
            reply.headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        Refusal::Failure { retry_after: Some(after), .. } => {
            reply.headers.insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs()));
        }
        _ => {}
    }
    reply
}

fn chat(body: &Bytes) -> Result<Reply, ApiError> {
    let request = ChatRequest::parse(body)?;
    let answer = request.question.answer();
    if !request.stream {
        return Ok(json_reply(StatusCode::OK, &completion::render(&request, &answer)));
    }
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert("x-request-id", request_id(body));
    let content = Content::Events(Box::new(stream::events(&request, answer)));
    Ok(Reply { status: StatusCode::OK, headers, content })
}

#[derive(Serialize)]
struct ModelCard {
    id: &'static str,
    object: &'static str,
    created: u64,
    owned_by: &'static str,
}

#[derive(Serialize)]
struct ModelList {
    object: &'static str,
    data: Vec<ModelCard>,
}

impl From<Model> for ModelCard {
    fn from(model: Model) -> ModelCard {
        ModelCard { id: model.name(), object: "model", created: model.created(), owned_by: "sluicegate" }
    }
}

fn list_models() -> Reply {
    let data = Model::ALL.into_iter().map(ModelCard::from).collect();
    json_reply(StatusCode::OK, &ModelList { object: "list", data })
}

fn one_model(name: &str) -> Result<Reply, ApiError> {
    let model = Model::named(name).ok_or_else(|| ApiError::unknown_model(name))?;
    Ok(json_reply(StatusCode::OK, &ModelCard::from(model)))
}

fn json_reply(status: StatusCode, value: &impl Serialize) -> Reply {
    // Only a map with keys other than strings or a failing `Serialize` could go wrong, and there is neither.
    let body = Bytes::from(serde_json::to_vec(value).unwrap_or_default());
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("x-request-id", request_id(&body));
    Reply { status, headers, content: Content::Whole(body) }
}

/// A function of the bytes given, as everything here is one of the request.
fn request_id(bytes: &[u8]) -> HeaderValue {
    let id = format!("req_{:016x}", fingerprint(bytes));
    HeaderValue::try_from(id).unwrap_or_else(|_| HeaderValue::from_static("req_0"))
}
