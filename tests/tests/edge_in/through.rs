//! What comes in over TLS or HTTP/2 and needs both sides of the gateway: upgrades, and fields behind an answer.

use std::io::ErrorKind;

use http_body_util::BodyExt;
use sluicegate_tests::tls::connect;
use sluicegate_tests::{Authority, Gateway, Notes, RawUpstream, config, http2};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

const SWITCHES: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";

/// A gateway in front of a WebSocket upstream, and a client of it that has been told 101 through TLS.
async fn upgraded(upstream: &RawUpstream) -> (Gateway, TlsStream<TcpStream>) {
    let authority = Authority::new("servers");
    let issued = authority.issue(&["a.example"]);
    let route = config::route(&upstream.url(), "upgrades = [\"websocket\"]");
    let text = format!(
        "{route}\n[[listen]]\naddress = \"127.0.0.1:0\"\n\
         [[listen.tls.certificates]]\ncertificate_file = \"a.pem\"\nkey_file = \"a.key\"\n"
    );
    let files = [("a.pem", issued.certificate.as_bytes()), ("a.key", issued.key.as_bytes())];
    let gateway = Gateway::start(&text, &files);
    let mut client = connect(gateway.address(), authority.client(&["http/1.1"]), "a.example").await.unwrap();
    let asks = "GET /talk HTTP/1.1\r\nhost: a.example\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    client.write_all(asks.as_bytes()).await.unwrap();
    let head = until(&mut client, "\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    (gateway, client)
}

async fn until(client: &mut TlsStream<TcpStream>, end: &str) -> String {
    let mut read = String::new();
    while !read.ends_with(end) {
        read.push(client.read_u8().await.unwrap_or_else(|error| panic!("{error} after {read:?}")).into());
    }
    read
}

#[tokio::test]
async fn an_upgraded_connection_goes_to_and_fro_through_tls_and_ends_in_good_order() {
    let upstream = RawUpstream::start(|mut raw, _| async move {
        raw.read_head().await;
        raw.write(SWITCHES).await;
        let line = raw.read_until("\n").await;
        raw.write(format!("you said {line}")).await;
    })
    .await;
    let (gateway, mut client) = upgraded(&upstream).await;
    client.write_all(b"hello\n").await.unwrap();
    assert_eq!(until(&mut client, "\n").await, "you said hello\n");
    // With the word of TLS that nothing was cut off; without it, this is an error.
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    client.shutdown().await.unwrap();
    let line = gateway.wait_for_log(1).remove(0);
    assert_eq!((&line["upgrade"], &line["outcome"]), (&"websocket".into(), &"complete".into()));
}

#[tokio::test]
async fn an_upstream_that_breaks_resets_an_upgraded_connection_in_tls() {
    let upstream = RawUpstream::start(|mut raw, notes: Notes| async move {
        raw.read_head().await;
        raw.write(SWITCHES).await;
        notes.wait_for("break").await;
        raw.reset();
    })
    .await;
    let (gateway, mut client) = upgraded(&upstream).await;
    upstream.notes.add("break");
    let error = client.read(&mut [0]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
    assert_eq!(gateway.wait_for_log(1)[0]["outcome"], "upstream_cut");
}

#[tokio::test]
async fn fields_behind_an_answer_reach_a_client_of_http2_that_does_not_ask_for_them() {
    let upstream = RawUpstream::start(|mut raw, _| async move {
        raw.read_head().await;
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: grpc-status\r\n";
        raw.write(format!("{head}\r\n3\r\nabc\r\n0\r\ngrpc-status: 0\r\n\r\n")).await;
        raw.closed().await;
    })
    .await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let mut client = http2::connect(gateway.address()).await;
    client.ready().await.unwrap();
    let answer = client.send_request(http2::get("http://x/")).await.unwrap();
    let whole = answer.into_body().collect().await.unwrap();
    assert_eq!(whole.trailers().and_then(|fields| fields.get("grpc-status")).unwrap(), "0");
    assert_eq!(whole.to_bytes(), "abc");
}
