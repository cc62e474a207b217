//! Which exchanges a trace takes.

use serde_json::json;
use sluicegate_tests::{Upstream, new_key};

use crate::support::*;

#[tokio::test]
async fn only_what_matches_every_word_is_told() {
    let upstream = Upstream::ok().await;
    let (acme, other) = (new_key("acme", &[]), new_key("other", &[]));
    let entries = ["plugin = \"api-key\"\nname = \"key\""];
    let gateway = gateway(&upstream.url(), &entries, &[&acme, &other], "");
    for (filter, body, fields) in [
        (json!({"route": "all"}), "", vec![]),
        (json!({"method": "POST"}), "some", vec![]),
        (json!({"path": "/right/"}), "", vec![]),
        (json!({"headers": {"x-team": "blue"}}), "", vec![("x-team", "blue")]),
        (json!({"request_id": "the-id"}), "", vec![("x-request-id", "the-id")]),
        (json!({"consumer": "acme"}), "", vec![("x-api-key", acme.key.as_str())]),
    ] {
        let mut trace = Trace::arm(&gateway, filter.clone()).await;
        if !filter["route"].is_string() {
            ask(&gateway, "/wrong", &[("x-team", "red"), ("x-request-id", "other"), ("x-api-key", &other.key)], "")
                .await;
        }
        ask(&gateway, "/right/one", &fields, body).await;
        let exchange = trace.exchange().await;
        assert_eq!(exchange["path"], "/right/one", "{filter}");
        assert_eq!(trace.end().await["exchanges"], 1);
    }
}

#[tokio::test]
async fn two_traces_at_once_have_each_their_own_and_share_what_both_match() {
    let upstream = Upstream::ok().await;
    let gateway = gateway(&upstream.url(), &[EDITOR], &[], "");
    let mut all = Trace::arm(&gateway, json!({"count": 2})).await;
    let mut some = Trace::arm(&gateway, json!({"path": "/b"})).await;
    ask(&gateway, "/a", &[], "").await;
    ask(&gateway, "/b", &[], "").await;
    let told = [all.exchange().await, all.exchange().await];
    assert_eq!([&told[0]["path"], &told[1]["path"]], [&json!("/a"), &json!("/b")]);
    let other = some.exchange().await;
    assert_eq!(other, told[1]);
}

#[tokio::test]
async fn a_trace_goes_on_over_a_swap_and_says_which_configuration_served() {
    let upstream = Upstream::ok().await;
    let gateway = gateway(&upstream.url(), &[EDITOR], &[], "");
    let mut trace = Trace::arm(&gateway, json!({"count": 2})).await;
    ask(&gateway, "/", &[], "").await;
    let file = gateway.folder().join("sluicegate.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("x-a", "x-changed")).unwrap();
    gateway.wait_for_stderr("generation 2 serves new requests");
    ask(&gateway, "/", &[], "").await;
    for (generation, name) in [(1, "x-a"), (2, "x-changed")] {
        let exchange = trace.exchange().await;
        assert_eq!(exchange["generation"], generation);
        assert_eq!(call(&exchange, "head", "editor")["did"][0]["name"], name);
    }
    assert_eq!(trace.end().await["why"], "count");
}
