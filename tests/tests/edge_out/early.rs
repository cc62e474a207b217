//! Upstreams that answer before they have the request, and want no more of it.

use std::time::Duration;

use bytes::Bytes;
use h2::client;
use http::Request;
use sluicegate_tests::{Gateway, Notes, PATIENCE, Raw, RawUpstream, config};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::frames::{self, END_HEADERS, Frames, HEADERS, NO_ERROR, field};
use crate::support::{Bodies, gateway, gateway_to};

const TOO_LARGE: &str = "HTTP/1.1 413 Content Too Large\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno";
const LENGTH: usize = 50 << 20;

/// Answers at the head and hangs up at once, with most of the body unread.
async fn refusing() -> RawUpstream {
    RawUpstream::start(|mut raw, notes: Notes| async move {
        raw.read_head().await;
        raw.write(TOO_LARGE).await;
        notes.add("answered");
    })
    .await
}

/// The same over HTTP/2: the answer, and a reset that means no harm.
async fn refusing_http2() -> RawUpstream {
    frames::upstream(|mut frames: Frames, notes: Notes| async move {
        while let Some(stream) = frames.request().await {
            // `:status: 413` as a literal with the name of entry 8.
            let head = [&[0x08, 3][..], b"413", &field("content-length", "2")].concat();
            frames.write(HEADERS, END_HEADERS, stream, &head).await;
            frames.write(frames::DATA, frames::END_STREAM, stream, b"no").await;
            frames.reset(stream, NO_ERROR).await;
            notes.add("answered");
        }
    })
    .await
}

fn head() -> String {
    format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {LENGTH}\r\n\r\n")
}

/// Both kinds of upstreams, each behind a gateway whose plugin takes the body so.
async fn gateways(bodies: Bodies) -> [(Gateway, RawUpstream); 2] {
    let (plain, http2) = (refusing().await, refusing_http2().await);
    let to_http2 = gateway_to(&http2.url(), "protocols = [\"h2\"]", bodies, "");
    [(gateway(&plain.url(), bodies, ""), plain), (to_http2, http2)]
}

#[tokio::test]
async fn a_client_that_has_sent_a_part_reads_the_answer_and_the_end_of_its_connection() {
    for bodies in [Bodies::NoPlugin, Bodies::Streamed] {
        for (gateway, upstream) in gateways(bodies).await {
            let mut client = Raw::connect(gateway.address()).await;
            client.write(format!("{}{}", head(), "x".repeat(1 << 20))).await;
            let answer = client.read_head().await;
            assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("\r\nconnection: close\r\n"), "{answer}");
            // What is on its way by then is thrown away, and does not reset the connection: a client that writes must live to read.
            for _ in 0..2 {
                assert!(client.try_write("x".repeat(50_000)).await, "{bodies:?}: the connection is reset");
                sleep(Duration::from_millis(50)).await;
            }
            let rest = client.read_to_end().await;
            assert!(rest.text().contains("no") && !rest.reset, "{bodies:?}: {rest:?}");
            upstream.notes.wait_for("answered").await;
            let line = gateway.wait_for_log(1).remove(0);
            assert_eq!((&line["outcome"], &line["status"]), (&"complete".into(), &413.into()), "{bodies:?}");
        }
    }
}

#[tokio::test]
async fn a_client_that_goes_on_sending_finds_the_answer_when_it_looks() {
    for (gateway, _upstream) in gateways(Bodies::NoPlugin).await {
        let mut client = Raw::connect(gateway.address()).await;
        client.write(head()).await;
        // Until nobody takes it any more, as a client does that writes its request before it reads.
        let piece = "x".repeat(64 << 10);
        let mut sent = 0;
        while sent < LENGTH && client.try_write(&piece).await {
            sent += piece.len();
        }
        assert!(sent < LENGTH, "all of it was taken");
        let answer = client.read_to_end().await.text();
        assert!(answer.starts_with("HTTP/1.1 413"), "after {sent} bytes: {answer:?}");
    }
}

#[tokio::test]
async fn a_client_of_http_2_gets_the_answer_and_keeps_its_connection() {
    for (gateway, _upstream) in gateways(Bodies::NoPlugin).await {
        let stream = TcpStream::connect(gateway.address()).await.expect("the gateway accepts");
        let (mut sender, connection) = client::handshake(stream).await.expect("HTTP/2");
        tokio::spawn(connection);
        for _ in 0..3 {
            sender = sender.ready().await.expect("the connection is open");
            let request = Request::post("http://x/").header("content-length", LENGTH).body(()).expect("a request");
            let (answer, mut body) = sender.send_request(request, false).expect("it is sent");
            body.send_data(Bytes::from_static(b"only the beginning"), false).expect("the stream is open");
            let answer = timeout(PATIENCE, answer).await.expect("in time").expect("an answer");
            assert_eq!(answer.status(), 413);
            let mut text = Vec::new();
            let mut pieces = answer.into_body();
            while let Some(piece) = timeout(PATIENCE, pieces.data()).await.expect("in time") {
                text.extend(piece.expect("a whole answer"));
            }
            assert_eq!(text, b"no");
        }
    }
}

#[tokio::test]
async fn an_upstream_that_hangs_up_without_an_answer_is_told_of_at_once() {
    let upstream = RawUpstream::start(|mut raw, _| async move {
        raw.read_head().await;
        raw.reset();
    })
    .await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let mut client = Raw::connect(gateway.address()).await;
    client.write(format!("{}{}", head(), "x".repeat(1 << 20))).await;
    let rest = client.read_to_end().await;
    let answer = rest.text();
    assert!(answer.starts_with("HTTP/1.1 502") && answer.contains("upstream_broken") && !rest.reset, "{answer}");
}
