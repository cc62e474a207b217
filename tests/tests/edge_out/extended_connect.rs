//! Clients of HTTP/2 that speak another protocol on one of their streams (RFC 8441), in front of upstreams of HTTP/1.1.

use http::Request;
use sluicegate_tests::http2::{self, Extended, Streams};
use sluicegate_tests::{Gateway, Notes, RawUpstream, Script, Upstream, config, metric, wait_for_metric};

use crate::upgrades::gateway;

const SWITCHES: &str =
    "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo/2\r\nx-from: up\r\n\r\n";

/// Switches, and then gives back all that comes until `end`, behind which it hangs up.
async fn echoing() -> RawUpstream {
    RawUpstream::start(|mut raw, notes| async move {
        notes.add(raw.read_head().await);
        raw.write(SWITCHES).await;
        while let Some(line) = raw.try_read_until("\n").await {
            notes.add(line.trim_end());
            if !raw.try_write(&line).await || line == "end\n" {
                return;
            }
        }
        notes.add("closed");
    })
    .await
}

/// A stream on which the other protocol is spoken.
async fn speaking(gateway: &Gateway) -> (Streams, Extended) {
    let mut client = Streams::connect(gateway.address()).await;
    let stream = client.extended("echo/2", &[]).await;
    assert_eq!(stream.head.status, 200);
    (client, stream)
}

