//! Which endpoint of which vendor a client's request is for.
//!
//! Paths as the vendors' SDKs make them; a version in front (`/v1`, `/v1beta`) may be missing where a base URL leaves it out.

use crate::call::Operation;
use crate::dialect::{Asked, Dialect};

/// What a request to a route of models asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    Call(Asked),
    /// All models, in this dialect's form.
    List(Dialect),
    /// One of them, by the name in the path.
    Describe(Dialect, String),
    /// The path is right, and only this method is.
    OtherMethod(Dialect, &'static str),
    /// An endpoint that the gateway does not serve, such as files or images; the dialect is whose form an answer has.
    NotSupported(Dialect),
}

/// What of a request's head decides: both OpenAI and Anthropic have `GET /v1/models`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hints {
    /// A field `anthropic-version` or `x-api-key` is there.
    pub anthropic: bool,
    /// A field `x-goog-api-key` or `x-goog-api-client`, or a query member `key`.
    pub gemini: bool,
    /// The query asks for server-sent events, as Gemini's clients do with `alt=sse`.
    pub sse: bool,
}

impl Endpoint {
    /// `path`: percent-decoded where that is unambiguous, without query, and without what the route strips.
    pub fn of(method: &str, path: &str, hints: Hints) -> Endpoint {
        let rest = unversioned(path);
        let call = |dialect, operation| match method {
            "POST" => Endpoint::Call(Asked { dialect, operation, model: None, streamed: None, as_array: false }),
            _ => Endpoint::OtherMethod(dialect, "POST"),
        };
        match rest {
            "/chat/completions" => call(Dialect::OpenAi, Operation::Chat),
            "/embeddings" => call(Dialect::OpenAi, Operation::Embeddings),
            "/responses" => call(Dialect::OpenAiResponses, Operation::Chat),
            "/messages" => call(Dialect::Anthropic, Operation::Chat),
            "/messages/count_tokens" => call(Dialect::Anthropic, Operation::CountTokens),
            "/models" => Endpoint::listed(method, hints.dialect_of_models(path), None),
            _ => match rest.strip_prefix("/models/") {
                Some(name) => match name.rsplit_once(':').and_then(|(model, verb)| gemini(model, verb, hints.sse)) {
                    Some(asked) if method == "POST" => Endpoint::Call(asked),
                    Some(_) => Endpoint::OtherMethod(Dialect::Gemini, "POST"),
                    None => Endpoint::listed(method, hints.dialect_of_models(path), Some(name)),
                },
                None => Endpoint::NotSupported(hints.dialect_of(path)),
            },
        }
    }

    fn listed(method: &str, dialect: Dialect, name: Option<&str>) -> Endpoint {
        match (method, name) {
            ("GET" | "HEAD", None) => Endpoint::List(dialect),
            ("GET" | "HEAD", Some(name)) => Endpoint::Describe(dialect, name.to_owned()),
            // Tuned models and the like can be changed there.
            (_, Some(_)) => Endpoint::NotSupported(dialect),
            (_, None) => Endpoint::OtherMethod(dialect, "GET"),
        }
    }

    /// Whose form an answer to it has.
    pub fn dialect(&self) -> Dialect {
        match self {
            Endpoint::Call(asked) => asked.dialect,
            Endpoint::List(dialect)
            | Endpoint::Describe(dialect, _)
            | Endpoint::OtherMethod(dialect, _)
            | Endpoint::NotSupported(dialect) => *dialect,
        }
    }
}

fn gemini(model: &str, verb: &str, sse: bool) -> Option<Asked> {
    let (operation, streamed) = match verb {
        "generateContent" => (Operation::Chat, false),
        "streamGenerateContent" => (Operation::Chat, true),
        "countTokens" => (Operation::CountTokens, false),
        "embedContent" | "batchEmbedContents" => (Operation::Embeddings, false),
        _ => return None,
    };
    let (model, as_array) = (Some(model.to_owned()), streamed && !sse);
    Some(Asked { dialect: Dialect::Gemini, operation, model, streamed: Some(streamed), as_array })
}

