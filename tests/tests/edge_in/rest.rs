//! Connections of HTTP/1.1 between two requests that are far apart: they are put to rest, and nobody notices.

use std::time::{Duration, Instant};

use sluicegate_tests::tls::connect;
use sluicegate_tests::{Authority, Gateway, Raw, Upstream, config, metric, wait_for_metric};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const GET: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
/// Twice as long as it takes until a connection is at rest. Nothing tells when it is: that is what is tried here.
const REST: Duration = Duration::from_millis(400);

fn gateway(upstream: &Upstream, limits: &str, route: &str) -> Gateway {
    let proxy = config::route(&upstream.url(), route);
    Gateway::start(&format!("[admin]\naddress = \"127.0.0.1:0\"\n[limits]\n{limits}\n{proxy}"), &[])
}

/// On which a request was answered.
async fn asked(gateway: &Gateway) -> Raw {
    let mut raw = Raw::connect(gateway.address()).await;
    raw.write(GET).await;
    raw.read_until("\r\n\r\nok").await;
    raw
}

#[tokio::test]
async fn a_connection_at_rest_answers_the_next_request_however_that_comes() {
    let upstream = Upstream::ok().await;
    let gateway = gateway(&upstream, "", "");
    let mut raw = asked(&gateway).await;
    tokio::time::sleep(REST).await;
    raw.write("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello").await;
    raw.read_until("\r\n\r\nok").await;
    tokio::time::sleep(REST).await;
    // Two at once, and a head in pieces of which one comes before the rest.
    raw.write(format!("{GET}{GET}")).await;
    raw.read_until("\r\n\r\nok").await;
    raw.read_until("\r\n\r\nok").await;
    raw.write(&GET[..7]).await;
    tokio::time::sleep(REST).await;
    raw.write(&GET[7..]).await;
    raw.read_until("\r\n\r\nok").await;
    let received = upstream.received();
    assert_eq!(received.iter().map(|request| request.body.len()).collect::<Vec<_>>(), [0, 5, 0, 0, 0]);
    assert_eq!(metric(&gateway, "sluicegate_connections_open", &[]).await, 1.0);
}

#[tokio::test]
async fn a_connection_at_rest_goes_on_in_tls_and_ends_with_its_word() {
    let (upstream, authority) = (Upstream::ok().await, Authority::new("servers"));
    let issued = authority.issue(&["a.example"]);
    let text = format!(
        "[limits]\nhead_timeout_ms = 1_500\n{}\n[[listen]]\naddress = \"127.0.0.1:0\"\n\
         [[listen.tls.certificates]]\ncertificate_file = \"a.pem\"\nkey_file = \"a.key\"\n",
        config::proxy(&upstream.url())
    );
    let files = [("a.pem", issued.certificate.as_bytes()), ("a.key", issued.key.as_bytes())];
    let gateway = Gateway::start(&text, &files);
    let mut client = connect(gateway.address(), authority.client(&["http/1.1"]), "a.example").await.unwrap();
    for _ in 0..3 {
        client.write_all(GET.as_bytes()).await.unwrap();
        let mut answer = String::new();
        while !answer.ends_with("\r\n\r\nok") {
            answer.push(client.read_u8().await.unwrap().into());
        }
        tokio::time::sleep(REST).await;
    }
    // Without the word of TLS that nothing was cut off, this is an error.
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_body_that_still_comes_behind_its_answer_is_never_read_as_a_request() {
    let upstream = Upstream::ok().await;
    let gateway = gateway(&upstream, "", "chain = [{ plugin = \"api-key\" }]");
    let smuggled = "GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n";
    for framing in [format!("content-length: {}", 5 + smuggled.len()), "transfer-encoding: chunked".to_owned()] {
        let mut raw = Raw::connect(gateway.address()).await;
        let first = if framing.starts_with("content") { "hello" } else { "5\r\nhel" };
        raw.write(format!("POST / HTTP/1.1\r\nhost: x\r\n{framing}\r\n\r\n{first}")).await;
        let head = raw.read_head().await;
        assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
        tokio::time::sleep(REST).await;
        raw.try_write(smuggled).await;
        let rest = raw.read_to_end().await.text();
        assert!(!rest.contains("HTTP/1.1"), "{rest}");
    }
    assert!(gateway.wait_for_log(2).iter().all(|line| line["path"] == "/"));
}

#[tokio::test]
async fn a_connection_at_rest_ends_with_its_time_with_the_drain_and_with_its_client() {
    let upstream = Upstream::ok().await;
    let gateway = gateway(&upstream, "head_timeout_ms = 1_000\ndrain_delay_ms = 0", "");
    let began = Instant::now();
    let raw = asked(&gateway).await;
    let rest = raw.read_to_end().await;
    assert!(rest.bytes.is_empty() && !rest.reset, "{rest:?}");
    assert!((900..5_000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    for reset in [false, true] {
        let raw = asked(&gateway).await;
        tokio::time::sleep(REST).await;
        if reset {
            raw.reset();
        }
        wait_for_metric(&gateway, "sluicegate_connections_open", &[], 0.0).await;
    }
    // Nobody was slow with a head.
    assert_eq!(metric(&gateway, "sluicegate_connections_closed_total", &[]).await, 0.0);
    // Half a head is, also where it comes after a rest.
    let mut raw = asked(&gateway).await;
    raw.write(&GET[..7]).await;
    let answer = raw.read_to_end().await.text();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    let raw = asked(&gateway).await;
    tokio::time::sleep(REST).await;
    gateway.signal("TERM");
    let rest = raw.read_to_end().await;
    assert!(rest.bytes.is_empty() && !rest.reset, "{rest:?}");
    assert_eq!(gateway.wait().0.code(), Some(0));
}
