//! HTTP/2 in clear text: the same chain, the same answers.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use sluicegate_tests::http2::{self, Frame, HEADERS, RST_STREAM, ask, block, connect, frames, get, wait_for};
use sluicegate_tests::{Gateway, Notes, Raw, RawUpstream, Upstream, config, wait_for_metric};

const PROTOCOL_ERROR: u32 = 1;

#[tokio::test]
async fn plugins_and_upstream_meet_a_request_of_http2_like_any_other() {
    let upstream = Upstream::ok().await;
    let chain = "chain = [{ plugin = \"headers\", config = { request = [{ set = \"x-a\", value = \"b\" }], \
                 reply = [{ set = \"x-c\", value = \"d\" }] } }]";
    let gateway = Gateway::start(&config::route(&upstream.url(), chain), &[]);
    let mut client = connect(gateway.address()).await;
    let request = Request::post("http://a.example/path?q=1")
        .header("cookie", "one=1")
        .header("cookie", "two=2")
        .header("te", "trailers")
        .body(Full::new(Bytes::from_static(b"some body")))
        .unwrap();
    let reply = ask(&mut client, request).await.unwrap();
    assert_eq!((reply.status.as_u16(), reply.text().as_str(), reply.header("x-c")), (200, "ok", Some("d")));
    assert!(reply.header("x-request-id").is_some());
    let received = &upstream.received()[0];
    assert_eq!((received.method.as_str(), received.target.as_str()), ("POST", "/path?q=1"));
    assert_eq!(&received.body[..], b"some body");
    let field =
        |name: &str| received.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(field("x-a"), ["b"]);
    assert_eq!(field("cookie"), ["one=1; two=2"]);
    assert_eq!(field("x-forwarded-host"), ["a.example"]);
    assert_eq!(field("via"), ["2.0 sluicegate"]);
    assert_eq!(field("host").len(), 1);
    let line = &gateway.wait_for_log(1)[0];
    assert_eq!((&line["protocol"], &line["authority"]), (&"h2".into(), &"a.example".into()));
    assert_eq!(
        (&line["outcome"], &line["request_bytes"], &line["reply_bytes"]),
        (&"complete".into(), &9.into(), &2.into())
    );
}

#[tokio::test]
async fn many_requests_of_one_connection_are_each_answered_with_their_own() {
    let upstream =
        Upstream::start(|request| http::Response::new(Full::from(request.target.clone().repeat(3_000)))).await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let client = connect(gateway.address()).await;
    let asking = (0..200).map(|number| {
        let mut client = client.clone();
        tokio::spawn(async move {
            let path = format!("/{number:03}");
            let reply = ask(&mut client, get(&format!("http://x{path}"))).await.unwrap();
            assert_eq!((reply.text() == path.repeat(3_000), reply.complete), (true, true), "{path}");
        })
    });
    for asked in asking.collect::<Vec<_>>() {
        asked.await.unwrap();
    }
    assert_eq!(gateway.wait_for_log(200).iter().filter(|line| line["outcome"] == "complete").count(), 200);
}

#[tokio::test]
async fn an_answer_without_a_body_and_one_to_head_end_with_their_heads() {
    let upstream = Upstream::start(|request| {
        let answer = http::Response::builder().status(if request.target == "/204" { 204 } else { 200 });
        let body = if request.target == "/204" { "" } else { "hello" };
        answer.body(Full::from(body)).unwrap()
    })
    .await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let mut client = connect(gateway.address()).await;
    let reply = ask(&mut client, get("http://x/204")).await.unwrap();
    assert_eq!((reply.status.as_u16(), reply.body.len(), reply.complete), (204, 0, true));
    let reply = ask(&mut client, Request::head("http://x/").body(Full::default()).unwrap()).await.unwrap();
    assert_eq!((reply.body.len(), reply.header("content-length"), reply.complete), (0, Some("5"), true));
    for line in gateway.wait_for_log(2) {
        assert_eq!(line["outcome"], "complete", "{line}");
    }
}

