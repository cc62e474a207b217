//! Bounds of connections, each reached.

use std::time::Instant;

use http::Response;
use http_body_util::Full;
use sluicegate_tests::http2::{self, Frame};
use sluicegate_tests::{Gateway, Notes, PATIENCE, Raw, RawUpstream, Upstream, config, metric, wait_for_metric};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpSocket, TcpStream};

const CLOSED: &str = "sluicegate_connections_closed_total";
const GET: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";

fn with_limits(upstream: &str, limits: &str, listen: &str) -> String {
    format!(
        "[admin]\naddress = \"127.0.0.1:0\"\n[limits]\n{limits}\n{}\n[[listen]]\naddress = \"127.0.0.1:0\"\n{listen}\n",
        config::proxy(upstream)
    )
}

#[tokio::test]
async fn an_address_with_as_many_connections_as_it_may_have_gets_no_further_one_until_one_ends() {
    let upstream = Upstream::ok().await;
    let gateway = Gateway::start(&with_limits(&upstream.url(), "connections_per_address_max = 2", ""), &[]);
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut raw = Raw::connect(gateway.address()).await;
        raw.write(GET).await;
        raw.read_until("ok").await;
        open.push(raw);
    }
    Raw::connect(gateway.address()).await.closed().await;
    assert_eq!(metric(&gateway, CLOSED, &["reason=\"address_limit\""]).await, 1.0);
    // Somebody else is served.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = Raw::new(socket.connect(gateway.address()).await.unwrap());
    other.write(GET).await;
    other.read_until("ok").await;
    open.pop();
    wait_for_metric(&gateway, "sluicegate_connections_open", &[], 2.0).await;
    let mut again = Raw::connect(gateway.address()).await;
    again.write(GET).await;
    again.read_until("ok").await;
}

#[tokio::test]
async fn a_trusted_proxy_may_have_more_connections_than_one_address() {
    let upstream = Upstream::ok().await;
    let lines = "trusted_proxies = [\"127.0.0.1\"]";
    let gateway = Gateway::start(&with_limits(&upstream.url(), "connections_per_address_max = 1", lines), &[]);
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut raw = Raw::connect(gateway.address()).await;
        raw.write(GET).await;
        raw.read_until("ok").await;
        open.push(raw);
    }
}

#[tokio::test]
async fn a_head_that_does_not_come_in_time_is_answered_with_408_and_logged() {
    let upstream = Upstream::ok().await;
    let gateway = Gateway::start(&with_limits(&upstream.url(), "head_timeout_ms = 200", ""), &[]);
    let mut raw = Raw::connect(gateway.address()).await;
    raw.write("GET / HTTP/1.1\r\nhost: ").await;
    let answer = raw.read_to_end().await.text();
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
    assert!(
        answer.contains("connection: close\r\n") && answer.contains("\"code\":\"client_head_timeout\""),
        "{answer}"
    );
    let line = &gateway.wait_for_log(1)[0];
    assert_eq!((&line["status"], &line["code"]), (&408.into(), &"client_head_timeout".into()));
    assert_eq!(metric(&gateway, CLOSED, &["reason=\"slow_head\""]).await, 1.0);
    // Not a word is a connection that nobody has used, and is closed without one.
    let mut silent = Raw::connect(gateway.address()).await;
    silent.closed().await;
    assert_eq!(metric(&gateway, CLOSED, &["reason=\"slow_head\""]).await, 1.0);
}

