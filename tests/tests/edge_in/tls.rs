//! Certificates by name, versions, certificates of clients, and new files without a restart.

use std::fs;

use rustls::version::{TLS12, TLS13};
use sluicegate_tests::tls::{Issued, connect, der, shown};
use sluicegate_tests::{Authority, Gateway, Upstream, ask_admin, config, http2, wait_for_metric};

const ADMIN: &str = "[admin]\naddress = \"127.0.0.1:0\"\n";

/// One listener with these further lines in `[listen.tls]` and the certificates `a` and `b`.
fn listening(upstream: &Upstream, lines: &str) -> String {
    format!(
        "{ADMIN}{}\n[[listen]]\naddress = \"127.0.0.1:0\"\n[listen.tls]\n{lines}\n\
         [[listen.tls.certificates]]\ncertificate_file = \"a.pem\"\nkey_file = \"a.key\"\n\
         [[listen.tls.certificates]]\ncertificate_file = \"b.pem\"\nkey_file = \"b.key\"\n",
        config::proxy(&upstream.url())
    )
}

struct Certificates {
    authority: Authority,
    a: Issued,
    b: Issued,
}

impl Certificates {
    fn new() -> Certificates {
        let authority = Authority::new("servers");
        let (a, b) = (authority.issue(&["a.example"]), authority.issue(&["b.example", "*.b.example"]));
        Certificates { authority, a, b }
    }

    fn files(&self) -> [(&str, &[u8]); 4] {
        [
            ("a.pem", self.a.certificate.as_bytes()),
            ("a.key", self.a.key.as_bytes()),
            ("b.pem", self.b.certificate.as_bytes()),
            ("b.key", self.b.key.as_bytes()),
        ]
    }
}

