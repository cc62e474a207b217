//! `expect: 100-continue`: a client sends its body when somebody wants it, and not before.

use std::time::Instant;

use sluicegate_tests::{Gateway, Notes, Raw, RawUpstream, config};

use crate::support::{Bodies, gateway};

const ASKS: &str = "POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n";
const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Notes the head, answers it with `first`, notes what comes then, and answers that with `last`.
async fn answering(first: &'static str, last: &'static str) -> RawUpstream {
    RawUpstream::start(move |mut raw, notes: Notes| async move {
        notes.add(raw.read_head().await);
        raw.write(first).await;
        if let Some(body) = raw.try_read_until("hello").await {
            notes.add(body);
            raw.write(last).await;
        }
        raw.closed().await;
        notes.add("closed");
    })
    .await
}

fn asked_for(upstream: &RawUpstream) -> bool {
    upstream.notes.all()[1].contains("\r\nexpect: 100-continue\r\n")
}

#[tokio::test]
async fn the_client_is_told_to_send_when_the_upstream_says_so() {
    for bodies in [Bodies::NoPlugin, Bodies::Streamed] {
        let upstream = RawUpstream::start(|mut raw, notes: Notes| async move {
            notes.add(raw.read_head().await);
            notes.wait_for("the client waits").await;
            raw.write(CONTINUE).await;
            notes.add(raw.read_until("hello").await);
            raw.write(OK).await;
            raw.closed().await;
        })
        .await;
        let gateway = gateway(&upstream.url(), bodies, "");
        let mut client = Raw::connect(gateway.address()).await;
        client.write(ASKS).await;
        upstream.notes.wait_for_some(|note| note.starts_with("POST")).await;
        assert!(asked_for(&upstream), "{bodies:?}: {:?}", upstream.notes.all());
        assert!(client.has_read_nothing(), "{bodies:?}");
        upstream.notes.add("the client waits");
        assert_eq!(client.read_head().await, CONTINUE, "{bodies:?}");
        client.write("hello").await;
        assert!(client.read_until("ok").await.starts_with("HTTP/1.1 200"), "{bodies:?}");
        let body = upstream.notes.all().pop().unwrap_or_default();
        assert!(body.contains("hello"), "{bodies:?}: {body}");
        // Both connections go on.
        assert_eq!(upstream.connections(), 1, "{bodies:?}");
    }
}

#[tokio::test]
async fn an_upstream_that_refuses_gets_no_body_and_the_client_is_not_asked_for_it() {
    let no = "HTTP/1.1 413 Content Too Large\r\ncontent-length: 2\r\n\r\nno";
    for bodies in [Bodies::NoPlugin, Bodies::Streamed] {
        let upstream = answering(no, OK).await;
        let gateway = gateway(&upstream.url(), bodies, "");
        let mut client = Raw::connect(gateway.address()).await;
        client.write(ASKS).await;
        // The end of the connection is announced: nobody can know whether the client sends its body all the same.
        let answer = client.read_to_end().await.text();
        assert!(
            answer.starts_with("HTTP/1.1 413") && answer.contains("\r\nconnection: close\r\n"),
            "{bodies:?}: {answer}"
        );
        assert!(answer.ends_with("\r\n\r\nno") && !answer.contains("100 Continue"), "{bodies:?}: {answer}");
        upstream.notes.wait_for("closed").await;
        assert_eq!(upstream.notes.all().len(), 3, "{:?}", upstream.notes.all());
        let line = gateway.wait_for_log(1).remove(0);
        assert_eq!((&line["outcome"], &line["request_bytes"]), (&"complete".into(), &0.into()), "{bodies:?}");
    }
}

#[tokio::test]
async fn an_upstream_that_says_nothing_gets_the_body_after_a_second() {
    let upstream = answering("", OK).await;
    let gateway = gateway(&upstream.url(), Bodies::NoPlugin, "");
    let mut client = Raw::connect(gateway.address()).await;
    let asked = Instant::now();
    client.write(ASKS).await;
    assert_eq!(client.read_head().await, CONTINUE);
    assert!((0.9..10.0).contains(&asked.elapsed().as_secs_f64()), "{:?}", asked.elapsed());
    client.write("hello").await;
    assert!(client.read_until("ok").await.starts_with("HTTP/1.1 200"));
    assert!(asked_for(&upstream));
}

#[tokio::test]
async fn a_policy_that_must_have_the_body_asks_for_it_itself() {
    let upstream = answering("", OK).await;
    let gateway = gateway(&upstream.url(), Bodies::Buffered, "");
    let mut client = Raw::connect(gateway.address()).await;
    client.write(ASKS).await;
    assert_eq!(client.read_head().await, CONTINUE);
    assert!(upstream.notes.all().is_empty());
    client.write("hello").await;
    assert!(client.read_until("ok").await.starts_with("HTTP/1.1 200"));
    assert!(!asked_for(&upstream), "{:?}", upstream.notes.all());
}

#[tokio::test]
async fn what_is_refused_at_the_head_is_refused_without_a_body() {
    let upstream = answering("", OK).await;
    let keys = gateway(&upstream.url(), Bodies::NoPlugin, "chain = [{ plugin = \"api-key\" }]");
    let limited = Gateway::start(&format!("[limits]\nbody_bytes_max = 4\n\n{}", config::proxy(&upstream.url())), &[]);
    for (gateway, status) in [(keys, 401), (limited, 413)] {
        let mut client = Raw::connect(gateway.address()).await;
        client.write(ASKS).await;
        let answer = client.read_to_end().await.text();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        assert!(answer.contains("\r\nconnection: close\r\n") && !answer.contains("100 Continue"), "{answer}");
    }
    assert!(upstream.notes.all().is_empty());
}

#[tokio::test]
async fn the_next_upstream_is_asked_where_the_first_cannot_be_reached() {
    let upstream = answering(CONTINUE, OK).await;
    let text = format!(
        "[upstreams.gone]\nurl = \"http://127.0.0.1:9\"\n\n{}\n[[routes]]\nname = \"all\"\nupstreams = [\"gone\", \"service\"]\n",
        config::service(&upstream.url(), ""),
    );
    let gateway = Gateway::start(&text, &[]);
    let mut client = Raw::connect(gateway.address()).await;
    client.write(ASKS).await;
    assert_eq!(client.read_head().await, CONTINUE);
    client.write("hello").await;
    assert!(client.read_until("ok").await.starts_with("HTTP/1.1 200"));
    assert!(asked_for(&upstream));
}

#[tokio::test]
async fn a_client_of_http_1_0_and_one_that_does_not_wait_are_told_nothing() {
    let old = ASKS.replace("HTTP/1.1", "HTTP/1.0");
    let empty = ASKS.replace("content-length: 5", "content-length: 0");
    for request in [format!("{old}hello"), ASKS.replace("100-continue", "something-else") + "hello", empty] {
        let upstream = RawUpstream::start(|mut raw, notes: Notes| async move {
            let head = raw.read_head().await;
            if head.contains("content-length: 5") {
                raw.read_until("hello").await;
            }
            notes.add(head);
            raw.write(OK).await;
            raw.closed().await;
        })
        .await;
        let gateway = gateway(&upstream.url(), Bodies::NoPlugin, "");
        let mut client = Raw::connect(gateway.address()).await;
        client.write(&request).await;
        let head = client.read_until("ok").await;
        assert!(head.contains(" 200 OK\r\n") && !head.contains("100 Continue"), "{request}: {head}");
        assert!(!upstream.notes.all()[1].contains("expect"), "{request}: {:?}", upstream.notes.all());
    }
}
