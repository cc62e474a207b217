//! Bounds of traces, and their end.

use std::time::{Duration, Instant};

use serde_json::json;
use sluicegate_tests::{Raw, RawUpstream, Upstream, get};

use crate::support::*;

#[tokio::test]
async fn eight_are_armed_at_once_and_a_client_that_leaves_makes_room() {
    let upstream = Upstream::ok().await;
    let gateway = gateway(&upstream.url(), &[EDITOR], &[], "");
    let mut armed = Vec::new();
    for _ in 0..8 {
        armed.push(Trace::arm(&gateway, json!({"path": "/never", "timeout_s": 600})).await);
    }
    let refused = Trace::try_arm(&gateway, json!({})).await.err().unwrap();
    assert_eq!((refused.0.as_u16(), &refused.1["code"]), (429, &json!("admin_trace_refused")));
    armed.pop();
    let started = Instant::now();
    let mut trace = loop {
        match Trace::try_arm(&gateway, json!({})).await {
            Ok(trace) => break trace,
            Err(_) => assert!(started.elapsed() < sluicegate_tests::PATIENCE, "no room"),
        }
    };
    get(&gateway.url("/")).await;
    assert_eq!(trace.exchange().await["status"], 200);
}

#[tokio::test]
async fn what_is_out_of_bounds_or_misspelt_is_refused_with_a_sentence() {
    let upstream = Upstream::ok().await;
    let gateway = gateway(&upstream.url(), &[EDITOR], &[], "");
    for (request, sentence) in [
        (json!({"count": 101}), "1 to 100"),
        (json!({"timeout_s": 601}), "1 to 600"),
        (json!({"route": "al"}), "There is no route `al`; the routes are: all."),
        (json!({"consummer": "acme"}), "unknown field"),
        (json!("all"), "is not understood"),
    ] {
        let (status, problem) = Trace::try_arm(&gateway, request).await.err().unwrap();
        assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("admin_trace_refused")));
        assert!(problem["detail"].as_str().unwrap().contains(sentence), "{problem}");
    }
}

#[tokio::test]
async fn its_time_ends_it_and_says_what_had_not_ended() {
    let upstream = RawUpstream::start(|mut connection, _| async move {
        connection.read_head().await;
        connection.closed().await;
    })
    .await;
    let gateway = gateway(&upstream.url(), &[EDITOR], &[], "");
    let mut trace = Trace::arm(&gateway, json!({"timeout_s": 1})).await;
    let mut client = Raw::connect(gateway.address()).await;
    client.write("GET / HTTP/1.1\r\nhost: gateway\r\n\r\n").await;
    let end = trace.end().await;
    assert_eq!((&end["why"], &end["exchanges"], &end["open"]), (&json!("time"), &json!(0), &json!(1)));
}

#[tokio::test]
async fn a_value_is_shown_up_to_256_bytes_and_a_flood_of_deeds_is_counted() {
    let upstream = Upstream::ok().await;
    let long = EDITOR.replace("value = \"b\"", &format!("value = \"{}\"", "v".repeat(1000)));
    let gateway = gateway(&upstream.url(), &[&long, HOSTILE], &[], "");
    let (_, exchange) = traced(&gateway, &[("x-do", "head=headers")]).await;
    let value = call(&exchange, "head", "editor")["did"][0]["value"].as_str().unwrap().to_owned();
    assert_eq!(value, format!("{}…", "v".repeat(256)));
    let flood = call(&exchange, "head", "hostile");
    let (told, left_out) = (flood["did"].as_array().unwrap().len(), flood["did_left_out"].as_u64().unwrap());
    // Nine thousand fields and a label.
    assert_eq!((told, left_out), (128, 9_001 - 128));
    assert_eq!(flood["did"][127]["call"], "request.set-header");
}

#[tokio::test]
async fn a_gateway_that_ends_ends_its_traces_and_waits_for_none() {
    let upstream = Upstream::ok().await;
    let gateway = gateway(&upstream.url(), &[EDITOR], &[], "");
    let mut trace = Trace::arm(&gateway, json!({})).await;
    let started = Instant::now();
    gateway.signal("TERM");
    assert_eq!(trace.end().await["why"], "gateway");
    let (status, ..) = gateway.wait();
    assert!(status.success());
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}
