//! curl, in each protocol and over TLS: answers, uploads that wait for 100, trailers, and a connection that is kept.

use std::process::Command;

use http::Response;
use http_body_util::Full;
use sluicegate_tests::{Authority, Gateway, Upstream, config, parts, script};

/// What curl writes behind an answer: version, status, connections made.
const WRITE_OUT: &str = "\n%{http_version} %{response_code} %{num_connects}";

/// Says how much came with a request, and by which method.
async fn counting() -> Upstream {
    Upstream::start(|request| {
        let text = format!("{} {} {}", request.method, request.target, request.body.len());
        Response::new(Full::from(text))
    })
    .await
}

/// Two listeners, in clear text and over TLS.
fn gateway(upstream: &Upstream) -> (Gateway, Authority) {
    let authority = Authority::new("servers");
    let issued = authority.issue(&["localhost", "127.0.0.1"]);
    let listen = "[[listen]]\naddress = \"127.0.0.1:0\"\n[[listen]]\naddress = \"127.0.0.1:0\"\n\
                  [[listen.tls.certificates]]\ncertificate_file = \"a.pem\"\nkey_file = \"a.key\"\n";
    let files = [
        ("a.pem", issued.certificate.as_bytes()),
        ("a.key", issued.key.as_bytes()),
        ("ca.pem", authority.pem.as_bytes()),
    ];
    (Gateway::start(&format!("{}\n{listen}", config::proxy(&upstream.url())), &files), authority)
}

fn curl(gateway: &Gateway, flags: &[&str]) -> Command {
    let mut curl = parts::client("curl");
    // No file of the user's changes what is asked.
    curl.args(["--disable", "--silent", "--show-error", "--max-time", "60", "--noproxy", "*"]);
    curl.args(["--write-out", WRITE_OUT]).args(flags).current_dir(gateway.folder());
    curl
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_comes_in_whichever_protocol_curl_is_told_to_speak() {
    let upstream = counting().await;
    let (gateway, _authority) = gateway(&upstream);
    let (clear, tls) = (gateway.url("/a?b"), format!("https://localhost:{}/a?b", gateway.address_of(1).port()));
    let cases: [(&[&str], &str, &str); 7] = [
        (&["--http1.0"], &clear, "1"),
        (&["--http1.1"], &clear, "1.1"),
        // Asks for an upgrade to HTTP/2, which is there by prior knowledge alone: the answer is one of HTTP/1.1.
        (&["--http2"], &clear, "1.1"),
        (&["--http2-prior-knowledge"], &clear, "2"),
        (&["--cacert", "ca.pem"], &tls, "2"),
        (&["--cacert", "ca.pem", "--http1.1"], &tls, "1.1"),
        (&["--cacert", "ca.pem", "--tls-max", "1.2"], &tls, "2"),
    ];
    for (number, (flags, url, version)) in cases.into_iter().enumerate() {
        let mut curl = curl(&gateway, flags);
        curl.arg(url);
        assert_eq!(script::said(curl).await, format!("GET /a?b 0\n{version} 200 1"), "{flags:?}");
        let line = &gateway.wait_for_log(number + 1)[number];
        assert_eq!((&line["outcome"], &line["path"]), (&"complete".into(), &"/a".into()), "{flags:?}");
    }
    assert!(upstream.received().iter().all(|request| !request.headers.contains_key("http2-settings")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_curl_does_not_know_is_curls_to_refuse() {
    let upstream = counting().await;
    let (gateway, _authority) = gateway(&upstream);
    let mut curl = curl(&gateway, &[]);
    curl.arg(format!("https://localhost:{}/", gateway.address_of(1).port()));
    // "Peer certificate cannot be authenticated with known CA certificates."
    assert_eq!(script::output(curl).await.status.code(), Some(60));
    assert!(upstream.received().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_waits_for_100_arrives_whole_in_each_protocol() {
    const BYTES: usize = 3 << 20;
    let upstream = counting().await;
    let (gateway, _authority) = gateway(&upstream);
    std::fs::write(gateway.folder().join("body"), vec![b'x'; BYTES]).unwrap();
    let (clear, tls) = (gateway.url("/up"), format!("https://localhost:{}/up", gateway.address_of(1).port()));
    let cases: [(&[&str], &str, &str); 5] = [
        (&["--http1.1", "--expect100-timeout", "50"], &clear, "1.1"),
        (&["--http1.1", "--header", "transfer-encoding: chunked", "--expect100-timeout", "50"], &clear, "1.1"),
        (&["--http1.1", "--header", "expect:"], &clear, "1.1"),
        (&["--http2-prior-knowledge"], &clear, "2"),
        (&["--cacert", "ca.pem"], &tls, "2"),
    ];
    for (flags, url, version) in cases {
        // Had it waited in vain for 100, curl would have been cut off by then.
        let mut curl = curl(&gateway, &["--max-time", "30", "--data-binary", "@body"]);
        curl.args(flags).arg(url);
        let expected = format!("POST /up {BYTES}\n{version} 200 1");
        assert_eq!(script::said(curl).await, expected, "{flags:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_go_on_one_connection_and_a_head_has_no_body() {
    let upstream = counting().await;
    let (gateway, _authority) = gateway(&upstream);
    // With prior knowledge this curl cannot use a connection again, whichever server it speaks to.
    let tls = format!("https://localhost:{}", gateway.address_of(1).port());
    for (flags, url, version) in [(&["--http1.1"][..], gateway.url(""), "1.1"), (&["--cacert", "ca.pem"], tls, "2")] {
        let mut curl = curl(&gateway, flags);
        curl.args([format!("{url}/1"), format!("{url}/2"), format!("{url}/3")]);
        let said = script::said(curl).await;
        // The first one connects.
        let expected = format!("GET /1 0\n{version} 200 1GET /2 0\n{version} 200 0GET /3 0\n{version} 200 0");
        assert_eq!(said, expected);
    }
    let mut head = curl(&gateway, &["--head", "--http1.1"]);
    head.args([gateway.url("/1"), gateway.url("/2")]);
    let said = script::said(head).await;
    assert!(said.ends_with("1.1 200 0") && said.contains("content-length: 9\r\n"), "{said}");
}
