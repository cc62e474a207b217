//! Mistakes in a config, and its schema.

use serde_json::{Value, json};
use sluicegate_plugin::testing;

use super::Redact;

fn pointers(config: Value) -> Vec<String> {
    let problems = testing::configure::<Redact>(config).err().unwrap_or_default();
    problems.into_iter().map(|problem| problem.pointer).collect()
}

#[test]
fn every_mistake_in_the_config_is_found_where_it_stands() {
    assert_eq!(pointers(json!({})), [""]);
    assert_eq!(pointers(json!({ "kinds": ["name"] })), ["/kinds/0"]);
    assert_eq!(pointers(json!({ "kinds": ["word"] })), ["/kinds/0"]);
    let wrong = json!({
        "bodies": [],
        "words": ["a", "say \"x\"", "a\\b", "tru", "1, null", "12-3", "null and void"],
        "masks": { "email": "\"", "ip": "x".repeat(65) },
        "content_types": ["text", "text/*", "a b/c", "+"],
    });
    let found = [
        "/bodies",
        "/words/0",
        "/words/1",
        "/words/2",
        "/words/3",
        "/words/4",
        "/words/5",
        "/masks/email",
        "/masks/ip",
        "/content_types/0",
        "/content_types/2",
        "/content_types/3",
    ];
    assert_eq!(pointers(wrong), found);
    assert_eq!(pointers(json!({ "kinds": ["email"], "content_types": [] })), ["/content_types"]);
}

#[test]
fn the_schema_holds_what_is_accepted_and_no_more() {
    let schema = testing::config_schema::<Redact>();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let fits = |config: Value| validator.is_valid(&config);
    assert!(fits(json!({ "kinds": ["email", "secret", "iban", "phone", "card", "ip"], "words": ["falcon", "grün"] })));
    assert!(fits(json!({ "kinds": ["ip"], "bodies": ["reply"], "masks": { "ip": "-" }, "content_types": ["*"] })));
    for wrong in [
        json!({ "kinds": ["word"] }),
        json!({ "words": ["a\"b"] }),
        json!({ "words": ["a\\b"] }),
        json!({ "kinds": ["ip"], "bodies": [] }),
        json!({ "kinds": ["ip"], "masks": { "name": "x" } }),
        json!({ "kinds": ["ip"], "mask": "x" }),
    ] {
        assert!(!fits(wrong.clone()), "{wrong}");
        assert!(testing::configure::<Redact>(wrong.clone()).is_err(), "{wrong}");
    }
    assert_eq!(schema["properties"]["content_types"]["default"], json!(crate::media::USUAL));
}