/// Status and body of a GET over HTTP/1.1.
async fn get(io: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut io = io;
    io.write_all(b"GET / HTTP/1.1\r\nhost: a.example\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    io.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn each_client_is_shown_the_certificate_for_the_name_that_it_asks_for() {
    let (upstream, certificates) = (Upstream::ok().await, Certificates::new());
    let gateway = Gateway::start(&listening(&upstream, ""), &certificates.files());
    let (a, b) = (der(&certificates.a.certificate), der(&certificates.b.certificate));
    for (name, expected) in [("a.example", &a), ("b.example", &b), ("x.B.example", &b)] {
        let client = certificates.authority.client(&["http/1.1"]);
        let stream = connect(gateway.address(), client, name).await.unwrap();
        assert!(shown(&stream) == *expected, "{name}");
        assert!(get(stream).await.ends_with("ok"), "{name}");
    }
    // For another name it is the first one, which that client does not accept.
    let error = connect(gateway.address(), certificates.authority.client(&[]), "c.example").await.unwrap_err();
    assert!(error.to_string().contains("a.example"), "{error}");
    assert_eq!(upstream.received()[0].headers["x-forwarded-proto"], "https");
}

#[tokio::test]
async fn the_client_chooses_the_protocol_and_one_that_is_not_spoken_is_refused() {
    let (upstream, certificates) = (Upstream::ok().await, Certificates::new());
    let gateway = Gateway::start(&listening(&upstream, ""), &certificates.files());
    let address = gateway.address();
    let client = |protocols: &[&str]| certificates.authority.client(protocols);
    let stream = connect(address, client(&["h2", "http/1.1"]), "a.example").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let mut client_of_h2 = http2::over(stream).await;
    let reply = http2::ask(&mut client_of_h2, http2::get("https://a.example/two")).await.unwrap();
    assert_eq!((reply.status.as_u16(), reply.text().as_str()), (200, "ok"));
    let stream = connect(address, client(&["http/1.1"]), "a.example").await.unwrap();
    assert!(get(stream).await.starts_with("HTTP/1.1 200"));
    let stream = connect(address, client(&[]), "a.example").await.unwrap();
    assert!(get(stream).await.starts_with("HTTP/1.1 200"));
    let refused = connect(address, client(&["h3"]), "a.example").await.unwrap_err();
    assert!(refused.to_string().contains("NoApplicationProtocol"), "{refused}");
    let protocols: Vec<_> = gateway.wait_for_log(3).iter().map(|line| line["protocol"].clone()).collect();
    assert_eq!(protocols, ["h2", "http/1.1", "http/1.1"]);
}

#[tokio::test]
async fn an_older_version_than_the_oldest_allowed_is_refused() {
    let (upstream, certificates) = (Upstream::ok().await, Certificates::new());
    for (lines, with_12) in [("", true), ("min_version = \"1.3\"", false)] {
        let gateway = Gateway::start(&listening(&upstream, lines), &certificates.files());
        let client = |version| certificates.authority.client_with(&[], None, &[version]);
        assert!(connect(gateway.address(), client(&TLS13), "a.example").await.is_ok());
        assert_eq!(connect(gateway.address(), client(&TLS12), "a.example").await.is_ok(), with_12, "{lines}");
    }
}

#[tokio::test]
async fn a_client_without_a_valid_certificate_is_refused_where_one_is_required() {
    let (upstream, certificates) = (Upstream::ok().await, Certificates::new());
    let (clients, strangers) = (Authority::new("clients"), Authority::new("strangers"));
    let (robot, stranger) = (clients.issue_client("robot 7"), strangers.issue_client("robot 7"));
    let mut files = certificates.files().to_vec();
    files.push(("clients.pem", clients.pem.as_bytes()));
    for (lines, without) in [
        ("client_ca_file = \"clients.pem\"", false),
        ("client_ca_file = \"clients.pem\"\nclient_certificates = \"optional\"", true),
    ] {
        let debug = [("SLUICEGATE_LOG", "debug")];
        let gateway = Gateway::try_start(&listening(&upstream, lines), &files, &debug).unwrap();
        let ask = async |certificate: Option<&Issued>| {
            let client = certificates.authority.client_with(&[], certificate, rustls::DEFAULT_VERSIONS);
            // In TLS 1.3 the client learns of the refusal when it reads.
            let mut stream = connect(gateway.address(), client, "a.example").await.ok()?;
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            stream.write_all(b"GET / HTTP/1.1\r\nhost: a.example\r\nconnection: close\r\n\r\n").await.ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.ok()?;
            answer.starts_with("HTTP/1.1 200").then_some(())
        };
        assert!(ask(Some(&robot)).await.is_some(), "{lines}");
        assert_eq!(gateway.wait_for_log(1)[0]["client_certificate"], "CN=robot 7,O=acme");
        assert!(ask(Some(&stranger)).await.is_none(), "{lines}");
        gateway.wait_for_stderr("the client's certificate");
        assert_eq!(ask(None).await.is_some(), without, "{lines}");
        if without {
            assert!(gateway.wait_for_log(2)[1]["client_certificate"].is_null());
        } else {
            gateway.wait_for_stderr("the client presented no certificate");
            wait_for_metric(&gateway, "sluicegate_connections_closed_total", &["reason=\"tls_handshake\""], 2.0).await;
        }
    }
}

#[tokio::test]
async fn new_files_serve_the_next_connection_and_the_open_one_goes_on() {
    let (upstream, certificates) = (Upstream::ok().await, Certificates::new());
    let gateway = Gateway::start(&listening(&upstream, ""), &certificates.files());
    let client = || certificates.authority.client(&["h2"]);
    let stream = connect(gateway.address(), client(), "a.example").await.unwrap();
    let mut open = http2::over(stream).await;
    let ask = http2::ask(&mut open, http2::get("https://a.example/before")).await.unwrap();
    assert_eq!(ask.status, 200);
    let renewed = certificates.authority.issue(&["a.example"]);
    // One after the other, as everyone writes them: the half of it is refused, and nobody notices.
    fs::write(gateway.folder().join("a.pem"), &renewed.certificate).unwrap();
    gateway.wait_for_stderr("is not that of the certificate");
    let stream = connect(gateway.address(), client(), "a.example").await.unwrap();
    assert!(shown(&stream) == der(&certificates.a.certificate), "a broken pair replaced a good one");
    fs::write(gateway.folder().join("a.key"), &renewed.key).unwrap();
    gateway.wait_for_stderr("generation 2 serves new requests");
    let stream = connect(gateway.address(), client(), "a.example").await.unwrap();
    assert!(shown(&stream) == der(&renewed.certificate), "the old certificate is still shown");
    let ask = http2::ask(&mut open, http2::get("https://a.example/after")).await.unwrap();
    assert_eq!(ask.status, 200);
}

#[tokio::test]
async fn a_broken_file_changes_nothing_and_the_status_says_so() {
    let (upstream, certificates) = (Upstream::ok().await, Certificates::new());
    let gateway = Gateway::start(&listening(&upstream, ""), &certificates.files());
    fs::write(gateway.folder().join("b.pem"), "not PEM").unwrap();
    let line = gateway.wait_for_stderr("b.pem: it holds no certificate");
    assert!(line.contains("`[[listen]]` at 127.0.0.1:0"), "{line}");
    gateway.wait_for_stderr("refused at stage `listen`");
    let status = ask_admin(&gateway, "/config/status").await.json();
    assert_eq!(status["last_refused"]["stage"], "listen", "{status}");
    let stream = connect(gateway.address(), certificates.authority.client(&[]), "b.example").await.unwrap();
    assert!(get(stream).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_start_with_files_that_do_not_fit_says_which() {
    let (upstream, certificates) = (Upstream::ok().await, Certificates::new());
    let mut files = certificates.files();
    files[1].1 = certificates.b.key.as_bytes();
    let said = Gateway::try_start(&listening(&upstream, ""), &files, &[]).err().unwrap();
    assert!(said.contains("a.key is not that of the certificate in ") && said.contains("a.pem"), "{said}");
}

#[tokio::test]
async fn a_handshake_that_does_not_come_is_not_waited_for() {
    let (upstream, certificates) = (Upstream::ok().await, Certificates::new());
    let text = format!("{}[limits]\nhead_timeout_ms = 100\n", listening(&upstream, ""));
    let gateway = Gateway::start(&text, &certificates.files());
    let mut silent = sluicegate_tests::Raw::connect(gateway.address()).await;
    silent.closed().await;
    wait_for_metric(&gateway, "sluicegate_connections_closed_total", &["reason=\"tls_handshake\""], 1.0).await;
}
