//! Dialects: each reads requests in its own form and renders answers, streams and refusals in it.

use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

use crate::invoice::Account;
use crate::key::ProviderKey;
use crate::question::Asked;
use crate::refusal::Refusal;

mod anthropic;
mod azure;
mod bedrock;
mod gemini;
mod openai;
mod presented;
mod reply;

pub use openai::{Kept, RESPONSES_KEPT_BYTES_MAX, RESPONSES_KEPT_MAX};
pub use reply::{Content, Framing, Reply, Stream, no_interruption};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    OpenAi,
    Azure,
    Anthropic,
    Gemini,
    Bedrock,
}

/// A request whose key is right and whose body has arrived.
pub struct Call<'a> {
    pub method: &'a Method,
    pub path: &'a str,
    /// As sent, without the question mark; empty if there is none.
    pub query: &'a str,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
    /// The body as JSON, or what the parser says of it.
    pub json: &'a Result<Value, String>,
    pub account: Account,
    /// Earlier answers that requests can refer to.
    pub kept: &'a Kept,
    pub asked: Asked,
    /// The provider's seed and the client's together.
    pub seed: u64,
}

impl Dialect {
    /// By the path; where vendors share one, by the fields that only one of them sends.
    pub fn of(path: &str, headers: &HeaderMap) -> Dialect {
        let shared = path == "/v1/models" || path.starts_with("/v1/models/");
        if path.starts_with("/openai/") {
            Dialect::Azure
        } else if path.starts_with("/model/") {
            Dialect::Bedrock
        } else if gemini::is_path(path) || (shared && gemini::FIELDS.iter().any(|name| headers.contains_key(*name))) {
            Dialect::Gemini
        } else if path.starts_with("/v1/messages") || (shared && headers.contains_key(anthropic::VERSION_FIELD)) {
            Dialect::Anthropic
        } else {
            Dialect::OpenAi
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Dialect::OpenAi => "openai",
            Dialect::Azure => "azure",
            Dialect::Anthropic => "anthropic",
            Dialect::Gemini => "gemini",
            Dialect::Bedrock => "bedrock",
        }
    }

    /// Whose key a request shows.
    pub fn key<'k>(
        self,
        keys: &'k [ProviderKey],
        head: &http::request::Parts,
        body: &[u8],
    ) -> Result<&'k ProviderKey, Refusal> {
        match self {
            Dialect::OpenAi => presented::by_field(keys, &head.headers, &[]),
            Dialect::Azure => presented::by_field(keys, &head.headers, &["api-key"]),
            Dialect::Anthropic => presented::by_field(keys, &head.headers, &["x-api-key"]),
            Dialect::Gemini => presented::by_field_or_query(keys, head, &["x-goog-api-key"]),
            Dialect::Bedrock => bedrock::key(keys, head, body),
        }
    }

    /// The name of the model as the client wrote it, if it can be found.
    pub fn model_in(self, path: &str, json: &Result<Value, String>) -> Option<String> {
        let in_body = || Some(json.as_ref().ok()?.get("model")?.as_str()?.to_owned());
        match self {
            Dialect::OpenAi | Dialect::Anthropic => in_body(),
            Dialect::Azure => azure::deployment(path).or_else(in_body),
            Dialect::Gemini => gemini::model_in(path),
            Dialect::Bedrock => bedrock::model_in(path),
        }
    }

    pub fn answer(self, call: &Call) -> Result<Reply, Refusal> {
        match self {
            Dialect::OpenAi => openai::answer(call),
            Dialect::Azure => azure::answer(call),
            Dialect::Anthropic => anthropic::answer(call),
            Dialect::Gemini => gemini::answer(call),
            Dialect::Bedrock => bedrock::answer(call),
        }
    }

    pub fn refuse(self, refusal: &Refusal) -> Reply {
        match self {
            Dialect::OpenAi => openai::refuse(refusal),
            Dialect::Azure => azure::refuse(refusal),
            Dialect::Anthropic => anthropic::refuse(refusal),
            Dialect::Gemini => gemini::refuse(refusal),
            Dialect::Bedrock => bedrock::refuse(refusal),
        }
    }

    /// The status of a vendor that has too much to do.
    pub fn overloaded(self) -> StatusCode {
        match self {
            Dialect::Anthropic => StatusCode::from_u16(529).unwrap_or(StatusCode::SERVICE_UNAVAILABLE),
            Dialect::OpenAi | Dialect::Azure | Dialect::Gemini | Dialect::Bedrock => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl Call<'_> {
    fn require(&self, allowed: &'static str) -> Result<(), Refusal> {
        match self.method.as_str() == allowed {
            true => Ok(()),
            false => Err(Refusal::WrongMethod { method: self.method.clone(), path: self.path.to_owned(), allowed }),
        }
    }

    fn unknown_path(&self) -> Refusal {
        Refusal::UnknownPath { method: self.method.clone(), path: self.path.to_owned() }
    }

    /// The first value of this name in the query, decoded.
    fn query_value(&self, name: &str) -> Option<String> {
        presented::query_value(self.query, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_the_dialect_and_a_shared_one_is_told_by_its_field() {
        let none = HeaderMap::new();
        for (path, dialect) in [
            ("/v1/chat/completions", Dialect::OpenAi),
            ("/v1/models", Dialect::OpenAi),
            ("/", Dialect::OpenAi),
            ("/openai/deployments/echo-1/chat/completions", Dialect::Azure),
            ("/v1/messages", Dialect::Anthropic),
            ("/v1/messages/count_tokens", Dialect::Anthropic),
            ("/v1beta/models", Dialect::Gemini),
            ("/v1/models/echo-1:generateContent", Dialect::Gemini),
            ("/model/echo-1/converse", Dialect::Bedrock),
        ] {
            assert_eq!(Dialect::of(path, &none), dialect, "{path}");
        }
        let mut version = HeaderMap::new();
        version.insert(anthropic::VERSION_FIELD, http::HeaderValue::from_static("2023-06-01"));
        assert_eq!(Dialect::of("/v1/models", &version), Dialect::Anthropic);
        assert_eq!(Dialect::of("/v1/chat/completions", &version), Dialect::OpenAi);
        let mut key = HeaderMap::new();
        key.insert("x-goog-api-key", http::HeaderValue::from_static("key"));
        assert_eq!(Dialect::of("/v1/models", &key), Dialect::Gemini);
    }
}
