//! Who the client is, where proxies stand in front, and who is served.

use sluicegate_tests::{Gateway, Raw, Upstream, config, metric, wait_for_metric};

const CLOSED: &str = "sluicegate_connections_closed_total";

fn listening(upstream: &Upstream, lines: &str) -> String {
    let admin = "[admin]\naddress = \"127.0.0.1:0\"\n";
    format!("{admin}{}\n[[listen]]\naddress = \"127.0.0.1:0\"\n{lines}\n", config::proxy(&upstream.url()))
}

/// The whole answer to these bytes.
async fn said(gateway: &Gateway, bytes: impl AsRef<[u8]>) -> String {
    let mut raw = Raw::connect(gateway.address()).await;
    raw.write(bytes).await;
    raw.read_to_end().await.text()
}

fn get(fields: &str) -> String {
    format!("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{fields}\r\n")
}

/// The last value of a field that the upstream has received.
fn received(upstream: &Upstream, name: &str) -> String {
    upstream.received().last().unwrap().headers[name].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_trusted_proxy_says_who_the_client_is_and_anybody_else_does_not() {
    let upstream = Upstream::ok().await;
    let fields =
        "x-forwarded-for: 203.0.113.9, 192.0.2.7\r\nx-forwarded-proto: https\r\nx-forwarded-host: a.example\r\n";
    for (lines, address, chain, proto, host) in [
        ("", "127.0.0.1", "127.0.0.1", "http", "x"),
        ("trusted_proxies = [\"10.0.0.0/8\"]", "127.0.0.1", "127.0.0.1", "http", "x"),
        ("trusted_proxies = [\"127.0.0.0/8\"]", "192.0.2.7", "192.0.2.7, 127.0.0.1", "https", "a.example"),
    ] {
        let gateway = Gateway::start(&listening(&upstream, lines), &[]);
        assert!(said(&gateway, get(fields)).await.starts_with("HTTP/1.1 200"), "{lines}");
        assert_eq!(gateway.wait_for_log(1)[0]["client_address"], address, "{lines}");
        assert_eq!(received(&upstream, "x-forwarded-for"), chain, "{lines}");
        assert_eq!(received(&upstream, "x-forwarded-proto"), proto, "{lines}");
        assert_eq!(received(&upstream, "x-forwarded-host"), host, "{lines}");
    }
}

#[tokio::test]
async fn the_header_of_the_proxy_protocol_names_the_client_of_each_request() {
    let upstream = Upstream::ok().await;
    let lines = "proxy_protocol = true\ntrusted_proxies = [\"127.0.0.1\"]";
    let gateway = Gateway::start(&listening(&upstream, lines), &[]);
    let version_1 = "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n".as_bytes().to_vec();
    let mut version_2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    version_2.extend([192, 0, 2, 8, 198, 51, 100, 1, 0xdc, 4, 1, 0xbb]);
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0".to_vec();
    for (number, (header, client)) in
        [(version_1, "192.0.2.7"), (version_2, "192.0.2.8"), (local, "127.0.0.1")].into_iter().enumerate()
    {
        let bytes = [header, get("").into_bytes()].concat();
        assert!(said(&gateway, bytes).await.starts_with("HTTP/1.1 200"), "{client}");
        assert_eq!(gateway.wait_for_log(number + 1)[number]["client_address"], client);
        assert_eq!(received(&upstream, "x-forwarded-for"), client);
    }
    // Without one, nobody knows for whom it is.
    assert_eq!(said(&gateway, get("")).await, "");
    wait_for_metric(&gateway, CLOSED, &["reason=\"proxy_header\""], 1.0).await;
    assert_eq!(upstream.received().len(), 3);
}

#[tokio::test]
async fn a_header_of_the_proxy_protocol_from_anybody_else_is_not_even_read() {
    let upstream = Upstream::ok().await;
    let lines = "proxy_protocol = true\ntrusted_proxies = [\"10.0.0.0/8\"]";
    let gateway = Gateway::start(&listening(&upstream, lines), &[]);
    Raw::connect(gateway.address()).await.closed().await;
    wait_for_metric(&gateway, CLOSED, &["reason=\"proxy_header\""], 1.0).await;
    // And where none is expected, it is no request.
    let gateway = Gateway::start(&listening(&upstream, "trusted_proxies = [\"127.0.0.1\"]"), &[]);
    let answer = said(&gateway, format!("PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n{}", get(""))).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn addresses_that_are_denied_or_not_allowed_are_closed_without_a_word() {
    let upstream = Upstream::ok().await;
    for (lines, served) in [
        ("deny = [\"127.0.0.0/8\"]", false),
        ("allow = [\"10.0.0.0/8\"]", false),
        ("allow = [\"127.0.0.1\"]\ndeny = [\"127.0.0.1\"]", false),
        ("allow = [\"127.0.0.1\", \"::1\"]\ndeny = [\"10.0.0.0/8\"]", true),
    ] {
        let gateway = Gateway::start(&listening(&upstream, lines), &[]);
        let mut raw = Raw::connect(gateway.address()).await;
        raw.try_write(get("")).await;
        assert_eq!(raw.read_to_end().await.text().starts_with("HTTP/1.1 200"), served, "{lines}");
        let closed = metric(&gateway, CLOSED, &["reason=\"address_denied\""]).await;
        assert_eq!(closed, if served { 0.0 } else { 1.0 }, "{lines}");
    }
}

#[tokio::test]
async fn a_client_behind_a_trusted_proxy_is_judged_by_its_own_address() {
    let upstream = Upstream::ok().await;
    let lines = "trusted_proxies = [\"127.0.0.1\"]\nallow = [\"192.0.2.0/24\"]\ndeny = [\"192.0.2.66\"]";
    let gateway = Gateway::start(&listening(&upstream, lines), &[]);
    for (client, status) in [("192.0.2.7", "200"), ("192.0.2.66", "403"), ("203.0.113.9", "403")] {
        let answer = said(&gateway, get(&format!("x-forwarded-for: {client}\r\n"))).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{client}: {answer}");
    }
    let log = gateway.wait_for_log(3);
    assert_eq!((&log[1]["code"], &log[1]["client_address"]), (&"client_address_denied".into(), &"192.0.2.66".into()));
    assert_eq!(upstream.received().len(), 1);
}
