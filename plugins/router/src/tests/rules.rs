//! Which rule decides.

use serde_json::{Value, json};

use super::*;

/// A rule that sends to `b` alone; all others go to `a`.
fn rule(conditions: Value) -> Configured<Router> {
    let mut rule = conditions;
    rule["targets"] = json!([{ "upstream": "b" }]);
    policy(json!({ "rules": [rule], "targets": [{ "upstream": "a" }] }))
}

fn matches(policy: &Configured<Router>, exchange: Exchange) -> bool {
    match routed(policy, exchange.targets(["a", "b"])).as_slice() {
        [one] => one == "b",
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_field_must_have_the_value_or_any() {
    let policy = rule(json!({ "headers": { "X-Tier": "gold" } }));
    assert!(matches(&policy, Exchange::new("GET", "/").header("x-tier", "gold")));
    assert!(!matches(&policy, Exchange::new("GET", "/").header("x-tier", "golden")));
    assert!(!matches(&policy, Exchange::new("GET", "/")));
    let any = rule(json!({ "headers": { "x-tier": "*" } }));
    assert!(matches(&any, Exchange::new("GET", "/").header("x-tier", b"\xff")));
    assert!(!matches(&any, Exchange::new("GET", "/")));
}

#[test]
fn a_path_is_itself_and_what_is_below() {
    let policy = rule(json!({ "path": "/v1/batch" }));
    for (path, expected) in
        [("/v1/batch", true), ("/v1/batch/7?x=1", true), ("/v1/batches", false), ("/v1", false), ("/x/v1/batch", false)]
    {
        assert_eq!(matches(&policy, Exchange::new("GET", path)), expected, "{path}");
    }
    assert!(matches(&rule(json!({ "path": "/" })), Exchange::new("GET", "/anything")));
    assert!(matches(&rule(json!({ "path": "/v1/" })), Exchange::new("GET", "/v1/x")));
}

#[test]
fn a_path_is_compared_by_what_it_stands_for() {
    let policy = rule(json!({ "path": "/v1/batch" }));
    for (path, expected) in [
        ("/v1/%62atch", true),
        ("/v1/%62%61tch/7", true),
        ("/v1/batch%2F7", false),
        ("/v1/batch%", false),
        ("/v1%2fbatch", false),
    ] {
        assert_eq!(matches(&policy, Exchange::new("GET", path)), expected, "{path}");
    }
    let written = rule(json!({ "path": "/caf%C3%A9" }));
    assert!(matches(&written, Exchange::new("GET", "/caf%c3%a9/x")));
    assert!(matches(&rule(json!({ "path": "/café" })), Exchange::new("GET", "/caf%c3%a9")));
}

#[test]
fn methods_identity_and_labels_decide() {
    let methods = rule(json!({ "methods": ["GET", "HEAD"] }));
    assert!(matches(&methods, Exchange::new("HEAD", "/")) && !matches(&methods, Exchange::new("POST", "/")));
    let team = rule(json!({ "identity": { "team": "core" } }));
    assert_eq!(team.setup().requires, ["identity"]);
    assert!(matches(&team, Exchange::new("GET", "/").identity("team", "core")));
    assert!(!matches(&team, Exchange::new("GET", "/").identity("consumer", "core")));
    let claim = rule(json!({ "identity": { "claim.plan": "*" } }));
    assert!(matches(&claim, Exchange::new("GET", "/").identity("claim.plan", "free")));

    let labels = rule(json!({ "labels": { "size": "large" } }));
    assert!(!matches(&labels, Exchange::new("GET", "/")));
    assert!(!matches(&labels, Exchange::new("GET", "/").labelled("size", "small")));
    assert!(matches(&labels, Exchange::new("GET", "/").labelled("size", "large")));
}

#[test]
fn all_conditions_of_a_rule_hold() {
    let policy = rule(json!({ "methods": ["POST"], "path": "/v1", "headers": { "x-a": "1", "x-b": "2" } }));
    let whole = || Exchange::new("POST", "/v1/x").header("x-a", "1");
    assert!(matches(&policy, whole().header("x-b", "2")));
    assert!(!matches(&policy, whole()) && !matches(&policy, whole().header("x-b", "3")));
    assert!(!matches(&policy, Exchange::new("GET", "/v1/x").header("x-a", "1").header("x-b", "2")));
}

#[test]
fn the_first_rule_that_matches_decides() {
    let to = |name: &str, header: &str| json!({ "headers": { header: "*" }, "targets": [{ "upstream": name }] });
    let policy = policy(json!({ "rules": [to("b", "x-first"), to("a", "x-second")] }));
    let exchange = || Exchange::new("GET", "/").targets(["a", "b"]);
    assert_eq!(routed(&policy, exchange().header("x-first", "1").header("x-second", "1")), ["b"]);
    assert_eq!(routed(&policy, exchange().header("x-second", "1")), ["a"]);
    assert_eq!(routed(&policy, exchange()), ["a", "b"], "where none matches, the plan stays");
    assert_eq!(policy.setup().upstreams, ["b", "a"]);
    assert_eq!((policy.setup().requires.len(), &policy.setup().provides[..]), (0, &["plan".to_owned()][..]));
}
