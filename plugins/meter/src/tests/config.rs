//! Configs that are refused, where and with which words.

use serde_json::json;

use super::*;

#[test]
fn what_is_wrong_is_said_at_its_place() {
    let callers = |names: Value| json!({ "callers": { "by": "team", "names": names } });
    let cases = [
        (json!({ "prices": [{ "status": "2" }] }), "/prices/0/status", "a class of them"),
        (json!({ "prices": [{ "status": "2x0" }] }), "/prices/0/status", "a class of them"),
        (json!({ "prices": [{ "route": "" }] }), "/prices/0/route", "leave it out for any"),
        (json!({ "prices": [{ "request": 1 }, { "route": "a" }] }), "/prices/1", "never charged"),
        (json!({ "prices": [{ "status": "2" }, { "route": "a" }] }), "/prices/0/status", "a class of them"),
        (json!({ "prices": [{ "request": -1 }] }), "/prices/0/request", "whole number"),
        (json!({ "prices": [{ "request": 0.5 }] }), "/prices/0/request", "whole number"),
        (callers(json!([])), "/callers/names", "1 to 7 names"),
        (callers(json!(["a", "b", "c", "d", "e", "f", "g", "h"])), "/callers/names", "1 to 7 names"),
        (callers(json!(["a-b", "A b"])), "/callers/names/1", "those of `a_b`"),
        (callers(json!(["others"])), "/callers/names/0", "those of `others`"),
        (callers(json!(["a".repeat(40)])), "/callers/names/0", "1 to 39"),
        (json!({ "callers": { "by": "route", "names": ["a"] } }), "/callers/by", "unknown variant"),
        (json!({ "price": [] }), "/price", "unknown field"),
    ];
    for (config, pointer, words) in cases {
        let problems = testing::configure::<Meter>(config.clone()).err().expect("it must be refused");
        let found = problems.iter().any(|problem| problem.pointer == pointer && problem.message.contains(words));
        assert!(found && problems.len() == 1, "{config}: {problems:?}");
    }
    let many = json!({ "prices": vec![json!({ "route": "a" }); 257] });
    assert_eq!(testing::configure::<Meter>(many).err().expect("too many")[0].pointer, "/prices");
}

#[test]
fn upstreams_are_told_to_the_gateway_and_no_entry_is_required_in_front() {
    let plain = policy(json!({ "prices": [{ "upstream": "far", "request": 1 }, { "route": "a" }] }));
    assert_eq!(plain.setup().upstreams, ["far"]);
    assert_eq!((plain.setup().requires.len(), plain.setup().phases.as_slice()), (0, &["finish".to_owned()][..]));
    // At the end the identity is known wherever the entry stands, also in front of what establishes it.
    assert!(policy(json!({ "prices": [{ "consumer": "acme" }] })).setup().requires.is_empty());
}

#[test]
fn the_schema_takes_what_the_policy_takes() {
    let schema = testing::config_schema::<Meter>();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let cases = [
        (true, json!({})),
        (true, json!({ "prices": [{ "status": "2xx", "request": 1, "request_mib": 2, "reply_mib": 3 }] })),
        (true, json!({ "prices": [{ "status": "404", "upstream": "a", "consumer": "b", "route": "c" }] })),
        (true, json!({ "callers": { "by": "key", "names": ["a"] } })),
        (false, json!({ "prices": [{ "status": "600" }] })),
        (false, json!({ "prices": [{ "status": "xx2" }] })),
        (false, json!({ "prices": [{ "consumer": "" }] })),
        (false, json!({ "prices": [{ "request": 1.5 }] })),
        (false, json!({ "prices": { "request": 1 } })),
        (false, json!({ "callers": { "by": "key", "names": [] } })),
        (false, json!({ "callers": { "names": ["a"] } })),
    ];
    for (taken, config) in cases {
        assert_eq!(testing::configure::<Meter>(config.clone()).is_ok(), taken, "{config}");
        assert_eq!(validator.is_valid(&config), taken, "the schema and {config}");
    }
}
