//! A plugin at its worst, and those beside it: the breaker, the room for instances, clients that leave, busy loops.

use std::time::{Duration, Instant};

use serde_json::json;

use sluicegate_tests::{Gateway, guests};

use crate::support::{Ask, Cell, Origin, WHOLE, gateway, metric, wait_for_metric};

const NO_BODIES: &str = "config = { body = \"none\", reply_body = \"none\" }";
const LIVE: &str = "sluicegate_instances_live";

#[tokio::test]
async fn the_breaker_opens_after_its_failures_and_closes_when_the_plugin_works_again() {
    let origin = Origin::start().await;
    let breaker = "breaker = { traps = 3, window_ms = 60_000, backoff_ms = 300 }";
    let deny = format!("{breaker}, {NO_BODIES}");
    let allow = format!("on_error = \"allow\", {breaker}, {NO_BODIES}");
    let gateway = gateway(&origin, "", &[Cell { name: "deny", entry: &deny }, Cell { name: "allow", entry: &allow }]);
    for (name, status, suspended) in [("deny", 500, 503), ("allow", 200, 200)] {
        let path = format!("/{name}");
        let gauge = format!("sluicegate_policy_breaker_open{{entry=\"{name}\",version=\"stable\"}}");
        let opened = Instant::now();
        for _ in 0..3 {
            let heard = Ask::to(&path).field("x-do", "head=trap").send(gateway.address()).await;
            assert_eq!(heard.status, status, "{name}");
        }
        assert_eq!(metric(&gateway, &gauge).await, 1.0, "{name}");
        // A plugin that would work now is not even called.
        let heard = Ask::to(&path).send(gateway.address()).await;
        if opened.elapsed() < Duration::from_millis(300) {
            assert_eq!(heard.status, suspended, "{name}");
            if name == "deny" {
                assert_eq!(heard.json()["error"]["code"], "policy_suspended");
            }
        }
        // After the back-off one call tries, and its success closes the breaker.
        let closed = |heard: &crate::support::Heard| heard.status == 200 && heard.text() == WHOLE;
        loop {
            let heard = Ask::to(&path).send(gateway.address()).await;
            if closed(&heard) && metric(&gateway, &gauge).await == 0.0 {
                break;
            }
            assert!(opened.elapsed() < Duration::from_secs(60), "{name}: the breaker stays open");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let heard = Ask::to(&path).field("x-do", "head=trap").send(gateway.address()).await;
        assert_eq!(heard.status, status, "{name}: one failure does not open it again");
        assert!(closed(&Ask::to(&path).send(gateway.address()).await), "{name}");
    }
}

#[tokio::test]
async fn without_room_for_an_instance_a_request_is_told_so_and_others_are_served() {
    let origin = Origin::start().await;
    // The instance is held for the whole exchange, and there is room for two.
    let config = format!(
        r#"
data_dir = "data"
limits = {{ instances_max = 2 }}
[admin]
address = "127.0.0.1:0"

[plugins]
hostile = {{ file = "hostile.wasm" }}

[upstreams]
origin = {{ url = "{}" }}

[[routes]]
name = "narrow"
path = "/narrow"
upstream = "origin"
chain = [{{ plugin = "hostile", name = "narrow", grants = ["identity-writer"], limits = {{ wall_max_ms = 100 }}, config = {{ body = "none", reply_body = "none", instance = "exchange" }} }}]

[[routes]]
name = "free"
path = "/free"
upstream = "origin"
"#,
        origin.url()
    );
    let gateway = Gateway::start(&config, &[("hostile.wasm", guests::HOSTILE)]);
    let mut waiting = Vec::new();
    for _ in 0..2 {
        let ask = Ask::to("/narrow").field("x-origin", "pieces").field("content-length", "0");
        let mut talk = ask.open(gateway.address()).await;
        talk.hear("first\n").await;
        waiting.push(talk);
    }
    let refused = Ask::to("/narrow").send(gateway.address()).await;
    assert_eq!(
        (refused.status, refused.field("x-sluicegate-code")),
        (503, Some(&b"policy_overloaded"[..])),
        "{refused:?}"
    );
    let served = Ask::to("/free").send(gateway.address()).await;
    assert_eq!((served.status, served.text().as_str()), (200, WHOLE));
    for talk in waiting {
        origin.go_on();
        let heard = talk.hear_out().await;
        assert_eq!((heard.status, heard.text().as_str(), heard.complete), (200, WHOLE, true));
    }
    wait_for_metric(&gateway, LIVE, |live| live == 0.0).await;
    assert_eq!(Ask::to("/narrow").send(gateway.address()).await.status, 200);
    assert_eq!(
        metric(&gateway, "sluicegate_policy_traps_total{entry=\"narrow\",version=\"stable\",kind=\"no_instance\"}")
            .await,
        1.0
    );
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_a_call_ends_that_call_and_nothing_else() {
    let origin = Origin::start().await;
    let entry =
        format!("isolation = \"request\", limits = {{ cpu_max_ms = 60_000, wall_max_ms = 600_000 }}, {NO_BODIES}");
    let gateway = gateway(&origin, "", &[Cell { name: "stuck", entry: &entry }, Cell { name: "other", entry: &entry }]);
    assert_eq!(Ask::to("/other").send(gateway.address()).await.status, 200);
    gateway.wait_for_log(1);
    let before = metric(&gateway, LIVE).await;
    let ask = Ask::to("/stuck").field("x-do", "head=loop").field("content-length", "0").field("x-request-id", "gone");
    let talk = ask.open(gateway.address()).await;
    // The guest is at work from the moment on at which its exchange is open: nothing else runs on its thread.
    wait_for_metric(&gateway, "sluicegate_exchanges_open", |open| open > 0.0).await;
    drop(talk);
    let log = gateway.wait_for_log(2);
    let line = log.iter().find(|line| line["request_id"] == "gone").expect("its line");
    assert_eq!(
        (&line["outcome"], &line["fault"], &line["status"]),
        (&json!("client_gone"), &json!("client"), &json!(null))
    );
    assert_eq!(line["labels"], json!({ "saw": "head finish", "outcome": "client_gone" }));
    // It was warm before it was called, and nobody else gets it.
    wait_for_metric(&gateway, LIVE, |live| live < before).await;
    assert_eq!(metric(&gateway, "sluicegate_policy_breaker_open{entry=\"stuck\",version=\"stable\"}").await, 0.0);
    assert_eq!(Ask::to("/stuck").send(gateway.address()).await.status, 200);
    assert_eq!(gateway.wait_for_log(3).len(), 3, "one line a request");
}

#[tokio::test]
async fn guests_in_a_busy_loop_do_not_hold_up_other_routes() {
    let origin = Origin::start().await;
    let busy = format!("limits = {{ cpu_max_ms = 60_000, wall_max_ms = 600_000 }}, {NO_BODIES}");
    let gateway = gateway(&origin, "", &[Cell { name: "busy", entry: &busy }, Cell { name: "calm", entry: NO_BODIES }]);
    let before = metric(&gateway, LIVE).await;
    let mut looping = Vec::new();
    // More than there are threads here.
    for _ in 0..4 {
        let ask = Ask::to("/busy").field("x-do", "head=loop").field("content-length", "0");
        looping.push(ask.open(gateway.address()).await);
    }
    // One of them was warm before.
    wait_for_metric(&gateway, LIVE, |live| live >= before + 3.0).await;
    for _ in 0..20 {
        let served = tokio::time::timeout(Duration::from_secs(30), Ask::to("/calm").send(gateway.address())).await;
        assert_eq!(served.expect("served in time").text(), WHOLE);
    }
    assert!(gateway.log().iter().all(|line| line["route"] == "calm"), "the loops go on");
    drop(looping);
    let log = gateway.wait_for_log(24);
    assert_eq!(log.iter().filter(|line| line["outcome"] == "client_gone").count(), 4);
}
