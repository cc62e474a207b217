//! What goes wrong at either end: who is told what, and what the log says.

use std::time::{Duration, Instant};

use serde_json::Value;
use sluicegate_tests::{Gateway, Raw, RawUpstream, Upstream, config, get, guests, post, send};
use tokio::net::TcpListener;

/// The members that say what came of it.
fn verdict(line: &Value) -> (Option<u64>, &str, Option<&str>, Option<&str>) {
    (line["status"].as_u64(), line["outcome"].as_str().unwrap(), line["fault"].as_str(), line["code"].as_str())
}

fn limits(lines: &str, rest: &str) -> String {
    format!("[limits]\n{lines}\n{rest}")
}

/// Answers the head of each request with some bytes, and closes.
async fn answering(bytes: &'static str) -> RawUpstream {
    RawUpstream::start(move |mut connection, _| async move {
        connection.read_head().await;
        connection.write(bytes).await;
    })
    .await
}

/// Reads requests and never answers. Notes when the gateway has closed.
async fn silent() -> RawUpstream {
    RawUpstream::start(|mut connection, notes| async move {
        connection.read_head().await;
        notes.add("head");
        connection.closed().await;
        notes.add("closed");
    })
    .await
}

#[tokio::test]
async fn a_body_that_the_upstream_breaks_off_ends_uncleanly_for_the_client() {
    for (name, answer) in [
        ("length", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"),
        ("chunks", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
        ("within a chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8\r\nhalf"),
        (
            "events",
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        ),
    ] {
        let upstream = answering(answer).await;
        let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
        let reply = get(&gateway.url("/")).await;
        assert_eq!((reply.status.as_u16(), reply.text().as_str(), reply.complete), (200, "half", false), "{name}");
        let log = gateway.wait_for_log(1);
        assert_eq!(verdict(&log[0]), (Some(200), "upstream_cut", Some("upstream"), Some("upstream_broken")), "{name}");
        let (_, log, _) = gateway.stop();
        assert_eq!(log.len(), 1, "{name}");
    }
}

#[tokio::test]
async fn an_upstream_that_cannot_be_used_is_502_in_the_dialect_of_the_route() {
    let refused = {
        // Bound and closed again: nobody listens there now.
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", socket.local_addr().unwrap())
    };
    let plain = RawUpstream::start(|mut connection, _| async move {
        connection.write("HTTP/1.1 400 Bad Request\r\n\r\n").await;
        connection.closed().await;
    })
    .await;
    let hangs_up = answering("").await;
    let nonsense = answering("SSH-2.0-OpenSSH_9.9\r\n\r\n").await;
    let switching = answering("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n").await;
    for (name, url, code) in [
        ("refused", refused, "upstream_unreachable"),
        ("no such host", "http://no-such-host.invalid".to_owned(), "upstream_unreachable"),
        ("no TLS", plain.url().replace("http:", "https:"), "upstream_tls_failed"),
        ("hangs up", hangs_up.url(), "upstream_broken"),
        ("nonsense", nonsense.url(), "upstream_broken"),
        ("switches", switching.url(), "upstream_broken"),
    ] {
        for dialect in ["http", "openai", "anthropic", "gemini"] {
            let gateway = Gateway::start(&config::route(&url, &format!("dialect = \"{dialect}\"")), &[]);
            let reply = get(&gateway.url("/")).await;
            let body = reply.json();
            assert_eq!(reply.status, 502, "{name} {dialect}: {body}");
            let (message, content_type) = match dialect {
                "http" => (&body["detail"], "application/problem+json"),
                _ => (&body["error"]["message"], "application/json"),
            };
            assert!(message.as_str().is_some_and(|text| text.contains("`service`")), "{name} {dialect}: {body}");
            assert!(reply.header("content-type").unwrap().starts_with(content_type), "{name} {dialect}");
            // Where the upstream lies is nobody's business but the operator's.
            assert!(!reply.text().contains("127.0.0.1") && !reply.text().contains("invalid\""), "{name}: {body}");
            let log = gateway.wait_for_log(1);
            assert_eq!(verdict(&log[0]), (Some(502), "rejected", Some("upstream"), Some(code)), "{name} {dialect}");
            if dialect == "http" {
                assert_eq!(body["code"], code, "{name}");
            }
            // Only one dialect for the slow ones: what differs by dialect is the rendering alone.
            if name != "refused" {
                break;
            }
        }
    }
}

#[tokio::test]
async fn an_upstream_that_does_not_answer_in_time_is_504() {
    let upstream = silent().await;
    let config = format!(
        "{}\n[[routes]]\nname = \"all\"\nupstream = \"service\"\ndialect = \"openai\"\n",
        config::service(&upstream.url(), "reply_timeout_ms = 100")
    );
    let gateway = Gateway::start(&config, &[]);
    let reply = post(&gateway.url("/"), "a body").await;
    assert_eq!(reply.status, 504);
    assert_eq!(reply.json()["error"]["code"], "upstream_timeout");
    let log = gateway.wait_for_log(1);
    assert_eq!(verdict(&log[0]), (Some(504), "timed_out", Some("upstream"), Some("upstream_timeout")));
    upstream.notes.wait_for("closed").await;
}

#[tokio::test]
async fn a_full_pool_is_503_and_the_next_request_passes() {
    let upstream = RawUpstream::start(|mut connection, notes| async move {
        while connection.read_head().await.starts_with("GET /slow") {
            notes.add("slow");
            notes.wait_for("go on").await;
            connection.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        }
    })
    .await;
    let config = format!(
        "{}\n[[routes]]\nname = \"all\"\nupstream = \"service\"\n",
        config::service(&upstream.url(), "connections_max = 1\nconnect_timeout_ms = 100")
    );
    let gateway = Gateway::start(&config, &[]);
    let slow = tokio::spawn({
        let url = gateway.url("/slow");
        async move { get(&url).await }
    });
    upstream.notes.wait_for("slow").await;
    let reply = get(&gateway.url("/slow")).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["code"]), (503, &"upstream_busy".into()));
    upstream.notes.add("go on");
    assert_eq!(slow.await.unwrap().status, 200);
    assert_eq!(get(&gateway.url("/slow")).await.status, 200);
}

