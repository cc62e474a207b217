//! Each bound of HTTP/2, reached.

use std::time::Instant;

use http::Response;
use http_body_util::Full;
use sluicegate_tests::http2::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, Frame, GOAWAY, HEADERS, PING, RST_STREAM, SETTINGS,
    WINDOW_UPDATE, ask, block, connect, frames, get, get_block, next_frame, wait_for,
};
use sluicegate_tests::{Gateway, Notes, Raw, RawUpstream, Upstream, config, metric, wait_for_metric};

const REFUSED_STREAM: u32 = 7;
const ENHANCE_YOUR_CALM: u32 = 11;
/// What counts a connection that was ended for what it costs.
const ABUSE: (&str, &[&str]) = ("sluicegate_connections_closed_total", &["reason=\"http2_abuse\""]);
/// SETTINGS_INITIAL_WINDOW_SIZE
const WINDOW: u16 = 4;

fn with_limits(upstream: &str, limits: &str) -> String {
    format!("[admin]\naddress = \"127.0.0.1:0\"\n[limits]\n{limits}\n{}", config::proxy(upstream))
}

fn request(stream: u32) -> Vec<u8> {
    Frame::new(HEADERS, END_STREAM | END_HEADERS, stream, get_block("/")).bytes()
}

/// Never answers.
async fn silent() -> RawUpstream {
    RawUpstream::start(|mut raw: Raw, notes: Notes| async move {
        raw.read_head().await;
        notes.add("asked");
        raw.closed().await;
        notes.add("closed");
    })
    .await
}

/// What the gateway still answers, and that its connections have gone.
async fn is_as_before(gateway: &Gateway) {
    wait_for_metric(gateway, "sluicegate_connections_open", &[], 0.0).await;
    assert_eq!(ask(&mut connect(gateway.address()).await, get("http://x/no")).await.unwrap().status.as_u16() / 100, 2);
}

