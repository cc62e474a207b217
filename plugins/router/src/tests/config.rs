//! Configs that are refused, where and with which words; the schema refuses those that it can.

use serde_json::{Value, json};

use super::*;

fn problem(config: Value) -> (String, String) {
    let mut problems = testing::configure::<Router>(config).err().expect("it must be refused");
    assert_eq!(problems.len(), 1, "{problems:?}");
    let problem = problems.remove(0);
    (problem.pointer, problem.message)
}

#[test]
fn what_is_wrong_is_said_at_its_place() {
    let to = |more: Value| {
        let mut rule = json!({ "path": "/v1" });
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "rules": [rule] })
    };
    let cases = [
        (json!({}), "", "nothing to choose"),
        (json!({ "strategy": "priority" }), "", "nothing to choose"),
        (json!({ "rules": [{}] }), "/rules/0", "A rule needs a condition"),
        (to(json!({ "path": "v1" })), "/rules/0/path", "must start with a slash"),
        (to(json!({ "headers": { "a b": "1" } })), "/rules/0/headers/a b", "is no field name"),
        (to(json!({ "headers": { "Authorization": "1" } })), "/rules/0/headers/Authorization", "carries a credential"),
        (to(json!({ "identity": { "name": "1" } })), "/rules/0/identity/name", "is no part of an identity"),
        (to(json!({ "path": "/v1?x=1" })), "/rules/0/path", "without a query"),
        (
            to(json!({ "labels": { "a".repeat(65): "*" } })),
            "/rules/0/labels/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "1 to 64 bytes",
        ),
        (to(json!({ "methods": ["G T"] })), "/rules/0/methods/0", "is no method"),
        (to(json!({ "methods": ["GET", "post"] })), "/rules/0/methods/1", "in capitals"),
        (to(json!({ "models": ["gpt-4o", ""] })), "/rules/0/models/1", "is no model"),
        (to(json!({ "models": ["gpt*mini"] })), "/rules/0/models/0", "the beginning of names"),
        (to(json!({ "needs": ["speech"] })), "/rules/0/needs/0", "unknown variant"),
        (to(json!({ "min_text_bytes": 0 })), "/rules/0/min_text_bytes", "at least 1"),
        (to(json!({ "min_text_bytes": 2, "max_text_bytes": 1 })), "/rules/0/max_text_bytes", "must not be below"),
        (to(json!({ "strategy": "sticky" })), "/rules/0", "\"sticky\" needs `by`"),
        (to(json!({ "strategy": "sticky", "by": "nobody" })), "/rules/0/by", "keeps nobody"),
        (json!({ "strategy": "sticky", "by": "header:cookie" }), "/by", "carries a credential"),
        (json!({ "by": "consumer", "strategy": "weighted" }), "/by", "for the strategy \"sticky\" alone"),
        (json!({ "targets": [{ "upstream": "" }] }), "/targets/0/upstream", "must be the name"),
        (json!({ "targets": [{ "upstream": "a" }, { "upstream": "a" }] }), "/targets/1/upstream", "named already"),
        (
            json!({ "targets": [{ "upstream": "a", "model": "m" }, { "upstream": "a", "model": "m" }] }),
            "/targets/1/upstream",
            "`m` of `a` is named already",
        ),
        (
            json!({ "targets": [{ "upstream": "a" }, { "upstream": "a", "model": "m" }] }),
            "/targets/1/upstream",
            "`m` of `a` is named already",
        ),
        (
            json!({ "targets": [{ "upstream": "a", "model": "" }] }),
            "/targets/0/model",
            "the name that the provider has",
        ),
        (json!({ "targets": [{ "upstream": "a", "weight": 0 }] }), "/targets/0/weight", "\"weighted\" alone"),
        (json!({ "targets": [{ "upstream": "a", "weight": 2 }] }), "/targets/0/weight", "\"weighted\" alone"),
        (
            json!({ "strategy": "weighted", "targets": [{ "upstream": "a", "weight": 1_000_001 }] }),
            "/targets/0/weight",
            "at most 1000000",
        ),
        (
            json!({ "strategy": "weighted", "targets": [{ "upstream": "a", "weight": 0 }] }),
            "/targets",
            "must be above 0",
        ),
        (json!({ "strategy": "random" }), "/strategy", "unknown variant"),
        (json!({ "target": [] }), "/target", "unknown field"),
    ];
    for (config, pointer, words) in cases {
        let (found, message) = problem(config.clone());
        assert!(found == pointer && message.contains(words), "{config}: {found}: {message}");
    }
}

#[test]
fn what_is_too_much_is_refused() {
    let targets: Vec<Value> = (0..17).map(|number| json!({ "upstream": format!("u{number}") })).collect();
    assert_eq!(problem(json!({ "targets": targets })).0, "/targets");
    let rule = |number: usize| json!({ "headers": { format!("x-{number}"): "1" } });
    let rules = |count: usize| json!({ "rules": (0..count).map(rule).collect::<Vec<_>>() });
    assert!(testing::configure::<Router>(rules(16)).is_ok());
    assert!(problem(rules(17)).1.contains("look at 17 different"));
    let same = |count: usize| json!({ "rules": (0..count).map(|_| rule(0)).collect::<Vec<_>>() });
    assert!(testing::configure::<Router>(same(64)).is_ok());
    assert_eq!(problem(same(65)).0, "/rules");
}

#[test]
fn the_schema_takes_what_the_policy_takes() {
    let schema = testing::config_schema::<Router>();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let target = |weight: u32| json!([{ "upstream": "a", "weight": weight }]);
    let cases = [
        (true, json!({ "strategy": "lowest-latency" })),
        (true, json!({ "strategy": "weighted", "targets": target(3) })),
        (true, json!({ "strategy": "sticky", "by": "header:x-a" })),
        (true, json!({ "rules": [{ "labels": { "a": "*" }, "strategy": "least-busy" }] })),
        (true, json!({ "rules": [{ "path": "/", "methods": ["GET"], "identity": { "claim.x": "1" } }] })),
        (true, json!({ "strategy": "sticky", "by": "conversation" })),
        (true, json!({ "targets": [{ "upstream": "a", "model": "m" }, { "upstream": "a", "model": "n" }] })),
        (
            true,
            json!({ "rules": [{ "models": ["gpt-*"], "needs": ["tools"], "streamed": true, "max_text_bytes": 0 }] }),
        ),
        (false, json!({ "rules": [{ "needs": ["speech"] }] })),
        (false, json!({ "rules": [{ "min_text_bytes": 0 }] })),
        (false, json!({ "strategy": "Weighted" })),
        (false, json!({ "strategy": "weighted", "targets": target(1_000_001) })),
        (false, json!({ "strategy": "sticky", "by": "route" })),
        (false, json!({ "rules": [{ "path": "x" }] })),
        (false, json!({ "rules": [{ "path": "/x?y" }] })),
        (false, json!({ "rules": [{ "path": "/", "header": {} }] })),
        (false, json!({ "targets": [{ "name": "a" }] })),
        (false, json!({ "targets": ["a"] })),
    ];
    for (taken, config) in cases {
        assert_eq!(testing::configure::<Router>(config.clone()).is_ok(), taken, "{config}");
        assert_eq!(validator.is_valid(&config), taken, "the schema and {config}");
    }
}
