//! The end of the process towards clients: told first, let go then.

use std::time::{Duration, Instant};

use sluicegate_tests::http2::{self, END_HEADERS, END_STREAM, Frame, GOAWAY, HEADERS, frames, get_block, wait_for};
use sluicegate_tests::{Gateway, Notes, Raw, RawUpstream, Upstream, config, get};

const GET: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test]
async fn for_a_moment_it_says_that_it_is_not_ready_and_still_serves() {
    let upstream = Upstream::ok().await;
    let limits = "[admin]\naddress = \"127.0.0.1:0\"\n[limits]\ndrain_delay_ms = 60000\n";
    let gateway = Gateway::start(&format!("{limits}{}", config::proxy(&upstream.url())), &[]);
    let mut idle = Raw::connect(gateway.address()).await;
    idle.write(GET).await;
    idle.read_until("ok").await;
    gateway.signal("TERM");
    gateway.wait_for_stderr("draining");
    assert_eq!(get(&format!("{}/ready", gateway.admin())).await.status, 503);
    // An idle connection is told to go elsewhere; whoever comes anew is served once.
    idle.closed().await;
    let mut raw = Raw::connect(gateway.address()).await;
    raw.write(GET).await;
    let answer = raw.read_to_end().await.text();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("connection: close\r\n"), "{answer}");
    gateway.signal("TERM");
    let (status, log, _) = gateway.wait();
    assert_eq!((status.code(), log.len()), (Some(0), 2));
}

#[tokio::test]
async fn half_a_head_does_not_delay_the_end() {
    let upstream = Upstream::ok().await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let mut half = Raw::connect(gateway.address()).await;
    half.write("GET / HTTP/1.1\r\nhost").await;
    let mut later = Raw::connect(gateway.address()).await;
    later.write(GET).await;
    later.read_until("ok").await;
    later.write("GET / HT").await;
    let _silent = Raw::connect(gateway.address()).await;
    let mut half_of_http2 = frames(gateway.address(), &[]).await;
    half_of_http2.write(&Frame::new(HEADERS, END_STREAM, 1, get_block("/")).bytes()[..12]).await;
    // All four have been accepted: a fifth that came behind them was served.
    assert_eq!(get(&gateway.url("/")).await.status, 200);
    let started = Instant::now();
    gateway.signal("TERM");
    let (status, log, _) = gateway.wait();
    // A head has ten seconds, and a drain thirty.
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    assert_eq!((status.code(), log.len()), (Some(0), 2));
}

#[tokio::test]
async fn a_client_of_http2_is_told_to_leave_and_its_open_stream_ends_whole() {
    let upstream = RawUpstream::start(|mut raw: Raw, notes: Notes| async move {
        raw.read_head().await;
        notes.add("asked");
        notes.wait_for("go on").await;
        raw.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    })
    .await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let mut raw = frames(gateway.address(), &[]).await;
    raw.write(Frame::new(HEADERS, END_STREAM | END_HEADERS, 1, get_block("/")).bytes()).await;
    upstream.notes.wait_for("asked").await;
    gateway.signal("TERM");
    let told = wait_for(&mut raw, |frame| frame.kind == GOAWAY).await.unwrap();
    assert_eq!(told.error(), 0);
    upstream.notes.add("go on");
    let last = wait_for(&mut raw, |frame| frame.kind == http2::DATA && frame.flags & END_STREAM != 0).await.unwrap();
    assert_eq!(last.payload, b"ok");
    raw.closed().await;
    let (status, log, _) = gateway.wait();
    assert_eq!((status.code(), &log[0]["outcome"]), (Some(0), &"complete".into()));
}
