//! The end of the process in good order, and the access log over its life.

use std::fs;
use std::time::{Duration, Instant};

use sluicegate_tests::{Gateway, Raw, RawUpstream, Upstream, config, get};
use tokio::net::TcpStream;

/// Begins an answer, and goes on when it is told to.
async fn streaming() -> RawUpstream {
    RawUpstream::start(|mut connection, notes| async move {
        connection.read_head().await;
        connection.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n").await;
        notes.wait_for("go on").await;
        connection.try_write("4\r\nlast\r\n0\r\n\r\n").await;
        connection.closed().await;
    })
    .await
}

/// A client in the middle of an answer.
async fn reading(gateway: &Gateway) -> Raw {
    let mut client = Raw::connect(gateway.address()).await;
    client.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    client.read_until("first\r\n").await;
    client
}

async fn is_refused(gateway: &Gateway) {
    let started = Instant::now();
    while TcpStream::connect(gateway.address()).await.is_ok() {
        assert!(started.elapsed() < Duration::from_secs(30), "new connections are still accepted");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_running_stream_ends_in_order_while_new_connections_are_refused() {
    let upstream = streaming().await;
    let gateway =
        Gateway::start(&format!("[admin]\naddress = \"127.0.0.1:0\"\n{}", config::proxy(&upstream.url())), &[]);
    let ready = format!("{}/ready", gateway.admin());
    let health = format!("{}/health", gateway.admin());
    assert_eq!(get(&ready).await.status, 200);
    let client = reading(&gateway).await;
    gateway.signal("TERM");
    gateway.wait_for_stderr("draining: 1 open exchanges");
    is_refused(&gateway).await;
    let draining = get(&ready).await;
    assert_eq!((draining.status.as_u16(), &draining.json()["code"]), (503, &"gateway_not_ready".into()));
    assert_eq!(get(&health).await.status, 200);
    upstream.notes.add("go on");
    let rest = client.read_to_end().await;
    assert!(rest.text().ends_with("last\r\n0\r\n\r\n") && !rest.reset, "{}", rest.text());
    let (status, log, _) = gateway.wait();
    assert_eq!(status.code(), Some(0));
    assert_eq!((log.len(), &log[0]["outcome"]), (1, &"complete".into()));
}

#[tokio::test]
async fn the_deadline_of_a_drain_cuts_what_is_left_and_the_log_says_who_did() {
    let upstream = streaming().await;
    let config = format!("[limits]\ndrain_timeout_ms = 300\n{}", config::proxy(&upstream.url()));
    let gateway = Gateway::start(&config, &[]);
    let client = reading(&gateway).await;
    gateway.signal("TERM");
    let rest = client.read_to_end().await;
    assert!(!rest.text().ends_with("0\r\n\r\n"), "a cut stream must not look whole");
    let (status, log, stderr) = gateway.wait();
    assert_eq!(status.code(), Some(0));
    assert_eq!(log.len(), 1);
    assert_eq!((&log[0]["outcome"], &log[0]["fault"]), (&"timed_out".into(), &"gateway".into()));
    assert_eq!(log[0]["code"], "gateway_draining");
    assert!(stderr.iter().any(|line| line.contains("the time to drain is over")), "{stderr:#?}");
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let upstream = streaming().await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let client = reading(&gateway).await;
    let started = Instant::now();
    gateway.signal("TERM");
    gateway.wait_for_stderr("draining");
    gateway.signal("INT");
    gateway.wait_for_stderr("second signal: ending now");
    client.read_to_end().await;
    let (status, log, _) = gateway.wait();
    assert_eq!((status.code(), log.len()), (Some(0), 1));
    assert_eq!((&log[0]["outcome"], &log[0]["code"]), (&"timed_out".into(), &"gateway_draining".into()));
    // The time to drain is thirty seconds.
    assert!(started.elapsed() < Duration::from_secs(25));
}

#[tokio::test]
async fn an_idle_gateway_with_an_idle_connection_ends_at_once_with_0() {
    let upstream = Upstream::ok().await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let mut client = Raw::connect(gateway.address()).await;
    client.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    client.read_until("ok").await;
    let started = Instant::now();
    gateway.signal("INT");
    client.closed().await;
    let (status, log, stderr) = gateway.wait();
    assert_eq!((status.code(), log.len()), (Some(0), 1));
    assert!(started.elapsed() < Duration::from_secs(15));
    assert!(stderr.iter().any(|line| line.ends_with("ended")), "{stderr:#?}");
}

#[tokio::test]
async fn after_sighup_lines_go_to_a_new_file() {
    let upstream = Upstream::ok().await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let (current, moved) = (gateway.folder().join("access.log"), gateway.folder().join("access.log.1"));
    get(&gateway.url("/before")).await;
    gateway.wait_for_log(1);
    fs::rename(&current, &moved).unwrap();
    gateway.signal("HUP");
    gateway.wait_for_stderr("opened anew");
    get(&gateway.url("/after")).await;
    assert_eq!(gateway.wait_for_log(1)[0]["path"], "/after");
    let old = fs::read_to_string(moved).unwrap();
    assert!(old.contains("/before") && !old.contains("/after"), "{old}");
}

#[tokio::test]
async fn a_log_that_is_off_writes_nothing() {
    let upstream = Upstream::ok().await;
    let gateway = Gateway::start(&format!("access_log = \"off\"\n{}", config::proxy(&upstream.url())), &[]);
    get(&gateway.url("/quiet")).await;
    let folder = gateway.folder().to_owned();
    assert!(!folder.join("access.log").exists());
    let (status, log, stderr) = gateway.stop();
    assert!(status.success() && log.is_empty());
    assert!(!stderr.join("\n").contains("/quiet"), "{stderr:#?}");
}

#[tokio::test]
async fn a_log_on_standard_error_stands_between_the_operators_lines() {
    let upstream = Upstream::ok().await;
    let gateway = Gateway::start(&format!("access_log = \"stderr\"\n{}", config::proxy(&upstream.url())), &[]);
    get(&gateway.url("/loud")).await;
    let line = gateway.wait_for_stderr("/loud");
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&line["path"], &line["outcome"]), (&"/loud".into(), &"complete".into()));
}
