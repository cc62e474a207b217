//! Bodies of HTTP/2 whose length is known, and whose end comes later, in a frame of its own (RFC 9113, 8.1).

use std::time::{Duration, Instant};

use sluicegate_tests::http2::{self, Frame, block, get_block, wait_for};
use sluicegate_tests::{Gateway, Notes, Raw, RawUpstream, config, get};

use crate::frames::{self, DATA, END_HEADERS, END_STREAM, Frames, HEADERS, STATUS_200, field};

/// SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113, 6.5.2).
const WINDOW: u16 = 4;

fn http2_gateway(url: &str) -> Gateway {
    let lines =
        format!("workers = 1\n[admin]\naddress = \"127.0.0.1:0\"\n{}", config::service(url, "protocols = [\"h2\"]"));
    Gateway::start(&format!("{lines}\n[[routes]]\nname = \"all\"\nupstream = \"service\"\n"), &[])
}

#[tokio::test]
async fn an_answer_is_complete_with_its_last_byte_and_its_upstream_is_not_told_otherwise() {
    let upstream = frames::upstream(|mut frames: Frames, notes: Notes| async move {
        let Some(stream) = frames.request().await else { return };
        frames.write(HEADERS, END_HEADERS, stream, &[STATUS_200, &field("content-length", "5")].concat()).await;
        frames.write(DATA, 0, stream, b"hello").await;
        notes.wait_for("read").await;
        frames.write(DATA, END_STREAM, stream, b"").await;
        while let Some((kind, stream)) = frames.about_a_stream().await {
            notes.add(format!("frame {kind}"));
            if kind == HEADERS {
                frames.answer(stream).await;
            }
        }
    })
    .await;
    let gateway = http2_gateway(&upstream.url());
    let reply = get(&gateway.url("/")).await;
    assert_eq!((reply.text(), reply.complete), ("hello".to_owned(), true));
    upstream.notes.add("read");
    assert_eq!(get(&gateway.url("/next")).await.text(), "ok");
    let about: Vec<String> = upstream.notes.all().into_iter().filter(|note| note.starts_with("frame")).collect();
    assert_eq!(about, [format!("frame {HEADERS}")], "the first stream was reset");
    let log = gateway.wait_for_log(2);
    assert!(log.iter().all(|line| line["outcome"] == "complete"), "{log:#?}");
}

fn post_block(length: &str) -> Vec<u8> {
    block(&[(":method", "POST"), (":scheme", "http"), (":authority", "x"), (":path", "/"), ("content-length", length)])
}

/// Asks with a body of this length, and ends that after the answer. The answer's status, as HPACK has it.
async fn ask_and_end_later(client: &mut Raw, stream: u32, body: &str) -> Vec<u8> {
    let head = Frame::new(http2::HEADERS, http2::END_HEADERS, stream, post_block(&body.len().to_string())).bytes();
    client.write([head, Frame::new(http2::DATA, 0, stream, body).bytes()].concat()).await;
    let answer =
        wait_for(client, |frame| (frame.kind, frame.stream) == (http2::HEADERS, stream)).await.expect("an answer");
    client.try_write(Frame::new(http2::DATA, http2::END_STREAM, stream, "").bytes()).await;
    answer.payload
}

#[tokio::test]
async fn a_request_whose_length_is_there_is_whole_for_an_upstream_of_http_1_and_its_connection_stays() {
    let upstream = RawUpstream::start(|mut raw: Raw, _| async move {
        while let Some(head) = raw.try_read_until("\r\n\r\n").await {
            let length = if head.contains("content-length: 5") { 5 } else { 0 };
            if raw.try_read_exact(length).await.is_none() {
                return;
            }
            raw.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        }
    })
    .await;
    let gateway = Gateway::start(&format!("workers = 1\n{}", config::proxy(&upstream.url())), &[]);
    let mut client = http2::frames(gateway.address(), &[]).await;
    for (stream, body) in [(1, "hello"), (3, "hello"), (5, ""), (7, ""), (9, "hello")] {
        let status = ask_and_end_later(&mut client, stream, body).await;
        assert_eq!(status[0], STATUS_200[0], "stream {stream}");
    }
    assert_eq!(upstream.connections(), 1);
}

#[tokio::test]
async fn an_upstream_has_its_time_for_an_answer_from_the_last_byte_of_a_request_on() {
    let upstream = RawUpstream::start(|mut raw: Raw, _| async move { raw.closed().await }).await;
    let service = config::service(&upstream.url(), "reply_timeout_ms = 300");
    let gateway = Gateway::start(&format!("{service}\n[[routes]]\nname = \"all\"\nupstream = \"service\"\n"), &[]);
    let mut client = http2::frames(gateway.address(), &[]).await;
    let began = Instant::now();
    ask_and_end_later(&mut client, 1, "hello").await;
    ask_and_end_later(&mut client, 3, "").await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let log = gateway.wait_for_log(2);
    let told: Vec<_> = log.iter().map(|line| (line["status"].clone(), line["code"].clone())).collect();
    assert_eq!(told, [(504.into(), "upstream_timeout".into()), (504.into(), "upstream_timeout".into())]);
}

#[tokio::test]
async fn small_pieces_that_a_slow_client_does_not_take_end_nobody_elses_answer() {
    /// Of each answer, and so much does the gateway take ahead.
    const PIECES: usize = 12_000;
    let upstream = frames::upstream(|mut frames: Frames, notes: Notes| async move {
        let mut stalled = 0;
        while let Some(stream) = frames.request().await {
            if stalled == 8 {
                frames.answer(stream).await;
                continue;
            }
            stalled += 1;
            frames.write(HEADERS, END_HEADERS, stream, STATUS_200).await;
            frames.pieces(stream, PIECES, &[b'x'; 20]).await;
            notes.add("stalled");
        }
    })
    .await;
    let gateway = http2_gateway(&upstream.url());
    let mut slow = http2::frames(gateway.address(), &[(WINDOW, 0)]).await;
    for stream in (1..16).step_by(2) {
        let head = Frame::new(http2::HEADERS, http2::END_STREAM | http2::END_HEADERS, stream, get_block("/")).bytes();
        slow.write(head).await;
    }
    upstream.notes.wait_for_count("stalled", 8).await;
    assert_eq!(get(&gateway.url("/")).await.text(), "ok");
    assert_eq!(upstream.connections(), 1, "the connection of all was ended");

    // What waited is whole once it is asked for.
    let window = |stream: u32| Frame::new(http2::WINDOW_UPDATE, 0, stream, 1_000_000_u32.to_be_bytes()).bytes();
    slow.write([window(0), window(1)].concat()).await;
    let mut bytes = 0;
    while bytes < PIECES * 20 {
        let piece =
            wait_for(&mut slow, |frame| (frame.kind, frame.stream) == (http2::DATA, 1)).await.expect("it goes on");
        assert!(piece.payload.iter().all(|byte| *byte == b'x'));
        bytes += piece.payload.len();
    }
    assert_eq!(bytes, PIECES * 20);
}
