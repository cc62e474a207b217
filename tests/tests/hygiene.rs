//! What of a request's head may go on, and what is refused because two servers could read it differently.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use sluicegate_tests::{Gateway, Raw, Upstream, config, get, send};

/// Sends one head as it stands, and returns the whole answer.
async fn raw(gateway: &Gateway, head: &str) -> String {
    let mut client = Raw::connect(gateway.address()).await;
    client.write(head).await;
    client.read_to_end().await.text()
}

#[tokio::test]
async fn a_path_that_can_be_read_in_two_ways_reaches_no_upstream() {
    let upstream = Upstream::ok().await;
    let config = format!(
        "{}\n[[routes]]\nname = \"public\"\npath = \"/public/*\"\nupstream = \"service\"\n",
        config::service(&upstream.url(), "")
    );
    let gateway = Gateway::start(&config, &[]);
    let paths = [
        "/public/../admin",
        "/public/%2e%2e/admin",
        "/public/.%2E/admin",
        "/public/..%2fadmin",
        "/public/%252e%252e/admin",
        "/public//admin",
        "/public/./x",
        "/public/..;/admin",
        "/public/x;y",
        "/public/a%5cb",
        "/public/a%00b",
        "/public/a%0d%0ab",
        "/public/a%",
    ];
    for path in paths {
        let answer = raw(&gateway, &format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{path}: {answer}");
        assert!(answer.contains("client_bad_request"), "{path}: {answer}");
    }
    let log = gateway.wait_for_log(paths.len());
    assert!(log.iter().all(|line| line["outcome"] == "rejected" && line["attempts"] == 0));
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn a_request_has_exactly_one_host() {
    let upstream = Upstream::ok().await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    for head in [
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n",
        "GET / HTTP/1.1\r\nhost: \r\n",
        "GET / HTTP/1.1\r\nhost: user@a\r\n",
        "GET / HTTP/1.1\r\nhost: a b\r\n",
        "GET / HTTP/1.1\r\nhost: a:99999\r\n",
        "GET http://a/ HTTP/1.1\r\nhost: b\r\n",
        "CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n",
    ] {
        let answer = raw(&gateway, &format!("{head}connection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{head}: {answer}");
    }
    let answer =
        raw(&gateway, "GET http://A.example/x HTTP/1.1\r\nhost: a.example:80\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(upstream.received().len(), 1);
    // The upstream is told its own name, and in a field of its own the one that the client asked for.
    let seen = &upstream.received()[0].headers;
    assert_eq!(seen["host"], upstream.url().trim_start_matches("http://"));
    assert_eq!(seen["x-forwarded-host"], "a.example:80");
}

#[tokio::test]
async fn what_ends_at_this_hop_does_not_go_on() {
    let upstream = Upstream::start(|_| {
        Response::builder()
            .header("connection", "keep-alive, x-hop-answer")
            .header("keep-alive", "timeout=5")
            .header("proxy-authenticate", "Basic")
            .header("x-hop-answer", "1")
            .header("x-answer", "stays")
            .body(Full::<Bytes>::default())
            .unwrap()
    })
    .await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let request = Request::get(gateway.url("/"))
        .header("connection", "x-hop, keep-alive, host, x-kept")
        .header("x-hop", "1")
        .header("keep-alive", "timeout=5")
        .header("proxy-connection", "keep-alive")
        .header("te", "gzip")
        .header("upgrade", "h2c")
        .header("x-end", "stays")
        .body(Full::<Bytes>::default())
        .unwrap();
    let reply = send(request).await;
    for gone in ["keep-alive", "proxy-authenticate", "x-hop-answer"] {
        assert_eq!(reply.header(gone), None, "{gone}");
    }
    assert_eq!((reply.header("x-answer"), reply.header("via")), (Some("stays"), Some("1.1 sluicegate")));
    let seen = upstream.received().remove(0).headers;
    for gone in ["connection", "x-hop", "keep-alive", "proxy-connection", "te", "upgrade"] {
        assert!(!seen.contains_key(gone), "{gone}: {seen:?}");
    }
    assert_eq!((&seen["x-end"], &seen["via"]), (&"stays".parse().unwrap(), &"1.1 sluicegate".parse().unwrap()));
}

#[tokio::test]
async fn a_client_cannot_say_who_it_is_or_speak_for_the_gateway() {
    let upstream = Upstream::ok().await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let request = Request::get(gateway.url("/"))
        .header("forwarded", "for=203.0.113.9")
        .header("x-forwarded-for", "203.0.113.9")
        .header("x_forwarded_for", "203.0.113.9")
        .header("x-forwarded-proto", "https")
        .header("x-forwarded-port", "443")
        .header("x-real-ip", "203.0.113.9")
        .header("x-sluicegate-consumer", "admin")
        .body(Full::<Bytes>::default())
        .unwrap();
    send(request).await;
    let seen = upstream.received().remove(0).headers;
    let said: BTreeMap<&str, &str> =
        seen.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    assert_eq!((said["x-forwarded-for"], said["x-forwarded-proto"]), ("127.0.0.1", "http"));
    assert!(!format!("{said:?}").contains("203.0.113.9"), "{said:?}");
    for gone in ["forwarded", "x_forwarded_for", "x-forwarded-port", "x-real-ip", "x-sluicegate-consumer"] {
        assert!(!said.contains_key(gone), "{gone}: {said:?}");
    }
}

#[tokio::test]
async fn a_request_keeps_its_id_and_trace_on_the_whole_way() {
    let upstream = Upstream::ok().await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let request = |id: &str, traceparent: &str| {
        let request = Request::get(gateway.url("/")).header("x-request-id", id).header("traceparent", traceparent);
        send(request.header("tracestate", "a=1").body(Full::<Bytes>::default()).unwrap())
    };
    assert_eq!(request("my-id_1.x", trace).await.header("x-request-id"), Some("my-id_1.x"));
    let without = get(&gateway.url("/")).await;
    let made = without.header("x-request-id").expect("an id").to_owned();
    let wrong = request("no spaces, please", "00-zz-00f067aa0ba902b7-01").await;
    assert_ne!(wrong.header("x-request-id"), Some("no spaces, please"));
    let seen = upstream.received();
    assert_eq!(seen[0].headers["x-request-id"], "my-id_1.x");
    assert!(seen[0].headers["traceparent"].to_str().unwrap().contains("4bf92f3577b34da6a3ce929d0e0e4736"));
    assert_eq!(seen[0].headers["tracestate"], "a=1");
    assert_eq!(seen[1].headers["x-request-id"], made);
    let last = seen[2].headers.get("traceparent");
    assert!(!last.is_some_and(|value| value.to_str().unwrap().contains("zz")), "{last:?}");
    let log = gateway.wait_for_log(3);
    assert_eq!(
        (&log[0]["request_id"], &log[0]["trace_id"]),
        (&"my-id_1.x".into(), &"4bf92f3577b34da6a3ce929d0e0e4736".into())
    );
    assert_eq!(log[1]["request_id"], made);
    let refused = send(
        Request::get(gateway.url("/a//b")).header("x-request-id", "refused-1").body(Full::<Bytes>::default()).unwrap(),
    )
    .await;
    assert_eq!((refused.status.as_u16(), refused.header("x-request-id")), (400, Some("refused-1")));
}

#[tokio::test]
async fn bytes_that_are_no_text_pass_in_header_values() {
    let upstream = Upstream::start(|request| {
        Response::builder().header("x-back", request.headers["x-bytes"].clone()).body(Full::<Bytes>::default()).unwrap()
    })
    .await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let value = http::HeaderValue::from_bytes(b"caf\xe9 \xff").unwrap();
    let request = Request::get(gateway.url("/")).header("x-bytes", &value).body(Full::<Bytes>::default()).unwrap();
    assert_eq!(send(request).await.headers["x-back"], value);
}
