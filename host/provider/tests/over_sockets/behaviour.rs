//! Delays, fragments, cuts and errors on demand, and the memory of what arrived.

use std::time::{Duration, Instant};

use crate::support::{Answer, PATIENCE, Running, head};
use http::StatusCode;
use serde_json::{Value, json};
use sluicegate_provider::{Behaviour, Cut, Failure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

fn request(text: &str, stream: bool) -> Value {
    json!({ "model": "echo-1", "messages": [{ "role": "user", "content": text }], "stream": stream })
}

#[tokio::test]
async fn an_error_on_demand_has_its_status_and_retry_after() {
    let provider = Running::start().await;
    for (status, kind, code) in [
        (429, "requests", json!("rate_limit_exceeded")),
        (500, "server_error", json!(null)),
        (503, "server_error", json!(null)),
        (418, "invalid_request_error", json!(null)),
    ] {
        let fields = format!("x-provider-status: {status}\r\nx-provider-retry-after: 7\r\n");
        let answer = provider.chat_with(&request("x", false), &fields).await;
        assert_eq!((answer.status, answer.field("retry-after")), (status, Some("7")));
        let error = &answer.json()["error"];
        assert_eq!((&error["type"], &error["param"], &error["code"]), (&json!(kind), &json!(null), &code));
    }
}

#[tokio::test]
async fn options_hold_for_every_request_and_a_field_replaces_its_part() {
    let failure = Failure { status: StatusCode::SERVICE_UNAVAILABLE, retry_after: None };
    let provider = Running::start_with(|options| {
        options.behaviour = Behaviour { failure: Some(failure), ..Behaviour::default() };
    })
    .await;
    assert_eq!(provider.get("/v1/models").await.status, 503);
    let answer = provider.chat_with(&request("x", false), "x-provider-status: 429\r\n").await;
    assert_eq!((answer.status, answer.field("retry-after")), (429, None));
}

#[tokio::test]
async fn a_field_that_makes_no_sense_is_refused() {
    let provider = Running::start().await;
    let answer = provider.chat_with(&request("x", false), "x-provider-cut-after: soon\r\n").await;
    let error = answer.json()["error"].clone();
    assert_eq!((answer.status, &error["code"]), (400, &json!("invalid_provider_field")));
    assert_eq!(error["message"], "The field `x-provider-cut-after` takes `head` or a whole number of bytes.");
}

#[tokio::test]
async fn fragments_change_the_chunks_and_not_the_bytes() {
    let provider = Running::start().await;
    for stream in [false, true] {
        let text = &"漢字仮名".repeat(200);
        let whole = provider.chat(&request(text, stream)).await;
        let pieces = provider.chat_with(&request(text, stream), "x-provider-fragment-seed: 1\r\n").await;
        let again = provider.chat_with(&request(text, stream), "x-provider-fragment-seed: 1\r\n").await;
        let other = provider.chat_with(&request(text, stream), "x-provider-fragment-seed: 2\r\n").await;
        assert_eq!((pieces.body(), pieces.whole), (whole.body(), true));
        assert_eq!(pieces.chunks, again.chunks);
        if stream {
            assert_ne!(pieces.chunks, other.chunks);
            assert!(pieces.chunks.iter().any(|chunk| chunk.len() == 1));
            assert!(pieces.chunks.iter().any(|chunk| std::str::from_utf8(chunk).is_err()), "a character is cut");
        }
    }
}

#[tokio::test]
async fn a_cut_comes_after_exactly_the_bytes_asked_for() {
    let provider = Running::start().await;
    for stream in [false, true] {
        let whole = provider.chat(&request("one two three", stream)).await.body();
        for bytes in [0, 1, 100, whole.len() - 1] {
            for fragments in ["", "x-provider-fragment-seed: 9\r\n"] {
                let fields = format!("x-provider-cut-after: {bytes}\r\n{fragments}");
                let cut = provider.chat_with(&request("one two three", stream), &fields).await;
                assert_eq!((cut.status, cut.whole), (200, false), "{bytes}");
                assert_eq!(cut.body(), whole[..bytes]);
            }
        }
        let fields = format!("x-provider-cut-after: {}\r\n", whole.len());
        let answer = provider.chat_with(&request("one two three", stream), &fields).await;
        assert_eq!((answer.whole, answer.body()), (true, whole), "a cut at the end is no cut");
    }
    assert_eq!(provider.received.abandoned(), 0, "a cut is the provider's own doing");
}

#[tokio::test]
async fn a_slow_reader_gets_everything_in_front_of_the_cut() {
    const CUT: usize = 900_000;
    let provider = Running::start().await;
    let story =
        json!({ "model": "story-1", "messages": [{ "role": "user", "content": "5000 words" }], "stream": true });
    let body = story.to_string();
    // A small buffer on this side, so that much is still to be written when the cut is due.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(provider.address).await.unwrap();
    let head = head("POST", "/v1/chat/completions", &format!("x-provider-cut-after: {CUT}\r\n"), body.len());
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).await.unwrap();
    provider.wait_until(|received| received.count() == 1).await;
    let answer = Answer::read(stream).await;
    assert_eq!((answer.body().len(), answer.whole), (CUT, false));
}