#[tokio::test]
async fn a_broken_answer_is_a_reset_stream_and_the_connection_goes_on() {
    let upstream = RawUpstream::start(|mut raw: Raw, _: Notes| async move {
        raw.read_head().await;
        raw.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await;
    })
    .await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let mut client = connect(gateway.address()).await;
    for count in 1..3 {
        let reply = ask(&mut client, get("http://x/")).await.unwrap();
        assert_eq!((reply.status.as_u16(), reply.complete), (200, false));
        assert_eq!(gateway.wait_for_log(count)[count - 1]["outcome"], "upstream_cut");
    }
}

#[tokio::test]
async fn a_client_that_resets_its_stream_ends_the_exchange_and_not_its_neighbour() {
    let upstream = RawUpstream::start(|mut raw: Raw, notes: Notes| async move {
        let head = raw.read_head().await;
        notes.add(if head.starts_with("GET /left") { "left asked" } else { "kept asked" });
        if head.starts_with("GET /left") {
            raw.closed().await;
            notes.add("left closed");
        } else {
            notes.wait_for("left closed").await;
            raw.write("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nkept").await;
        }
    })
    .await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let client = connect(gateway.address()).await;
    let kept = tokio::spawn({
        let mut client = client.clone();
        async move { ask(&mut client, get("http://x/kept")).await.unwrap().text() }
    });
    let left = tokio::spawn({
        let mut client = client.clone();
        async move { ask(&mut client, get("http://x/left")).await.map(|_| ()) }
    });
    upstream.notes.wait_for("left asked").await;
    upstream.notes.wait_for("kept asked").await;
    left.abort();
    assert_eq!(kept.await.unwrap(), "kept");
    let log = gateway.wait_for_log(2);
    assert_eq!((&log[0]["path"], &log[0]["outcome"]), (&"/left".into(), &"client_gone".into()));
    assert_eq!((&log[1]["path"], &log[1]["outcome"]), (&"/kept".into(), &"complete".into()));
}

#[tokio::test]
async fn the_host_of_a_request_is_its_authority_and_nothing_else() {
    let upstream = Upstream::ok().await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let mut client = connect(gateway.address()).await;
    let with_host = |host: &str| Request::get("http://a.example/").header("host", host).body(Full::default()).unwrap();
    assert_eq!(ask(&mut client, with_host("a.example")).await.unwrap().status, 200);
    let reply = ask(&mut client, with_host("b.example")).await.unwrap();
    assert_eq!((reply.status.as_u16(), &reply.json()["code"]), (400, &"client_bad_host".into()));
    assert_eq!(upstream.received().len(), 1);
}