#[tokio::test]
async fn a_stream_above_the_limit_is_refused_and_the_others_go_on() {
    let upstream = silent().await;
    let gateway = Gateway::start(&with_limits(&upstream.url(), "http2_streams_max = 3"), &[]);
    let mut raw = frames(gateway.address(), &[]).await;
    let settings = wait_for(&mut raw, |frame| frame.kind == SETTINGS && frame.flags != ACK).await.unwrap();
    let streams_max = settings.payload.chunks(6).find(|setting| setting[..2] == [0, 3]).unwrap();
    assert_eq!(streams_max[2..], [0, 0, 0, 3]);
    for stream in [1, 3, 5, 7] {
        raw.write(request(stream)).await;
    }
    let refused = wait_for(&mut raw, |frame| frame.kind == RST_STREAM).await.unwrap();
    assert_eq!((refused.stream, refused.error()), (7, REFUSED_STREAM));
    let asked = async {
        while upstream.notes.all().iter().filter(|note| *note == "asked").count() < 3 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(sluicegate_tests::PATIENCE, asked).await.unwrap();
}

#[tokio::test]
async fn requests_that_are_taken_back_before_they_are_looked_at_end_their_connection() {
    let upstream = silent().await;
    let gateway = Gateway::start(&with_limits(&upstream.url(), ""), &[]);
    let mut raw = frames(gateway.address(), &[]).await;
    let reset = |stream: u32| Frame::new(RST_STREAM, 0, stream, 8_u32.to_be_bytes()).bytes();
    let flood: Vec<u8> = (1..2_000).step_by(2).flat_map(|stream| [request(stream), reset(stream)].concat()).collect();
    raw.try_write(flood).await;
    let end = wait_for(&mut raw, |frame| frame.kind == GOAWAY).await.expect("it is told");
    assert_eq!(end.error(), ENHANCE_YOUR_CALM);
    raw.closed().await;
    wait_for_metric(&gateway, ABUSE.0, ABUSE.1, 1.0).await;
    assert!(upstream.connections() <= 100, "{} requests went upstream", upstream.connections());
}

#[tokio::test]
async fn requests_that_are_taken_back_as_soon_as_they_are_looked_at_end_their_connection() {
    let upstream = silent().await;
    let gateway = Gateway::start(&with_limits(&upstream.url(), ""), &[]);
    let mut raw = frames(gateway.address(), &[]).await;
    let mut count = 0;
    for stream in (1..10_000).step_by(2) {
        let asked = [request(stream), Frame::new(PING, 0, 0, [0; 8]).bytes()].concat();
        // That it answers the ping means that it has read the request.
        if !raw.try_write(asked).await || wait_for(&mut raw, |frame| frame.kind == PING).await.is_none() {
            break;
        }
        if !raw.try_write(Frame::new(RST_STREAM, 0, stream, 8_u32.to_be_bytes()).bytes()).await {
            break;
        }
        count += 1;
    }
    assert!((99..200).contains(&count), "{count} were taken");
    wait_for_metric(&gateway, ABUSE.0, ABUSE.1, 1.0).await;
    wait_for_metric(&gateway, "sluicegate_connections_open", &[], 0.0).await;
    let log = gateway.wait_for_log(count);
    assert!(log.iter().all(|line| line["outcome"] == "client_gone"), "{log:?}");
}

#[tokio::test]
async fn a_client_that_has_asked_in_good_order_before_is_told_of_as_well() {
    let upstream = RawUpstream::start(|mut raw: Raw, _| async move {
        while raw.read_head().await.starts_with("GET /quick") {
            raw.write("HTTP/1.1 204 No Content\r\n\r\n").await;
        }
        raw.closed().await;
    })
    .await;
    let gateway = Gateway::start(&with_limits(&upstream.url(), ""), &[]);
    let mut raw = frames(gateway.address(), &[]).await;
    let mut streams = (1..).step_by(2);
    for stream in streams.by_ref().take(150) {
        raw.write(Frame::new(HEADERS, END_STREAM | END_HEADERS, stream, get_block("/quick")).bytes()).await;
        wait_for(&mut raw, |frame| (frame.kind, frame.stream) == (HEADERS, stream)).await.expect("an answer");
    }
    for stream in streams.take(300) {
        let asked = [request(stream), Frame::new(PING, 0, 0, [0; 8]).bytes()].concat();
        if !raw.try_write(asked).await || wait_for(&mut raw, |frame| frame.kind == PING).await.is_none() {
            break;
        }
        if !raw.try_write(Frame::new(RST_STREAM, 0, stream, 8_u32.to_be_bytes()).bytes()).await {
            break;
        }
    }
    raw.closed().await;
    wait_for_metric(&gateway, ABUSE.0, ABUSE.1, 1.0).await;
}

#[tokio::test]
async fn streams_that_must_be_reset_for_the_clients_errors_end_the_connection() {
    let upstream = silent().await;
    let gateway = Gateway::start(&with_limits(&upstream.url(), ""), &[]);
    let mut raw = frames(gateway.address(), &[]).await;
    for stream in (1..20_000).step_by(2) {
        // A window that overflows makes us reset the stream (MadeYouReset).
        let overflow = Frame::new(WINDOW_UPDATE, 0, stream, 0x7fff_ffff_u32.to_be_bytes()).bytes();
        if !raw.try_write([request(stream), overflow].concat()).await {
            break;
        }
        tokio::task::yield_now().await;
    }
    let end = wait_for(&mut raw, |frame| frame.kind == GOAWAY).await;
    assert!(end.is_none_or(|frame| frame.error() == ENHANCE_YOUR_CALM));
    raw.closed().await;
    wait_for_metric(&gateway, "sluicegate_connections_open", &[], 0.0).await;
    assert!(upstream.connections() <= 400, "{}", upstream.connections());
}

#[tokio::test]
async fn a_head_without_end_is_cut_off() {
    let upstream = Upstream::ok().await;
    let gateway = Gateway::start(&with_limits(&upstream.url(), "head_bytes_max = 16384"), &[]);
    let mut raw = frames(gateway.address(), &[]).await;
    raw.write(Frame::new(HEADERS, END_STREAM, 1, get_block("/")).bytes()).await;
    let filler = block(&[("x", &"y".repeat(1_000))]);
    let mut sent = 0;
    while sent < 10_000 && raw.try_write(Frame::new(CONTINUATION, 0, 1, filler.clone()).bytes()).await {
        sent += 1;
        tokio::task::yield_now().await;
    }
    assert!(sent < 10_000, "it was never stopped");
    raw.closed().await;
    is_as_before(&gateway).await;
    assert_eq!(upstream.received().len(), 1);
}

#[tokio::test]
async fn a_head_that_is_too_long_is_answered_with_431_and_counted() {
    let upstream = Upstream::start(|_| Response::builder().status(431).body(Full::from("ok")).unwrap()).await;
    let text = with_limits(&upstream.url(), "head_bytes_max = 8192");
    let gateway = Gateway::try_start(&text, &[], &[("SLUICEGATE_LOG", "debug")]).unwrap();
    let mut raw = frames(gateway.address(), &[]).await;
    let mut fields = get_block("/");
    fields.extend(block(&[("x", &"y".repeat(10_000))]));
    for (number, stream) in [(1.0, 1), (2.0, 5)] {
        raw.write(Frame::new(HEADERS, END_STREAM | END_HEADERS, stream, fields.clone()).bytes()).await;
        let is_of_it = |frame: &Frame| frame.kind == GOAWAY || frame.stream == stream && frame.kind != WINDOW_UPDATE;
        let answer = wait_for(&mut raw, is_of_it).await.unwrap();
        assert_eq!(answer.kind, HEADERS, "{answer:?}");
        let labels = ["error=\"head_too_large\""];
        wait_for_metric(&gateway, "sluicegate_http2_streams_reset_total", &labels, number).await;
        // One of the upstream's own is none.
        raw.write(request(stream + 2)).await;
        wait_for(&mut raw, |frame| frame.stream == stream + 2 && frame.flags & END_STREAM != 0).await.unwrap();
        assert_eq!(metric(&gateway, "sluicegate_http2_streams_reset_total", &labels).await, number);
    }
    gateway.wait_for_stderr("is longer than `limits.head_bytes_max`; it was answered with 431");
    assert_eq!(upstream.received().len(), 2);
}

#[tokio::test]
async fn a_connection_that_is_given_up_for_a_connect_with_a_body_is_counted_and_one_whose_client_leaves_is_not() {
    let upstream = Upstream::ok().await;
    let gateway = Gateway::start(&with_limits(&upstream.url(), ""), &[]);
    let labels = ["reason=\"http2_protocol\""];
    for last in [request(3), Frame::new(GOAWAY, 0, 0, [0; 8]).bytes()] {
        let mut raw = frames(gateway.address(), &[]).await;
        raw.write(request(1)).await;
        wait_for(&mut raw, |frame| frame.stream == 1 && frame.flags & END_STREAM != 0).await.unwrap();
        raw.write(last).await;
        raw.end_writing().await;
        raw.closed().await;
    }
    assert_eq!(metric(&gateway, "sluicegate_connections_closed_total", &labels).await, 0.0);
    let mut raw = frames(gateway.address(), &[]).await;
    let fields = block(&[(":method", "CONNECT"), (":authority", "x"), ("content-length", "5")]);
    raw.write(Frame::new(HEADERS, END_HEADERS, 1, fields).bytes()).await;
    raw.closed().await;
    wait_for_metric(&gateway, "sluicegate_connections_closed_total", &labels, 1.0).await;
    gateway.wait_for_stderr("such as by a CONNECT that announces a body");
    is_as_before(&gateway).await;
}

#[tokio::test]
async fn floods_of_settings_and_pings_are_answered_no_faster_than_they_are_read() {
    let upstream = Upstream::ok().await;
    let gateway = Gateway::start(&with_limits(&upstream.url(), "body_idle_timeout_ms = 500"), &[]);
    let before = gateway.resident_bytes();
    for frame in [Frame::new(SETTINGS, 0, 0, []), Frame::new(PING, 0, 0, [0; 8])] {
        let mut raw = frames(gateway.address(), &[]).await;
        let flood = frame.bytes().repeat(10_000);
        // It reads nothing; once it must wait for that, the gateway takes no more, and then gives up.
        let mut sent = 0;
        while sent < 4_000 && raw.try_write(&flood).await {
            sent += 1;
        }
        assert!(sent < 4_000, "{sent} floods were taken");
    }
    is_as_before(&gateway).await;
    let grown = gateway.resident_bytes().saturating_sub(before);
    assert!(grown < 32 << 20, "{grown} bytes more");
}

#[tokio::test]
async fn empty_pieces_of_a_body_end_their_connection() {
    let upstream = silent().await;
    let gateway = Gateway::start(&with_limits(&upstream.url(), "body_idle_timeout_ms = 500"), &[]);
    let mut raw = frames(gateway.address(), &[]).await;
    raw.write(Frame::new(HEADERS, END_HEADERS, 1, get_block("/")).bytes()).await;
    let flood = Frame::new(DATA, 0, 1, []).bytes().repeat(1_000);
    let started = Instant::now();
    let mut sent = 0;
    while raw.try_write(&flood).await {
        sent += 1;
        assert!(started.elapsed() < sluicegate_tests::PATIENCE, "{sent} floods were taken");
    }
}

#[tokio::test]
async fn a_stream_whose_client_opens_no_window_is_reset_and_its_neighbours_go_on() {
    let upstream = Upstream::start(|request| {
        Response::new(Full::from("x".repeat(if request.target == "/long" { 1 << 20 } else { 0 })))
    })
    .await;
    let gateway = Gateway::start(&with_limits(&upstream.url(), "body_idle_timeout_ms = 300"), &[]);
    for window in [0, 1, 1_000] {
        let mut raw = frames(gateway.address(), &[(WINDOW, window)]).await;
        let long = Frame::new(HEADERS, END_STREAM | END_HEADERS, 1, get_block("/long")).bytes();
        raw.write(long).await;
        let reset = async {
            loop {
                let frame = next_frame(&mut raw).await.expect("the connection goes on");
                match frame.kind {
                    // Else it would be taken for dead.
                    PING if frame.flags != ACK => raw.write(Frame::new(PING, ACK, 0, frame.payload).bytes()).await,
                    RST_STREAM => return frame,
                    _ => {}
                }
            }
        };
        assert_eq!(reset.await.stream, 1);
        raw.write(Frame::new(HEADERS, END_STREAM | END_HEADERS, 3, get_block("/short")).bytes()).await;
        let answer = wait_for(&mut raw, |frame| frame.kind == HEADERS).await.unwrap();
        assert_eq!(answer.stream, 3);
    }
    gateway.wait_for_stderr("its stream was reset");
    assert_eq!(metric(&gateway, "sluicegate_connections_closed_total", &["reason=\"slow_reader\""]).await, 3.0);
}

#[tokio::test]
async fn an_answer_that_fits_its_window_to_the_byte_is_whole() {
    for length in [1_u32, 1_024, 1_025, 16_384, 16_385, 65_535] {
        let upstream = Upstream::start(move |_| Response::new(Full::from("x".repeat(length as usize)))).await;
        let gateway = Gateway::start(&with_limits(&upstream.url(), ""), &[]);
        let mut raw = frames(gateway.address(), &[(WINDOW, length)]).await;
        raw.write(request(1)).await;
        let mut received = 0;
        loop {
            let frame = wait_for(&mut raw, |frame| frame.kind == DATA).await.unwrap();
            received += frame.payload.len();
            if frame.flags & END_STREAM != 0 {
                break;
            }
        }
        assert_eq!(received, length as usize);
    }
}

#[tokio::test]
async fn a_client_that_answers_no_ping_is_gone() {
    let upstream = Upstream::ok().await;
    let gateway = Gateway::start(&with_limits(&upstream.url(), "body_idle_timeout_ms = 400"), &[]);
    let mut raw = frames(gateway.address(), &[]).await;
    assert!(wait_for(&mut raw, |frame| frame.kind == PING).await.is_some());
    raw.closed().await;
    is_as_before(&gateway).await;
}

#[tokio::test]
async fn a_connection_without_a_request_is_told_to_leave() {
    let upstream = Upstream::ok().await;
    let gateway = Gateway::start(&with_limits(&upstream.url(), "http2_idle_timeout_ms = 200"), &[]);
    let mut raw = frames(gateway.address(), &[]).await;
    raw.write(request(1)).await;
    wait_for(&mut raw, |frame| frame.kind == HEADERS).await.unwrap();
    let end = wait_for(&mut raw, |frame| frame.kind == GOAWAY).await.expect("it is told");
    assert_eq!(end.error(), 0);
    // It does not even acknowledge that.
    raw.closed().await;
    is_as_before(&gateway).await;
}