#[tokio::test]
async fn a_cut_before_the_head_leaves_the_client_without_an_answer() {
    let cut = Behaviour { cut: Some(Cut::BeforeHead), ..Behaviour::default() };
    let provider = Running::start_with(|options| options.behaviour = cut).await;
    let answer = provider.chat(&request("x", false)).await;
    assert_eq!((answer.status, answer.whole), (0, false));
    assert_eq!(provider.received.count(), 1);
    assert_eq!((provider.received.delivered(), provider.received.abandoned()), (0, 0));
}

#[tokio::test]
async fn delays_hold_the_head_and_the_chunks_back() {
    let provider = Running::start().await;
    let fields = "x-provider-first-byte-ms: 60\r\nx-provider-chunk-ms: 10\r\n";
    let before = Instant::now();
    let answer = provider.chat_with(&request("one two", true), fields).await;
    // Five chunks: role, two tokens, finish, done.
    assert_eq!(answer.chunks.len(), 5);
    assert!(before.elapsed() >= Duration::from_millis(60 + 4 * 10), "{:?}", before.elapsed());
}

#[tokio::test]
async fn the_first_chunk_arrives_while_the_next_is_held_back() {
    let provider = Running::start().await;
    let body = request("one two", true).to_string();
    let mut stream = TcpStream::connect(provider.address).await.unwrap();
    let head = head("POST", "/v1/chat/completions", "x-provider-chunk-ms: 60000\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).await.unwrap();
    let mut seen = Vec::new();
    while !seen.windows(11).any(|window| window == b"\"assistant\"") {
        let read = tokio::time::timeout(PATIENCE, stream.read_buf(&mut seen)).await.expect("the chunk in time");
        assert_ne!(read.unwrap(), 0);
    }
    drop(stream);
    provider.wait_until(|received| received.abandoned() == 1).await;
}

#[tokio::test]
async fn a_client_that_leaves_before_the_head_is_counted() {
    let provider = Running::start().await;
    let body = request("x", false).to_string();
    let mut stream = TcpStream::connect(provider.address).await.unwrap();
    let head = head("POST", "/v1/chat/completions", "x-provider-first-byte-ms: 60000\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).await.unwrap();
    provider.wait_until(|received| received.count() == 1).await;
    drop(stream);
    provider.wait_until(|received| received.abandoned() == 1).await;
}

#[tokio::test]
async fn what_arrived_can_be_asked_for_to_the_byte() {
    let provider = Running::start().await;
    let body = br#"{ "model":"echo-1",  "messages":[{"role":"user","content":"\u0041"}] }"#;
    provider.request("POST", "/v1/chat/completions?a=b", "x-team: blue\r\n", body).await;
    let last = provider.received.last().unwrap();
    assert_eq!((last.method.as_str(), last.target.as_str()), ("POST", "/v1/chat/completions?a=b"));
    assert_eq!(last.authorization(), Some("Bearer provider-key-of-the-tests"));
    assert_eq!((last.header("x-team"), last.header("x-other")), (Some("blue"), None));
    assert_eq!((&last.body[..], last.body_bytes, last.body_complete), (&body[..], body.len() as u64, true));
    provider.wait_until(|received| received.delivered() == 1).await;
    assert_eq!((provider.received.count(), provider.received.requests().len()), (1, 1));
}

#[tokio::test]
async fn a_connection_too_many_waits_until_another_ends() {
    let provider = Running::start_with(|options| options.connections_max = 1).await;
    let first = TcpStream::connect(provider.address).await.unwrap();
    let mut second = TcpStream::connect(provider.address).await.unwrap();
    second.write_all(head("GET", "/v1/models", "", 0).as_bytes()).await.unwrap();
    let early =
        tokio::time::timeout(Duration::from_millis(100), provider.received.wait_until(|received| received.count() > 0));
    assert!(early.await.is_err(), "the second connection is served beside the first");
    drop(first);
    assert_eq!(Answer::read(second).await.status, 200);
}

#[tokio::test]
async fn a_stop_lets_an_open_answer_end_and_takes_no_new_connection() {
    let provider = Running::start().await;
    let (address, received) = (provider.address, provider.received.clone());
    let body = request("one two three", true).to_string();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = head("POST", "/v1/chat/completions", "x-provider-chunk-ms: 20\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).await.unwrap();
    provider.wait_until(|received| received.count() == 1).await;
    let serving = provider.stop();
    let answer = Answer::read(stream).await;
    assert!(answer.whole);
    tokio::time::timeout(PATIENCE, serving).await.expect("the provider ends").unwrap();
    assert!(TcpStream::connect(address).await.is_err());
    assert_eq!(received.delivered(), 1);
}

#[tokio::test]
async fn a_connection_without_a_request_does_not_hold_a_stop_up() {
    let provider = Running::start_with(|options| options.drain_timeout = 10 * PATIENCE).await;
    let mut stream = TcpStream::connect(provider.address).await.unwrap();
    let kept = head("GET", "/v1/models", "", 0).replace("connection: close\r\n", "");
    stream.write_all(kept.as_bytes()).await.unwrap();
    provider.wait_until(|received| received.delivered() == 1).await;
    tokio::time::timeout(PATIENCE, provider.stop()).await.expect("the provider ends").unwrap();
}

#[tokio::test]
async fn an_answer_that_outlasts_the_drain_is_closed() {
    let provider = Running::start_with(|options| options.drain_timeout = Duration::from_millis(20)).await;
    let body = request("one two three", true).to_string();
    let mut stream = TcpStream::connect(provider.address).await.unwrap();
    let head = head("POST", "/v1/chat/completions", "x-provider-chunk-ms: 60000\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).await.unwrap();
    provider.wait_until(|received| received.count() == 1).await;
    tokio::time::timeout(PATIENCE, provider.stop()).await.expect("the provider ends").unwrap();
    assert!(!Answer::read(stream).await.whole);
}

#[tokio::test]
async fn one_connection_serves_one_request_after_another() {
    let provider = Running::start().await;
    let mut stream = TcpStream::connect(provider.address).await.unwrap();
    let kept = head("GET", "/v1/models", "", 0).replace("connection: close\r\n", "");
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.clear();
        stream.write_all(kept.as_bytes()).await.unwrap();
        while !seen.ends_with(b"]}") {
            let read = tokio::time::timeout(PATIENCE, stream.read_buf(&mut seen)).await.expect("an answer in time");
            assert_ne!(read.unwrap(), 0);
        }
    }
    assert_eq!(provider.received.count(), 3);
}
