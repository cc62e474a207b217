//! The bundled plugin `redact`, as clients and services meet it.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use serde_json::json;
use sluicegate_tests::{Gateway, Raw, RawUpstream, Upstream, config, get, send, wait_for_metric};

/// A route whose chain is the plugin alone.
fn chain(upstream: &str, isolation: &str, config: &str) -> String {
    let entry = format!("[[chains.all]]\nplugin = \"redact\"\nisolation = \"{isolation}\"\nconfig = {config}\n");
    format!("[admin]\naddress = \"127.0.0.1:0\"\n\n{entry}{}", config::route(upstream, "chain = \"all\""))
}

fn answer(content_type: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    Response::builder().header("content-type", content_type).body(Full::new(body.into())).unwrap()
}

#[tokio::test]
async fn neither_the_service_nor_the_client_sees_what_is_redacted() {
    let upstream = Upstream::start(|_| {
        let card = 4_111_111_111_111_111_u64;
        answer("application/json", json!({ "to": "ann@example.com", "card": card, "n": [1, 2] }).to_string())
    })
    .await;
    for isolation in ["pooled", "request"] {
        let config = "{ kinds = [\"email\", \"card\", \"secret\"], words = [\"falcon\"], masks = { word = \"***\" } }";
        let gateway = Gateway::start(&chain(&upstream.url(), isolation, config), &[]);
        let body = "{\"text\":\"Falcon is \\nbob@example.com, sk-A1b2C3d4E5f6G7h8I9j0\"}";
        let request = Request::post(gateway.url("/")).header("content-type", "application/json");
        let reply = send(request.body(Full::new(Bytes::from(body))).unwrap()).await;
        assert_eq!(reply.json(), json!({ "to": "[email]", "card": 0, "n": [1, 2] }), "{isolation}");
        let received = upstream.received().pop().unwrap().body;
        assert_eq!(received, "{\"text\":\"*** is \\n[email], [secret]\"}", "{isolation}");
        for (kind, count) in [("email", 2.0), ("card", 1.0), ("secret", 1.0), ("word", 1.0)] {
            let name = format!("sluicegate_plugin_redacted_{kind}_total");
            wait_for_metric(&gateway, &name, &["plugin=\"redact\""], count).await;
        }
    }
}

#[tokio::test]
async fn only_the_body_that_is_named_and_only_text_is_changed() {
    let upstream = Upstream::start(|request| match request.target.as_str() {
        "/image" => answer("image/png", "ann@example.com"),
        _ => answer("text/plain", "ann@example.com"),
    })
    .await;
    let config = "{ bodies = [\"reply\"], kinds = [\"email\"] }";
    let gateway = Gateway::start(&chain(&upstream.url(), "pooled", config), &[]);
    let request = Request::post(gateway.url("/text")).header("content-type", "text/plain");
    let reply = send(request.body(Full::new(Bytes::from("bob@example.com"))).unwrap()).await;
    assert_eq!((reply.text().as_str(), reply.complete), ("[email]", true));
    assert_eq!(upstream.received().pop().unwrap().body, "bob@example.com");
    assert_eq!(get(&gateway.url("/image")).await.text(), "ann@example.com");
}

#[tokio::test]
async fn an_answer_that_has_all_arrived_keeps_a_length_and_one_that_is_still_coming_has_none() {
    let upstream = RawUpstream::start(|mut connection: Raw, notes| async move {
        let request = connection.read_head().await;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 18\r\nconnection: close\r\n\r\n";
        if request.starts_with("GET /whole ") {
            connection.write(format!("{head}to ann@example.com")).await;
        } else {
            connection.write(format!("{head}to ann")).await;
            notes.wait_for(request.split(' ').nth(1).unwrap()).await;
            connection.write("@example.com").await;
        }
        connection.closed().await;
    })
    .await;
    for isolation in ["pooled", "request"] {
        let upstream = &upstream;
        let gateway = Gateway::start(&chain(&upstream.url(), isolation, "{ kinds = [\"email\"] }"), &[]);
        let reply = get(&gateway.url("/whole")).await;
        assert_eq!((reply.text().as_str(), reply.header("content-length")), ("to [email]", Some("10")), "{isolation}");
        let mut client = Raw::connect(gateway.address()).await;
        client.write(format!("GET /half-{isolation} HTTP/1.1\r\nhost: gateway\r\n\r\n")).await;
        let head = client.read_head().await;
        assert!(head.contains("transfer-encoding: chunked") && !head.contains("content-length"), "{isolation}: {head}");
        upstream.notes.add(&format!("/half-{isolation}"));
        let rest = client.read_until("0\r\n\r\n").await;
        assert!(rest.contains("[email]") && !rest.contains("ann"), "{isolation}: {rest:?}");
    }
}

#[tokio::test]
async fn events_go_on_as_they_come_and_a_match_is_found_across_pieces() {
    let upstream = RawUpstream::start(|mut connection: Raw, notes| async move {
        connection.read_head().await;
        let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        connection.write(format!("{head}{}", chunk("data: no match\n\n"))).await;
        notes.wait_for("first").await;
        connection.write(chunk("data: {\"text\":\"to ann@exa")).await;
        notes.wait_for("second").await;
        connection.write(format!("{}0\r\n\r\n", chunk("mple.com\"}\n\n"))).await;
        connection.closed().await;
    })
    .await;
    for isolation in ["pooled", "request"] {
        let upstream = &upstream;
        let gateway = Gateway::start(&chain(&upstream.url(), isolation, "{ kinds = [\"email\", \"ip\"] }"), &[]);
        let mut client = Raw::connect(gateway.address()).await;
        client.write("GET / HTTP/1.1\r\nhost: gateway\r\n\r\n").await;
        client.read_until("data: no match\n\n").await;
        upstream.notes.add("first");
        client.read_until("\"text\":\"to ").await;
        upstream.notes.add("second");
        let rest = client.read_until("0\r\n\r\n").await;
        assert!(rest.contains("[email]\"}\n\n") && !rest.contains("exa"), "{isolation}: {rest:?}");
    }
}

/// In WebAssembly the search looks at sixteen bytes at once; the policy's own tests run natively.
#[tokio::test]
async fn a_match_is_found_wherever_it_stands() {
    const FOUND: [(&str, &str); 3] =
        [("ann@example.com", "[email]"), ("4111111111111111", "[card]"), ("漢字", "[word]")];
    let body =
        |number: usize, place: usize, what: &str| format!("{}{what}{}", " ".repeat(place), " ".repeat(number * 7));
    let upstream = Upstream::start(move |request| {
        let mut parts = request.target.split('/').skip(1).map(|part| part.parse().unwrap());
        let (number, place) = (parts.next().unwrap(), parts.next().unwrap());
        answer("text/plain", body(number, place, FOUND[number].0))
    })
    .await;
    let config = "{ kinds = [\"email\", \"card\"], words = [\"漢字\"] }";
    let gateway = Gateway::start(&chain(&upstream.url(), "pooled", config), &[]);
    for (number, (_, mask)) in FOUND.into_iter().enumerate() {
        for place in 0..50 {
            let text = get(&gateway.url(&format!("/{number}/{place}"))).await.text();
            assert_eq!(text, body(number, place, mask), "{number} at {place}");
        }
    }
}