fn unversioned(path: &str) -> &str {
    let path = path.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(path);
    ["/v1beta", "/v1alpha", "/v1"]
        .iter()
        .find_map(|version| path.strip_prefix(version).filter(|rest| rest.starts_with('/')))
        .unwrap_or(path)
}

impl Hints {
    fn dialect_of_models(self, path: &str) -> Dialect {
        match self {
            _ if path.starts_with("/v1beta") || path.starts_with("/v1alpha") => Dialect::Gemini,
            Hints { gemini: true, .. } => Dialect::Gemini,
            Hints { anthropic: true, .. } => Dialect::Anthropic,
            _ => Dialect::OpenAi,
        }
    }

    /// Of a path that says nothing itself.
    fn dialect_of(self, path: &str) -> Dialect {
        match unversioned(path).starts_with("/messages") {
            true => Dialect::Anthropic,
            false => self.dialect_of_models(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Hints = Hints { anthropic: false, gemini: false, sse: false };

    fn asked(dialect: Dialect, operation: Operation) -> Endpoint {
        Endpoint::Call(Asked { dialect, operation, model: None, streamed: None, as_array: false })
    }

    #[test]
    fn paths_of_the_vendors_sdks_are_known_with_and_without_a_version() {
        for prefix in ["", "/v1"] {
            let of = |path: &str| Endpoint::of("POST", &format!("{prefix}{path}"), PLAIN);
            assert_eq!(of("/chat/completions"), asked(Dialect::OpenAi, Operation::Chat));
            assert_eq!(of("/embeddings"), asked(Dialect::OpenAi, Operation::Embeddings));
            assert_eq!(of("/responses"), asked(Dialect::OpenAiResponses, Operation::Chat));
            assert_eq!(of("/messages"), asked(Dialect::Anthropic, Operation::Chat));
            assert_eq!(of("/messages/count_tokens"), asked(Dialect::Anthropic, Operation::CountTokens));
        }
    }

    #[test]
    fn gemini_names_model_and_manner_in_the_path() {
        let Endpoint::Call(asked) = Endpoint::of("POST", "/v1beta/models/a/b:streamGenerateContent", PLAIN) else {
            panic!()
        };
        assert_eq!((asked.model.as_deref(), asked.streamed, asked.as_array), (Some("a/b"), Some(true), true));
        let with_events = Hints { sse: true, ..PLAIN };
        let Endpoint::Call(asked) = Endpoint::of("POST", "/v1beta/models/a:streamGenerateContent", with_events) else {
            panic!()
        };
        assert!(!asked.as_array);
        assert_eq!(Endpoint::of("POST", "/v1beta/models/a:tune", PLAIN), Endpoint::NotSupported(Dialect::Gemini));
    }

    #[test]
    fn both_apis_have_their_models_on_one_path() {
        let anthropic = Hints { anthropic: true, ..PLAIN };
        assert_eq!(Endpoint::of("GET", "/v1/models", PLAIN), Endpoint::List(Dialect::OpenAi));
        assert_eq!(Endpoint::of("GET", "/v1/models", anthropic), Endpoint::List(Dialect::Anthropic));
        assert_eq!(
            Endpoint::of("GET", "/v1/models/org/m", anthropic),
            Endpoint::Describe(Dialect::Anthropic, "org/m".into())
        );
        assert_eq!(Endpoint::of("GET", "/v1beta/models", PLAIN), Endpoint::List(Dialect::Gemini));
    }

    #[test]
    fn what_is_not_in_the_table_is_not_supported() {
        for path in [
            "/v1/completions",
            "/v1/files",
            "/v1/images/generations",
            "/v1/responses/resp_1",
            "/",
            "/v1",
            "/v1/realtime",
        ] {
            assert_eq!(Endpoint::of("POST", path, PLAIN), Endpoint::NotSupported(Dialect::OpenAi), "{path}");
        }
        assert_eq!(Endpoint::of("POST", "/v1/messages/batches", PLAIN), Endpoint::NotSupported(Dialect::Anthropic));
        assert_eq!(Endpoint::of("GET", "/v1/messages", PLAIN), Endpoint::OtherMethod(Dialect::Anthropic, "POST"));
    }
}
