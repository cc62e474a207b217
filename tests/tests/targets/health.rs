//! An upstream that fails is left alone for a while, comes back, and is known over a change of the configuration.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use sluicegate_tests::{Gateway, PATIENCE, Upstream, ask_admin, sluicegate};

use crate::support::{Closed, config, get, named, silent, start, with};

/// What the admin listener tells of the first upstream of the one route.
async fn told(gateway: &Gateway) -> Value {
    told_of(gateway, 0).await
}

async fn told_of(gateway: &Gateway, number: usize) -> Value {
    ask_admin(gateway, "/config").await.json()["routes"][0]["upstreams"][number].clone()
}

#[tokio::test]
async fn an_upstream_that_fails_rests_and_serves_again_when_it_is_back() {
    let is_down = Arc::new(AtomicBool::new(true));
    let down = is_down.clone();
    let a = Upstream::start(move |_| {
        let mut answer = Response::new(Full::from("a"));
        if down.load(Ordering::Relaxed) {
            *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        answer
    })
    .await;
    let b = named("b").await;
    let gateway = start(&config(&[("a", &a.url()), ("b", &b.url())], "", ""));
    // While it is down, few requests try it: the first, and one at the end of each rest.
    for _ in 0..20 {
        assert_eq!(get(&gateway).await.text(), "b");
    }
    let log = gateway.wait_for_log(20);
    assert_eq!((&log[0]["attempts"], &log[0]["tried"]), (&json!(2), &json!(["a"])));
    let attempts = a.received().len();
    assert!((1..8).contains(&attempts), "{attempts} attempts in 20 requests");
    assert_eq!(told(&gateway).await["failures_per_thousand"], 1000);
    is_down.store(false, Ordering::Relaxed);
    let started = Instant::now();
    while get(&gateway).await.text() != "a" {
        assert!(started.elapsed() < PATIENCE, "it stays away");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    // From its answer on it is first again.
    assert_eq!(get(&gateway).await.text(), "a");
    let told = told(&gateway).await;
    assert_eq!((&told["name"], &told["rests_ms"], &told["in_flight"]), (&json!("a"), &json!(0), &json!(0)));
    assert!(told["first_byte_ms"].is_u64(), "{told}");
}

#[tokio::test]
async fn if_all_rest_all_are_tried() {
    let (a, b) = (Closed::new(), Closed::new());
    let gateway = start(&config(&[("a", &a.url()), ("b", &b.url())], "", ""));
    for _ in 0..5 {
        assert_eq!(get(&gateway).await.status.as_u16(), 502);
    }
    for line in gateway.wait_for_log(5) {
        assert_eq!(line["attempts"], 2, "{line}");
    }
}

#[tokio::test]
async fn an_upstream_that_lets_the_routes_time_pass_is_left_for_the_next_request() {
    let (a, b) = (silent().await, named("b").await);
    let gateway = start(&config(&[("a", &a.url()), ("b", &b.url())], "", "timeout_ms = 300"));
    assert_eq!(get(&gateway).await.status.as_u16(), 504);
    assert_eq!(told(&gateway).await["failures_per_thousand"], 1000);
    assert_eq!(get(&gateway).await.text(), "b");
}

#[tokio::test]
async fn an_upstream_that_got_only_the_rest_of_the_routes_time_has_not_failed() {
    let (a, b) = (silent().await, silent().await);
    let first = with(&a.url(), "reply_timeout_ms = 1200");
    let gateway = start(&config(&[("a", &first), ("b", &b.url())], "", "timeout_ms = 1500"));
    assert_eq!(get(&gateway).await.status.as_u16(), 504);
    b.notes.wait_for("arrived").await;
    assert_eq!(told_of(&gateway, 0).await["failures_per_thousand"], 1000);
    let told = told_of(&gateway, 1).await;
    assert_eq!((&told["failures_per_thousand"], &told["rests_ms"]), (&Value::Null, &json!(0)));
}

#[tokio::test]
async fn figures_outlive_a_change_of_the_configuration_unless_the_upstream_changes() {
    let (a, b) = (Closed::new(), named("b").await);
    let gateway = start(&config(&[("a", &a.url()), ("b", &b.url())], "", ""));
    assert_eq!(get(&gateway).await.text(), "b");
    let before = told(&gateway).await;
    assert_eq!((&before["failures_per_thousand"], &before["first_byte_ms"]), (&json!(1000), &Value::Null));
    let text = fs::read_to_string(gateway.folder().join("sluicegate.toml")).unwrap();
    let other = "[[routes]]\nname = \"other\"\npath = \"/other\"\nupstream = \"b\"\n";
    push(&gateway, &format!("{text}{other}"));
    assert_eq!(told(&gateway).await["failures_per_thousand"], 1000);
    push(&gateway, &text.replace("[upstreams.a]", "[upstreams.a]\nconnect_timeout_ms = 4000"));
    assert_eq!(told(&gateway).await["failures_per_thousand"], Value::Null);
}

fn push(gateway: &Gateway, text: &str) {
    fs::write(gateway.folder().join("new.toml"), text).unwrap();
    let said = sluicegate(
        gateway.folder(),
        &[
            "config",
            "push",
            "new.toml",
            "-c",
            "sluicegate.toml",
            "--admin",
            gateway.admin().trim_start_matches("http://"),
        ],
    );
    assert_eq!(said.status, 0, "{said:?}");
}
