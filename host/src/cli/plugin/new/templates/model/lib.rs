//! For calls of language models in OpenAI's form: which models may be called, and how long an answer may be.
//!
//! The contract's typed phases for models do not run yet, so this reads the JSON body itself.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use sluicegate_plugin::{
    BodyNeed, Piece, Plugin, Pointer, Problems, Rejection, Schema, Setup, labels, request,
};

#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct Config {
    /// The models that may be called.
    models: Vec<String>,
    /// The most tokens that an answer may have.
    output_tokens_max: u64,
}

/// What this policy looks at. All else is not even read, and goes on byte for byte as the client sent it.
#[derive(Deserialize)]
struct Call<'a> {
    model: String,
    #[serde(borrow, default, deserialize_with = "present")]
    max_tokens: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    max_completion_tokens: Option<&'a RawValue>,
}

/// A `null` is there, too: beside it, no second member of the name may be set.
fn present<'de, D: Deserializer<'de>>(value: D) -> Result<Option<&'de RawValue>, D::Error> {
    Deserialize::deserialize(value).map(Some)
}

struct Policy(Config);

impl Plugin for Policy {
    type Config = Config;

    fn configure(config: Config, setup: &mut Setup) -> Result<Policy, Problems> {
        if config.models.is_empty() {
            let place = Pointer::root().key("models");
            return Err(Problems::new(
                &place,
                "`models` must name a model at least, such as `gpt-4o-mini`.",
            ));
        }
        setup.body(BodyNeed::buffered(0));
        Ok(Policy(config))
    }

    fn body(&self, bytes: Vec<u8>, _end: bool) -> Piece {
        let call: Call = match serde_json::from_slice(&bytes) {
            Ok(call) => call,
            Err(error) => {
                let message = format!("The body is no call of a model: {error}.");
                return Rejection::new(400, "invalid_body", message).into();
            }
        };
        if !self.0.models.contains(&call.model) {
            let message = "This model does not exist, or you may not call it.";
            return Rejection::new(404, "model_not_found", message).into();
        }
        labels::set("model", &call.model);
        if !request::path().ends_with("/chat/completions") {
            return Piece::Pass;
        }
        match self.capped(&bytes, &call) {
            Some(capped) => Piece::Replace(capped),
            None => Piece::Pass,
        }
    }
}

impl Policy {
    /// The body with each limit that is above ours replaced by ours, and with ours where there is none. None: it stays.
    fn capped(&self, bytes: &[u8], call: &Call) -> Option<Vec<u8>> {
        let most = self.0.output_tokens_max;
        let mut limits: Vec<&str> = [call.max_tokens, call.max_completion_tokens]
            .into_iter()
            .flatten()
            .map(RawValue::get)
            .collect();
        if limits.is_empty() {
            let start = bytes.iter().position(|byte| *byte == b'{')? + 1;
            let limit = format!("\"max_completion_tokens\":{most},");
            return Some([&bytes[..start], limit.as_bytes(), &bytes[start..]].concat());
        }
        limits.retain(|limit| !limit.parse::<u64>().is_ok_and(|tokens| tokens <= most));
        // The last one first, so that the places of the others stay.
        limits.sort_by_key(|limit| std::cmp::Reverse(limit.as_ptr()));
        let mut capped = bytes.to_vec();
        for limit in &limits {
            // Each is a part of the body itself.
            let start = limit.as_ptr().addr() - bytes.as_ptr().addr();
            capped.splice(start..start + limit.len(), most.to_string().into_bytes());
        }
        (!limits.is_empty()).then_some(capped)
    }
}

sluicegate_plugin::export!(Policy: body);

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sluicegate_plugin::testing::{self, Exchange};

    use super::*;

    fn call(path: &str, body: &str) -> Piece {
        let config = json!({ "models": ["small"], "output_tokens_max": 100 });
        let policy = testing::configure::<Policy>(config).ok().unwrap();
        policy.body(&mut Exchange::new("POST", path), body.as_bytes(), true)
    }

    fn chat(body: &str) -> Piece {
        call("/v1/chat/completions", body)
    }

    fn refusal(piece: Piece) -> (u16, String) {
        let Piece::Reject(rejection) = piece else {
            panic!("{piece:?}")
        };
        (rejection.status, rejection.code)
    }

    #[test]
    fn a_higher_limit_is_lowered_and_every_other_byte_stays() {
        let body = r#"{ "model":"small",  "max_tokens" : 5000, "seed":1.50, "max_completion_tokens":null }"#;
        let capped =
            r#"{ "model":"small",  "max_tokens" : 100, "seed":1.50, "max_completion_tokens":100 }"#;
        assert_eq!(chat(body), Piece::Replace(capped.into()));
    }

    #[test]
    fn a_call_without_a_limit_gets_one() {
        let capped = r#" {"max_completion_tokens":100,"model":"small"}"#;
        assert_eq!(chat(r#" {"model":"small"}"#), Piece::Replace(capped.into()));
    }

    #[test]
    fn a_lower_limit_stays() {
        assert_eq!(chat(r#"{"model":"small","max_tokens":100}"#), Piece::Pass);
    }

    #[test]
    fn what_has_no_limit_of_tokens_passes_with_a_model_that_may_be_called() {
        assert_eq!(
            call("/v1/embeddings", r#"{"model":"small","input":"x"}"#),
            Piece::Pass
        );
    }

    #[test]
    fn other_models_are_refused_and_so_is_what_can_be_read_in_two_ways() {
        assert_eq!(
            refusal(chat(r#"{"model":"large"}"#)),
            (404, "model_not_found".into())
        );
        assert_eq!(
            refusal(chat(r#"{"model":"small","model":"large"}"#)),
            (400, "invalid_body".into())
        );
        assert_eq!(refusal(chat("{")), (400, "invalid_body".into()));
    }

    #[test]
    fn an_empty_list_of_models_is_refused_with_its_place() {
        let config = json!({ "models": [], "output_tokens_max": 100 });
        assert_eq!(
            testing::configure::<Policy>(config).err().unwrap()[0].pointer,
            "/models"
        );
    }
}