#[tokio::test]
async fn a_client_that_leaves_before_the_answer_closes_the_upstream_connection() {
    let upstream = silent().await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let mut client = Raw::connect(gateway.address()).await;
    client.write("GET /waiting HTTP/1.1\r\nhost: x\r\n\r\n").await;
    upstream.notes.wait_for("head").await;
    drop(client);
    upstream.notes.wait_for("closed").await;
    assert_eq!(verdict(&gateway.wait_for_log(1)[0]), (None, "client_gone", Some("client"), None));
    let (_, log, _) = gateway.stop();
    assert_eq!(log.len(), 1);
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_the_answer_closes_the_upstream_connection() {
    let upstream = RawUpstream::start(|mut connection, notes| async move {
        connection.read_head().await;
        connection.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n").await;
        connection.closed().await;
        notes.add("closed");
    })
    .await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let mut client = Raw::connect(gateway.address()).await;
    client.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    client.read_until("half").await;
    drop(client);
    upstream.notes.wait_for("closed").await;
    assert_eq!(verdict(&gateway.wait_for_log(1)[0]), (Some(200), "client_gone", Some("client"), None));
    let (_, log, _) = gateway.stop();
    assert_eq!(log.len(), 1);
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_its_upload_is_gone() {
    let upstream = silent().await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let mut client = Raw::connect(gateway.address()).await;
    client.write("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf").await;
    upstream.notes.wait_for("head").await;
    drop(client);
    upstream.notes.wait_for("closed").await;
    let log = gateway.wait_for_log(1);
    assert_eq!(
        (log[0]["outcome"].as_str(), log[0]["fault"].as_str()),
        (Some("client_gone"), Some("client")),
        "{log:#?}"
    );
    // Whoever sends nonsense is still there, and is told.
    let mut client = Raw::connect(gateway.address()).await;
    client.write("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nno length\r\n").await;
    assert!(client.read_head().await.starts_with("HTTP/1.1 400"));
    assert_eq!(gateway.wait_for_log(2)[1]["outcome"], "rejected");
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_whether_or_not_it_says_its_length() {
    let upstream = Upstream::ok().await;
    let gateway = Gateway::start(&limits("body_bytes_max = 1000", &config::proxy(&upstream.url())), &[]);
    assert_eq!(post(&gateway.url("/"), vec![b'x'; 1000]).await.status, 200);
    let announced = post(&gateway.url("/"), vec![b'x'; 1001]).await;
    assert_eq!((announced.status.as_u16(), &announced.json()["code"]), (413, &"client_body_too_large".into()));
    let mut client = Raw::connect(gateway.address()).await;
    client.write("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n").await;
    for _ in 0..5 {
        client.try_write([b"100\r\n".to_vec(), vec![b'x'; 256], b"\r\n".to_vec()].concat()).await;
    }
    let head = client.read_head().await;
    assert!(head.starts_with("HTTP/1.1 413"), "{head}");
    client.closed().await;
    let log = gateway.wait_for_log(3);
    for line in &log[1..] {
        assert_eq!(verdict(line), (Some(413), "rejected", Some("client"), Some("client_body_too_large")));
    }
    assert_eq!(upstream.received().len(), 1);
}

#[tokio::test]
async fn an_upload_that_stalls_is_408() {
    let upstream = silent().await;
    let gateway = Gateway::start(&limits("body_idle_timeout_ms = 100", &config::proxy(&upstream.url())), &[]);
    let mut client = Raw::connect(gateway.address()).await;
    client.write("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf").await;
    let answer = client.read_head().await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    let log = gateway.wait_for_log(1);
    assert_eq!(verdict(&log[0]), (Some(408), "timed_out", Some("client"), Some("client_request_timeout")));
    upstream.notes.wait_for("closed").await;
}

#[tokio::test]
async fn an_upload_does_not_stall_because_the_upstream_is_slow_to_take_it() {
    let upstream = RawUpstream::start(|mut connection, _| async move {
        connection.read_head().await;
        // Longer than the idle time, while the client has all of its bytes under way.
        tokio::time::sleep(Duration::from_millis(600)).await;
        connection.read_exact(30_000_000).await;
        connection.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    })
    .await;
    let gateway = Gateway::start(&limits("body_idle_timeout_ms = 300", &config::proxy(&upstream.url())), &[]);
    assert_eq!(post(&gateway.url("/"), vec![b'x'; 30_000_000]).await.status, 200);
}

#[tokio::test]
async fn an_upstream_that_stops_taking_an_upload_is_504() {
    let upstream = RawUpstream::start(|mut connection, notes| async move {
        connection.read_head().await;
        // Long enough for all buffers on the way to be full.
        notes.wait_for("answered").await;
    })
    .await;
    let gateway = Gateway::start(&limits("body_idle_timeout_ms = 300", &config::proxy(&upstream.url())), &[]);
    let mut client = Raw::connect(gateway.address()).await;
    client.write("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 90000000\r\n\r\n").await;
    let chunk = vec![b'x'; 65_536];
    // It never pauses by itself, and so cannot be the one that is blamed.
    while client.try_write(&chunk).await {}
    assert!(client.read_head().await.starts_with("HTTP/1.1 504"));
    upstream.notes.add("answered");
    let log = gateway.wait_for_log(1);
    assert_eq!(verdict(&log[0]), (Some(504), "timed_out", Some("upstream"), Some("upstream_timeout")));
}

#[tokio::test]
async fn an_answer_that_stalls_is_cut_as_timed_out() {
    let upstream = RawUpstream::start(|mut connection, notes| async move {
        connection.read_head().await;
        connection.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n").await;
        connection.closed().await;
        notes.add("closed");
    })
    .await;
    let gateway = Gateway::start(&limits("body_idle_timeout_ms = 100", &config::proxy(&upstream.url())), &[]);
    let reply = get(&gateway.url("/")).await;
    assert_eq!((reply.text().as_str(), reply.complete), ("half", false));
    let log = gateway.wait_for_log(1);
    assert_eq!(verdict(&log[0]), (Some(200), "timed_out", Some("upstream"), Some("upstream_timeout")));
    upstream.notes.wait_for("closed").await;
}

#[tokio::test]
async fn a_client_that_stops_reading_does_not_hold_its_upstream_for_ever() {
    let upstream = RawUpstream::start(|mut connection, notes| async move {
        connection.read_head().await;
        connection.write("HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n").await;
        while connection.try_write(vec![b'x'; 65_536]).await {}
        notes.add("closed");
    })
    .await;
    let gateway = Gateway::start(&limits("body_idle_timeout_ms = 300", &config::proxy(&upstream.url())), &[]);
    let mut client = Raw::connect(gateway.address()).await;
    client.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    client.read_head().await;
    upstream.notes.wait_for("closed").await;
    assert_eq!(gateway.wait_for_log(1)[0]["outcome"], "client_gone");
    drop(client);
}

#[tokio::test]
async fn an_answer_that_came_too_late_is_still_taken_through_the_whole_chain() {
    let upstream = silent().await;
    // A plugin that takes so long in its answer's head that the call does not end at once.
    let config = format!(
        "[plugins.hostile]\nfile = \"hostile.wasm\"\n[upstreams.origin]\nurl = \"{}\"\n[[routes]]\nname = \"r\"\npath = \"/\"\nupstream = \
         \"origin\"\ntimeout_ms = 100\nchain = [{{ plugin = \"headers\", config = {{ reply = [{{ set = \"x-wrapped\", value = \
         \"yes\" }}] }} }}, {{ plugin = \"hostile\", grants = [\"identity-writer\"], on_error = \"allow\", config = {{ body = \
         \"none\", reply_body = \"none\" }} }}]\n",
        upstream.url()
    );
    let gateway = Gateway::start(&config, &[("hostile.wasm", guests::HOSTILE)]);
    let request = hyper::Request::get(gateway.url("/")).header("x-do", "reply-head=loop");
    let reply = send(request.body(Default::default()).unwrap()).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["code"]), (504, &"gateway_timeout".into()));
    assert_eq!(reply.header("x-wrapped"), Some("yes"));
}

#[tokio::test]
async fn the_time_of_a_route_ends_an_exchange_at_every_stage() {
    let route = |upstream: &RawUpstream| config::route(&upstream.url(), "timeout_ms = 300");
    let late = (Some(504), "timed_out", Some("gateway"), Some("gateway_timeout"));

    // While the answer's head is waited for.
    let upstream = silent().await;
    let gateway = Gateway::start(&route(&upstream), &[]);
    let started = Instant::now();
    let reply = get(&gateway.url("/")).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["code"]), (504, &"gateway_timeout".into()));
    assert!(started.elapsed() >= Duration::from_millis(300));
    assert_eq!(verdict(&gateway.wait_for_log(1)[0]), late);
    upstream.notes.wait_for("closed").await;

    // While the request's body comes in.
    let mut client = Raw::connect(gateway.address()).await;
    client.write("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf").await;
    assert!(client.read_head().await.starts_with("HTTP/1.1 504"));
    assert_eq!(verdict(&gateway.wait_for_log(2)[1]), late);

    // While the answer waits, and while it flows without end.
    let quiet = RawUpstream::start(|mut connection, _| async move {
        connection.read_head().await;
        connection.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n").await;
        connection.closed().await;
    })
    .await;
    let endless = RawUpstream::start(|mut connection, _| async move {
        connection.read_head().await;
        connection.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        while connection.try_write("4\r\nhalf\r\n".repeat(1000)).await {}
    })
    .await;
    for upstream in [quiet, endless] {
        let gateway = Gateway::start(&route(&upstream), &[]);
        let reply = get(&gateway.url("/")).await;
        assert!(!reply.complete && reply.status == 200);
        let log = gateway.wait_for_log(1);
        assert_eq!(verdict(&log[0]), (Some(200), "timed_out", Some("gateway"), Some("gateway_timeout")));
    }
}

#[tokio::test]
async fn the_head_of_a_request_has_limits() {
    let upstream = Upstream::ok().await;
    let config =
        limits("head_bytes_max = 8192\nheaders_max = 16\nhead_timeout_ms = 200", &config::proxy(&upstream.url()));
    let gateway = Gateway::start(&config, &[]);
    let long = format!("GET / HTTP/1.1\r\nhost: x\r\na: {}\r\n\r\n", "b".repeat(9000));
    let many = format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(30));
    for head in [long, many] {
        let mut client = Raw::connect(gateway.address()).await;
        client.try_write(&head).await;
        let answer = client.read_to_end().await.text();
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
    let mut slow = Raw::connect(gateway.address()).await;
    slow.write("GET / HTT").await;
    slow.closed().await;
    assert!(upstream.received().is_empty());
}
