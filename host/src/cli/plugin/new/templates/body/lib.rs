//! Rewrites the JSON body of requests: takes members out of it, and sets others.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};
use sluicegate_plugin::{BodyNeed, Piece, Plugin, Problems, Rejection, Schema, Setup, request};

#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct Config {
    /// Members of the body that do not reach the upstream.
    #[serde(default)]
    remove: Vec<String>,
    /// Members that every body has, whatever the client sent.
    #[serde(default)]
    set: BTreeMap<String, Value>,
}

struct Policy(Config);

impl Plugin for Policy {
    type Config = Config;

    fn configure(config: Config, setup: &mut Setup) -> Result<Policy, Problems> {
        // The whole body at once, up to the gateway's own limit.
        setup.body(BodyNeed::buffered(0));
        Ok(Policy(config))
    }

    fn body(&self, bytes: Vec<u8>, _end: bool) -> Piece {
        if !request::header_text("content-type").is_some_and(|text| is_json(&text)) {
            return Piece::Pass;
        }
        let mut members: Map<String, Value> = match serde_json::from_slice(&bytes) {
            Ok(members) => members,
            Err(error) => {
                let message = format!("The body is no JSON object: {error}.");
                return Rejection::new(400, "malformed_json", message).into();
            }
        };
        for name in &self.0.remove {
            members.remove(name);
        }
        members.extend(self.0.set.clone());
        Piece::Replace(Value::Object(members).to_string().into_bytes())
    }
}

/// `application/json`, with or without parameters.
fn is_json(content_type: &str) -> bool {
    content_type
        .split(';')
        .next()
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

sluicegate_plugin::export!(Policy: body);

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sluicegate_plugin::testing::{self, Exchange};

    use super::*;

    fn body(content_type: &str, bytes: &str) -> Piece {
        let config = json!({ "remove": ["debug"], "set": { "source": "gateway" } });
        let policy = testing::configure::<Policy>(config).ok().unwrap();
        let mut exchange = Exchange::new("POST", "/orders").header("content-type", content_type);
        policy.body(&mut exchange, bytes.as_bytes(), true)
    }

    #[test]
    fn members_are_taken_out_and_set() {
        let piece = body(
            "application/json; charset=utf-8",
            r#"{ "item": 1, "debug": true, "source": "client" }"#,
        );
        assert_eq!(
            piece,
            Piece::Replace(br#"{"item":1,"source":"gateway"}"#.to_vec())
        );
    }

    #[test]
    fn other_content_types_pass_as_they_are() {
        assert_eq!(body("text/plain", "debug"), Piece::Pass);
    }

    #[test]
    fn what_is_no_json_object_is_refused() {
        for bytes in ["{", "[1]", "", "{} x"] {
            let piece = body("application/json", bytes);
            let Piece::Reject(rejection) = piece else {
                panic!("{bytes}: {piece:?}")
            };
            assert_eq!(
                (rejection.status, rejection.code.as_str()),
                (400, "malformed_json")
            );
        }
    }
}