/// A short message of a WebSocket's client, and one of its server (RFC 6455, 5.2).
fn message(text: &str, is_clients: bool) -> Vec<u8> {
    // A mask of zeros leaves the text as it is.
    let (length, mask) = if is_clients { (0x80, &[0; 4][..]) } else { (0, &[][..]) };
    [&[0x81, length | text.len() as u8], mask, text.as_bytes()].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_over_http2_reaches_a_library_that_knows_http1_alone() {
    let (_server, port) = Script::serving("websocket.py", &["serve".to_owned()]);
    let gateway = gateway(&format!("http://127.0.0.1:{port}"), "", "");
    let mut client = Streams::connect(gateway.address()).await;
    let fields = [("sec-websocket-version", "13"), ("sec-websocket-protocol", "echo.v1"), ("origin", "http://x")];
    let mut stream = client.extended("websocket", &fields).await;
    assert_eq!(stream.head.status, 200);
    let headers = &stream.head.headers;
    assert_eq!(headers["sec-websocket-protocol"], "echo.v1");
    for gone in ["sec-websocket-accept", "upgrade", "connection"] {
        assert!(!headers.contains_key(gone), "{headers:?}");
    }
    for text in ["hello", "leave"] {
        stream.send(message(text, true));
        let echoed = message(text, false);
        assert_eq!(stream.read(echoed.len()).await, echoed);
    }
    // It says its 4001, and waits for ours.
    assert_eq!(stream.read(11).await, b"\x88\x09\x0f\xa1as told");
    stream.send(&[0x88, 0x82, 0, 0, 0, 0, 0x0f, 0xa1][..]);
    assert!(stream.next().await.is_none());
    drop(stream);
    let line = gateway.wait_for_log(1).remove(0);
    let facts = ["status", "method", "protocol", "outcome", "upgrade"].map(|name| line[name].clone());
    let expected = [200.into(), "GET".into(), "h2".into(), "complete".into(), "websocket".into()];
    assert_eq!(facts, expected as [serde_json::Value; 5]);
    assert_eq!((&line["request_bytes"], &line["reply_bytes"]), (&30.into(), &25.into()));
    assert_eq!(metric(&gateway, "sluicegate_upgrades_total", &["route=\"all\""]).await, 1.0);
    wait_for_metric(&gateway, "sluicegate_upgraded_open", &["route=\"all\""], 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_beside_a_101_says_nothing() {
    let upstream = RawUpstream::start(|mut raw, _| async move {
        raw.read_head().await;
        raw.write(SWITCHES.replace("x-from: up", "content-length: 5")).await;
        let line = raw.read_until("\n").await;
        raw.write(line).await;
        raw.closed().await;
    })
    .await;
    let gateway = gateway(&upstream.url(), "", "");
    let (_client, mut stream) = speaking(&gateway).await;
    stream.send("hello\n");
    assert_eq!(stream.read(6).await, b"hello\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_upstream_is_asked_as_by_http1_and_nothing_passes_before_its_101() {
    let upstream = RawUpstream::start(|mut raw, notes: Notes| async move {
        notes.add(raw.read_head().await.to_ascii_lowercase());
        notes.wait_for("switch").await;
        notes.add(if raw.has_read_nothing() { "nothing came" } else { "bytes came" });
        raw.write(SWITCHES).await;
        let line = raw.read_until("\n").await;
        raw.write(line).await;
    })
    .await;
    let gateway = gateway(&upstream.url(), "", "");
    let client = Streams::connect(gateway.address()).await;
    let asking = tokio::spawn(async move {
        let mut client = client;
        let mut stream = client.ask(http2::extended("echo/2"), "early\n").await;
        let echoed = stream.read(6).await;
        (stream.head.clone(), echoed, stream.next().await.is_none())
    });
    upstream.notes.wait_for_some(|note| note.starts_with("get /talk http/1.1\r\n")).await;
    assert!(!asking.is_finished());
    upstream.notes.add("switch");
    let (head, echoed, ended) = asking.await.unwrap();
    assert_eq!((head.status.as_u16(), &echoed[..], ended), (200, &b"early\n"[..], true));
    assert_eq!(head.headers["x-from"], "up");
    assert_eq!(head.headers["via"], "1.1 sluicegate");
    let asked = &upstream.notes.all()[1];
    for field in
        ["connection: upgrade\r\n", "upgrade: echo/2\r\n", "via: 2.0 sluicegate\r\n", "x-forwarded-host: x\r\n"]
    {
        assert_eq!(asked.matches(field).count(), 1, "{field:?} in {asked}");
    }
    assert!(!asked.contains(":protocol") && !asked.contains("transfer-encoding"), "{asked}");
    assert!(upstream.notes.all().contains(&"nothing came".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_route_does_not_allow_is_refused_and_no_upstream_hears_of_it() {
    let upstream = Upstream::ok().await;
    let without = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let with = gateway(&upstream.url(), "", "");
    for (gateway, protocol) in [(&without, "websocket"), (&with, "connect-udp"), (&with, "h2c")] {
        let mut client = Streams::connect(gateway.address()).await;
        let mut refused = client.extended(protocol, &[]).await;
        let body = String::from_utf8(refused.read(usize::MAX).await).unwrap();
        assert_eq!(refused.head.status, 501, "{protocol}");
        assert!(body.contains("\"client_protocol_not_allowed\""), "{body}");
    }
    // Without a protocol, a CONNECT would be a way to anywhere.
    let mut client = Streams::connect(with.address()).await;
    let refused = client.ask(Request::connect("x:80").body(()).unwrap(), "").await;
    assert_eq!(refused.head.status, 400);
    assert!(upstream.received().is_empty());
    let codes: Vec<_> = with.wait_for_log(3).iter().map(|line| line["code"].clone()).collect();
    assert_eq!(codes, ["client_protocol_not_allowed", "client_protocol_not_allowed", "client_bad_request"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chain_decides_before_the_upstream_hears_of_it() {
    let upstream = echoing().await;
    let gateway = gateway(&upstream.url(), "chain = [{ plugin = \"api-key\" }]", "");
    let mut client = Streams::connect(gateway.address()).await;
    assert_eq!(client.extended("echo/2", &[]).await.head.status, 401);
    assert!(upstream.notes.all().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_switch_is_an_error_unless_it_is_one_already() {
    let accepts = |proof: &str| {
        format!("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n{proof}\r\n")
    };
    for (answer, status, code) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_owned(), 502, "upstream_not_upgraded".into()),
        ("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno".to_owned(), 403, serde_json::Value::Null),
        (accepts("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), 502, "upstream_broken".into()),
        (accepts(""), 502, "upstream_broken".into()),
    ] {
        let upstream = RawUpstream::start(move |mut raw, _| {
            let answer = answer.clone();
            async move {
                raw.read_head().await;
                raw.write(answer).await;
                raw.closed().await;
            }
        })
        .await;
        let gateway = gateway(&upstream.url(), "", "");
        let mut client = Streams::connect(gateway.address()).await;
        let mut stream = client.extended("websocket", &[]).await;
        let body = String::from_utf8(stream.read(usize::MAX).await).unwrap();
        assert_eq!(stream.head.status, status, "{code}: {body}");
        let line = gateway.wait_for_log(1).remove(0);
        assert_eq!((&line["code"], &line["upgrade"]), (&code, &serde_json::Value::Null));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_directions_wait_for_who_reads() {
    const PIECE: usize = 16 * 1024;
    const ALL: usize = 16 << 20;
    let upstream = RawUpstream::start(|mut raw, notes: Notes| async move {
        raw.read_head().await;
        raw.write(SWITCHES).await;
        let mut sent = 0;
        while sent < ALL && raw.try_write(vec![b'x'; PIECE]).await {
            sent += PIECE;
            notes.add(format!("sent {sent}"));
        }
    })
    .await;
    let gateway = gateway(&upstream.url(), "", "");
    let (_client, mut stream) = speaking(&gateway).await;
    // What it has sent stops growing: between both there are windows and the system's buffers, and not more.
    let mut before = 0;
    loop {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let sent = upstream.notes.all().len();
        if sent == before && sent > 1 {
            break;
        }
        before = sent;
    }
    assert!(before * PIECE < ALL / 2, "{before} pieces are on the way");
    let mut read = 0;
    while let Some(piece) = stream.next().await {
        read += piece.unwrap().len();
    }
    assert_eq!(read, ALL);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_ends_and_who_breaks_is_noted_and_the_other_side_hears_of_it() {
    let upstream = echoing().await;
    let gateway = gateway(&upstream.url(), "", "");
    // The upstream ends.
    let (_client, mut stream) = speaking(&gateway).await;
    stream.send("end\n");
    assert_eq!((stream.read(4).await, stream.next().await.is_none()), (b"end\n".to_vec(), true));
    stream.sending.send_data(Default::default(), true).unwrap();
    assert_eq!(gateway.wait_for_log(1)[0]["outcome"], "complete");
    // The client ends.
    let (_client, mut stream) = speaking(&gateway).await;
    stream.sending.send_data("last\n".into(), true).unwrap();
    assert_eq!((stream.read(5).await, stream.next().await.is_none()), (b"last\n".to_vec(), true));
    upstream.notes.wait_for("closed").await;
    assert_eq!(gateway.wait_for_log(2)[1]["outcome"], "complete");

    // The upstream breaks: the stream is reset, and its neighbour goes on.
    let breaking = RawUpstream::start(|mut raw, notes: Notes| async move {
        let head = raw.read_head().await;
        raw.write(SWITCHES).await;
        if head.contains("x-breaks") {
            notes.wait_for("break").await;
            return raw.reset();
        }
        let line = raw.read_until("\n").await;
        raw.write(line).await;
    })
    .await;
    let gateway = self::gateway(&breaking.url(), "", "");
    let (mut client, mut neighbour) = speaking(&gateway).await;
    let mut stream = client.extended("echo/2", &[("x-breaks", "1")]).await;
    breaking.notes.add("break");
    let error = stream.next().await.unwrap().unwrap_err();
    assert_eq!((error.is_reset(), error.reason()), (true, Some(h2::Reason::CANCEL)));
    let line = gateway.wait_for_log(1).remove(0);
    assert_eq!((&line["outcome"], &line["fault"]), (&"upstream_cut".into(), &"upstream".into()));
    neighbour.send("still\n");
    assert_eq!(neighbour.read(6).await, b"still\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_breaks_leaves_the_upstream_in_no_doubt() {
    let hearing = RawUpstream::start(|mut raw, notes: Notes| async move {
        raw.read_head().await;
        raw.write(SWITCHES).await;
        notes.add(format!("reset {}", raw.read_to_end().await.reset));
    })
    .await;
    let gateway = gateway(&hearing.url(), "", "");
    let heard = |times| {
        let notes = hearing.notes.clone();
        async move { notes.wait_for_count("reset true", times).await }
    };
    // Its stream.
    let (client, mut stream) = speaking(&gateway).await;
    stream.sending.send_reset(h2::Reason::CANCEL);
    heard(1).await;
    assert_eq!(gateway.wait_for_log(1)[0]["outcome"], "client_gone");
    drop((client, stream));
    // Its connection.
    let mut raw = http2::frames(gateway.address(), &[]).await;
    let fields =
        [(":method", "CONNECT"), (":protocol", "echo/2"), (":scheme", "http"), (":authority", "x"), (":path", "/talk")];
    raw.write(http2::Frame::new(http2::HEADERS, http2::END_HEADERS, 1, http2::block(&fields)).bytes()).await;
    http2::wait_for(&mut raw, |frame| frame.kind == http2::HEADERS).await.unwrap();
    raw.reset();
    heard(2).await;
    assert_eq!(gateway.wait_for_log(2)[1]["outcome"], "client_gone");
    wait_for_metric(&gateway, "sluicegate_upgraded_open", &[], 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_on_which_nothing_moves_is_reset_after_its_idle_time() {
    let upstream = echoing().await;
    let gateway = gateway(&upstream.url(), "upgrade_idle_timeout_ms = 300", "");
    let (_client, mut stream) = speaking(&gateway).await;
    stream.send("one\n");
    assert_eq!(stream.read(4).await, b"one\n");
    assert!(stream.next().await.unwrap().unwrap_err().is_reset());
    let line = gateway.wait_for_log(1).remove(0);
    assert_eq!((&line["outcome"], &line["code"]), (&"timed_out".into(), &"gateway_upgrade_idle".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_count_among_the_connections_that_are_upgraded() {
    let upstream = echoing().await;
    let gateway = gateway(&upstream.url(), "", "[limits]\nupgraded_max = 1\n");
    let (mut client, mut first) = speaking(&gateway).await;
    wait_for_metric(&gateway, "sluicegate_upgraded_open", &["route=\"all\""], 1.0).await;
    assert_eq!(client.extended("echo/2", &[]).await.head.status, 503);
    first.send("end\n");
    first.read(4).await;
    assert!(first.next().await.is_none());
    first.sending.send_data(Default::default(), true).unwrap();
    wait_for_metric(&gateway, "sluicegate_upgraded_open", &["route=\"all\""], 0.0).await;
    assert_eq!(client.extended("echo/2", &[]).await.head.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_goes_on_in_a_drain_until_its_deadline_and_then_the_gateway_is_named() {
    let upstream = echoing().await;
    let gateway = gateway(&upstream.url(), "", "[limits]\ndrain_timeout_ms = 1_000\n");
    let (_client, mut stream) = speaking(&gateway).await;
    gateway.signal("TERM");
    gateway.wait_for_stderr("draining: 1 open exchanges");
    stream.send("still\n");
    assert_eq!(stream.read(6).await, b"still\n");
    assert!(stream.next().await.is_none_or(|piece| piece.is_err()));
    let (status, log, _) = gateway.wait();
    assert_eq!(status.code(), Some(0));
    assert_eq!((&log[0]["outcome"], &log[0]["code"]), (&"timed_out".into(), &"gateway_draining".into()));
}