#[tokio::test]
async fn malformed_requests_are_reset_and_reach_no_upstream() {
    let upstream = Upstream::ok().await;
    let admin = "[admin]\naddress = \"127.0.0.1:0\"\n";
    let text = format!("{admin}{}", config::proxy(&upstream.url()));
    let gateway = Gateway::try_start(&text, &[], &[("SLUICEGATE_LOG", "debug")]).unwrap();
    let usual = [(":method", "GET"), (":scheme", "http"), (":authority", "x"), (":path", "/")];
    let with = |field: (&'static str, &'static str)| usual.into_iter().chain([field]).collect::<Vec<_>>();
    let (mut resets, mut ends) = (0.0, 0.0);
    for fields in [
        with(("connection", "close")),
        with(("transfer-encoding", "chunked")),
        with(("keep-alive", "x")),
        with(("upgrade", "h2c")),
        with(("te", "gzip")),
        with(("Upper-Case", "x")),
        with((":path", "/again")),
        with((":unknown", "x")),
        with(("x", "a\nb")),
        with(("x", "a\0b")),
        usual[1..].to_vec(),
        usual[..3].to_vec(),
    ] {
        let mut raw = frames(gateway.address(), &[]).await;
        raw.write(Frame::new(HEADERS, http2::END_STREAM | http2::END_HEADERS, 1, block(&fields)).bytes()).await;
        let frame = wait_for(&mut raw, |frame| matches!(frame.kind, RST_STREAM | http2::GOAWAY | HEADERS)).await;
        let refused = frame.as_ref().is_none_or(|frame| frame.kind != HEADERS && frame.error() == PROTOCOL_ERROR);
        assert!(refused, "{fields:?}: {frame:?}");
        match frame.is_some_and(|frame| frame.kind == RST_STREAM) {
            true => resets += 1.0,
            false => ends += 1.0,
        }
    }
    // A body that is not as long as it says.
    let mut raw = frames(gateway.address(), &[]).await;
    let fields = with(("content-length", "5"));
    raw.write(Frame::new(HEADERS, http2::END_HEADERS, 1, block(&fields)).bytes()).await;
    raw.write(Frame::new(http2::DATA, http2::END_STREAM, 1, "abc").bytes()).await;
    let frame = wait_for(&mut raw, |frame| frame.kind == RST_STREAM).await.unwrap();
    assert_eq!(frame.error(), PROTOCOL_ERROR);
    assert!(upstream.received().is_empty());
    wait_for_metric(&gateway, "sluicegate_http2_streams_reset_total", &["error=\"protocol_error\""], resets + 1.0)
        .await;
    gateway.wait_for_stderr("a request breaks the rules of HTTP/2; its stream was reset");
    wait_for_metric(&gateway, "sluicegate_connections_closed_total", &["reason=\"http2_protocol\""], ends).await;
    assert!(resets > 0.0 && ends > 0.0, "{resets} {ends}");
}

#[tokio::test]
async fn a_listener_speaks_only_what_it_is_told_to() {
    let upstream = Upstream::ok().await;
    let listen = |protocol: &str| {
        let text = config::proxy(&upstream.url());
        format!("{text}\n[[listen]]\naddress = \"127.0.0.1:0\"\nprotocols = [\"{protocol}\"]\n")
    };
    let gateway = Gateway::start(&listen("http/1.1"), &[]);
    let mut raw = Raw::connect(gateway.address()).await;
    raw.write(http2::PREFACE).await;
    raw.closed().await;
    let gateway = Gateway::start(&listen("h2"), &[]);
    assert_eq!(ask(&mut connect(gateway.address()).await, get("http://x/")).await.unwrap().status, 200);
    let mut raw = Raw::connect(gateway.address()).await;
    raw.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    raw.closed().await;
    assert_eq!(upstream.received().len(), 1);
}

#[tokio::test]
async fn a_preface_in_pieces_is_a_preface() {
    let upstream = Upstream::ok().await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let mut raw = Raw::connect(gateway.address()).await;
    for byte in http2::PREFACE {
        raw.write([*byte]).await;
        tokio::task::yield_now().await;
    }
    raw.write(Frame::new(http2::SETTINGS, 0, 0, []).bytes()).await;
    let request = http2::get_block("/");
    raw.write(Frame::new(HEADERS, http2::END_STREAM | http2::END_HEADERS, 1, request).bytes()).await;
    let answer = wait_for(&mut raw, |frame| frame.kind == HEADERS).await.unwrap();
    assert_eq!(answer.stream, 1);
}

#[tokio::test]
async fn a_client_may_send_256_kib_ahead_on_a_stream_and_1_mib_on_its_connection() {
    let upstream = Upstream::ok().await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let mut raw = frames(gateway.address(), &[]).await;
    let settings = wait_for(&mut raw, |frame| frame.kind == http2::SETTINGS && frame.flags == 0).await.unwrap();
    let window = settings.payload.chunks(6).find(|setting| setting[..2] == [0, 4]).expect("it says so");
    assert_eq!(window[2..], (256_u32 << 10).to_be_bytes());
    let update = wait_for(&mut raw, |frame| frame.kind == http2::WINDOW_UPDATE && frame.stream == 0).await.unwrap();
    assert_eq!(update.payload, ((1_u32 << 20) - 65_535).to_be_bytes());
}
