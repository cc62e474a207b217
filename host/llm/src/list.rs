//! The models that a client may call, in the form of its dialect.

use serde::Serialize;

use crate::dialect::Dialect;

/// All of them. The dialects' pages are one page here: `has_more` is always false.
pub fn list(dialect: Dialect, names: &[&str]) -> Vec<u8> {
    let json = match dialect {
        Dialect::Anthropic => {
            let data: Vec<Anthropic<'_>> = names.iter().map(|name| Anthropic::new(name)).collect();
            serde_json::to_vec(&Page { data, has_more: false, first_id: names.first(), last_id: names.last() })
        }
        Dialect::Gemini => {
            serde_json::to_vec(&GeminiList { models: names.iter().map(|name| Gemini::new(name)).collect() })
        }
        _ => serde_json::to_vec(&OpenAiList {
            object: "list",
            data: names.iter().map(|name| OpenAi::new(name)).collect(),
        }),
    };
    json.unwrap_or_default()
}

/// One of them.
pub fn describe(dialect: Dialect, name: &str) -> Vec<u8> {
    let json = match dialect {
        Dialect::Anthropic => serde_json::to_vec(&Anthropic::new(name)),
        Dialect::Gemini => serde_json::to_vec(&Gemini::new(name)),
        _ => serde_json::to_vec(&OpenAi::new(name)),
    };
    json.unwrap_or_default()
}

#[derive(Serialize)]
struct OpenAiList<'a> {
    object: &'static str,
    data: Vec<OpenAi<'a>>,
}

/// `created` is demanded by the SDKs' types; the gateway does not know it.
#[derive(Serialize)]
struct OpenAi<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    owned_by: &'static str,
}

impl<'a> OpenAi<'a> {
    fn new(id: &'a str) -> OpenAi<'a> {
        OpenAi { id, object: "model", created: 0, owned_by: "sluicegate" }
    }
}

#[derive(Serialize)]
struct Page<'a> {
    data: Vec<Anthropic<'a>>,
    has_more: bool,
    first_id: Option<&'a &'a str>,
    last_id: Option<&'a &'a str>,
}

#[derive(Serialize)]
struct Anthropic<'a> {
    r#type: &'static str,
    id: &'a str,
    display_name: &'a str,
    created_at: &'static str,
}

impl<'a> Anthropic<'a> {
    fn new(id: &'a str) -> Anthropic<'a> {
        Anthropic { r#type: "model", id, display_name: id, created_at: "1970-01-01T00:00:00Z" }
    }
}

#[derive(Serialize)]
struct GeminiList<'a> {
    models: Vec<Gemini<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Gemini<'a> {
    name: String,
    display_name: &'a str,
    supported_generation_methods: [&'static str; 3],
}

impl<'a> Gemini<'a> {
    fn new(name: &'a str) -> Gemini<'a> {
        Gemini {
            name: format!("models/{name}"),
            display_name: name,
            supported_generation_methods: ["generateContent", "streamGenerateContent", "countTokens"],
        }
    }
}