#[tokio::test]
async fn a_body_whose_length_is_known_must_not_trickle() {
    let upstream = RawUpstream::start(|mut raw: Raw, _: Notes| async move { raw.closed().await }).await;
    let limits = "body_idle_timeout_ms = 500\nslow_bytes_per_second = 1000";
    let gateway = Gateway::start(&with_limits(&upstream.url(), limits, ""), &[]);
    let mut raw = Raw::connect(gateway.address()).await;
    raw.write("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n").await;
    let started = Instant::now();
    // Each byte comes before the silence is too long.
    while raw.try_write("x").await && gateway.log().is_empty() {
        assert!(started.elapsed() < PATIENCE, "it goes on for ever");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let line = &gateway.wait_for_log(1)[0];
    assert_eq!((&line["status"], &line["code"]), (&408.into(), &"client_request_slow".into()));
}

#[tokio::test]
async fn a_body_that_trickles_on_a_stream_is_cut_and_its_neighbours_go_on() {
    let upstream = RawUpstream::start(|mut raw: Raw, _: Notes| async move {
        if raw.read_head().await.starts_with("GET") {
            raw.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        }
        raw.closed().await;
    })
    .await;
    let limits = "body_idle_timeout_ms = 500\nslow_bytes_per_second = 1000";
    let gateway = Gateway::start(&with_limits(&upstream.url(), limits, ""), &[]);
    let mut raw = http2::frames(gateway.address(), &[]).await;
    let fields = [(":method", "POST"), (":scheme", "http"), (":authority", "x"), (":path", "/slow")];
    let fields = http2::block(&[&fields[..], &[("content-length", "100000")]].concat());
    raw.write(Frame::new(http2::HEADERS, http2::END_HEADERS, 1, fields).bytes()).await;
    let started = Instant::now();
    // Each byte comes before the silence is too long.
    while gateway.log().is_empty() {
        assert!(started.elapsed() < PATIENCE, "it goes on for ever");
        raw.write(Frame::new(http2::DATA, 0, 1, "x").bytes()).await;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let line = &gateway.wait_for_log(1)[0];
    assert_eq!((&line["status"], &line["code"]), (&408.into(), &"client_request_slow".into()));
    let neighbour = http2::get_block("/neighbour");
    raw.write(Frame::new(http2::HEADERS, http2::END_STREAM | http2::END_HEADERS, 3, neighbour).bytes()).await;
    let answer = http2::wait_for(&mut raw, |frame| frame.stream == 3 && frame.flags & http2::END_STREAM != 0).await;
    assert_eq!(answer.unwrap().payload, b"ok");
}

#[tokio::test]
async fn a_client_that_takes_an_answer_byte_by_byte_is_cut() {
    let upstream = Upstream::start(|_| Response::new(Full::from(vec![b'x'; 64 << 20]))).await;
    let limits = "body_idle_timeout_ms = 1000\nslow_bytes_per_second = 1000000";
    let gateway = Gateway::start(&with_limits(&upstream.url(), limits, ""), &[]);
    let socket = TcpSocket::new_v4().unwrap();
    // A small window, so that the gateway feels how slow it is.
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stream: TcpStream = socket.connect(gateway.address()).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, GET.as_bytes()).await.unwrap();
    let started = Instant::now();
    let mut piece = [0; 4_096];
    while gateway.log().is_empty() {
        assert!(started.elapsed() < PATIENCE, "it goes on for ever");
        let read = stream.read(&mut piece).await.unwrap_or(0);
        if read == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(gateway.wait_for_log(1)[0]["outcome"], "client_gone");
    wait_for_metric(&gateway, CLOSED, &["reason=\"slow_reader\""], 1.0).await;
}

#[tokio::test]
async fn an_upgraded_connection_holds_its_places_until_it_ends() {
    let upstream = RawUpstream::start(|mut raw: Raw, _: Notes| async move {
        if raw.read_head().await.contains("upgrade") {
            raw.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n").await;
        } else {
            raw.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        }
        raw.closed().await;
    })
    .await;
    let asks = "GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
    let text = |limit: &str| {
        let route = config::route(&upstream.url(), "upgrades = [\"echo\"]");
        format!("[admin]\naddress = \"127.0.0.1:0\"\n[limits]\n{limit} = 1\n{route}")
    };
    // That of its address.
    let gateway = Gateway::start(&text("connections_per_address_max"), &[]);
    let mut tunnel = Raw::connect(gateway.address()).await;
    tunnel.write(asks).await;
    tunnel.read_head().await;
    Raw::connect(gateway.address()).await.closed().await;
    assert_eq!(metric(&gateway, CLOSED, &["reason=\"address_limit\""]).await, 1.0);
    assert_eq!(metric(&gateway, "sluicegate_connections_open", &[]).await, 1.0);
    drop(tunnel);
    wait_for_metric(&gateway, "sluicegate_connections_open", &[], 0.0).await;
    let mut next = Raw::connect(gateway.address()).await;
    next.write(GET).await;
    next.read_until("ok").await;
    // That of the whole gateway: the next connection waits in the system's queue.
    let gateway = Gateway::start(&text("connections_max"), &[]);
    let mut tunnel = Raw::connect(gateway.address()).await;
    tunnel.write(asks).await;
    tunnel.read_head().await;
    let mut next = Raw::connect(gateway.address()).await;
    next.write(GET).await;
    let early = tokio::time::timeout(std::time::Duration::from_millis(300), next.read_until("ok")).await;
    assert!(early.is_err(), "a second connection was served beside the tunnel");
    drop(tunnel);
    next.read_until("ok").await;
}
