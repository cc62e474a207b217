//! A request goes to the upstream and its answer back, whatever their shape.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use sluicegate_tests::{Gateway, PATIENCE, Raw, RawUpstream, Upstream, config, get, post, send};

fn request(method: &str, url: &str) -> Request<Full<Bytes>> {
    Request::builder().method(method).uri(url).body(Full::default()).unwrap()
}

#[tokio::test]
async fn a_request_reaches_the_upstream_and_its_answer_the_client() {
    let upstream = Upstream::ok().await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let reply = get(&gateway.url("/a/b?c=d")).await;
    assert_eq!((reply.status.as_u16(), reply.text().as_str(), reply.complete), (200, "ok", true));
    assert_eq!(upstream.received()[0].target, "/a/b?c=d");
    let log = gateway.wait_for_log(1);
    assert_eq!((log[0]["route"].as_str(), log[0]["outcome"].as_str()), (Some("all"), Some("complete")));
    let (status, log, _) = gateway.stop();
    assert!(status.success());
    assert_eq!(log.len(), 1);
}

#[tokio::test]
async fn every_method_path_and_query_arrives_as_it_was_sent() {
    let upstream = Upstream::ok().await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"];
    let targets = ["/", "/?", "/a%20b/%C3%A4?x=1&&y=%2F&z", "/a/?q=a+b", "/~user/:x@y!$'()*,"];
    for method in methods {
        for target in targets {
            assert_eq!(send(request(method, &gateway.url(target))).await.status, 200, "{method} {target}");
        }
    }
    let received: Vec<(Method, String)> = upstream.received().into_iter().map(|one| (one.method, one.target)).collect();
    let expected: Vec<(Method, String)> = methods
        .iter()
        .flat_map(|method| targets.map(|target| (Method::from_bytes(method.as_bytes()).unwrap(), target.to_owned())))
        .collect();
    assert_eq!(received, expected);
}

#[tokio::test]
async fn an_answer_without_a_body_is_complete() {
    let upstream = Upstream::start(|request| {
        let answer = Response::builder();
        match request.target.as_str() {
            "/204" => answer.status(204).body(Full::default()),
            "/304" => answer.status(304).header("etag", "\"1\"").body(Full::default()),
            "/empty" => answer.body(Full::default()),
            _ => answer.header("content-length", "1234").body(Full::default()),
        }
        .unwrap()
    })
    .await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    for (method, path, status) in
        [("GET", "/204", 204), ("GET", "/304", 304), ("GET", "/empty", 200), ("POST", "/204", 204)]
    {
        let reply = send(request(method, &gateway.url(path))).await;
        assert_eq!((reply.status.as_u16(), reply.body.len(), reply.complete), (status, 0, true), "{method} {path}");
    }
    let log = gateway.wait_for_log(4);
    assert!(log.iter().all(|line| line["outcome"] == "complete" && line["fault"].is_null()), "{log:#?}");
}

#[tokio::test]
async fn the_answer_to_head_keeps_its_length_and_has_no_body() {
    let upstream = Upstream::start(|_| Response::new(Full::new(Bytes::from_static(&[b'x'; 1234])))).await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let mut client = Raw::connect(gateway.address()).await;
    client.write("HEAD /file HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let head = client.read_head().await;
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("content-length: 1234\r\n"), "{head}");
    // The connection goes on: the next head stands right behind the first.
    client.write("HEAD /../x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    let refused = client.read_to_end().await.text();
    assert!(refused.starts_with("HTTP/1.1 400") && refused.ends_with("\r\n\r\n"), "{refused}");
    let log = gateway.wait_for_log(2);
    assert_eq!((&log[0]["method"], &log[0]["outcome"]), (&"HEAD".into(), &"complete".into()));
    assert_eq!((&log[1]["method"], &log[1]["outcome"]), (&"HEAD".into(), &"rejected".into()));
}

#[tokio::test]
async fn a_body_keeps_its_bytes_with_a_length_and_in_chunks() {
    let upstream = Upstream::start(|request| {
        let framing = if request.headers.contains_key("content-length") { "length" } else { "chunks" };
        Response::builder().header("x-framing", framing).body(Full::new(request.body.clone())).unwrap()
    })
    .await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let body: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let reply = post(&gateway.url("/"), body.clone()).await;
    assert_eq!((reply.header("x-framing"), reply.body == body), (Some("length"), true));

    let mut client = Raw::connect(gateway.address()).await;
    client.write("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n").await;
    client.write("5\r\nhello\r\n6;extension=1\r\n world\r\n0\r\n\r\n").await;
    let answer = client.read_to_end().await.text();
    assert!(answer.contains("x-framing: chunks\r\n") && answer.ends_with("hello world"), "{answer}");
    let log = gateway.wait_for_log(2);
    assert_eq!((&log[0]["request_bytes"], &log[0]["reply_bytes"]), (&300_000.into(), &300_000.into()));
    assert_eq!((&log[1]["request_bytes"], &log[1]["reply_bytes"]), (&11.into(), &11.into()));
}

#[tokio::test]
async fn a_client_that_expects_100_is_told_to_go_on() {
    let upstream = Upstream::start(|request| Response::new(Full::new(request.body.clone()))).await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let mut client = Raw::connect(gateway.address()).await;
    client.write("POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n").await;
    assert_eq!(client.read_head().await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.write("hi").await;
    assert!(client.read_head().await.starts_with("HTTP/1.1 200"));
    assert_eq!(client.read_exact(2).await, b"hi");
    // It is the upstream that said so.
    assert_eq!(upstream.received()[0].headers["expect"], "100-continue");
}

#[tokio::test]
async fn a_long_answer_passes_in_bounded_memory() {
    const CHUNK: usize = 1 << 20;
    const CHUNKS: usize = 300;
    let upstream = RawUpstream::start(|mut connection, _| async move {
        connection.read_head().await;
        connection.write(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", CHUNK * CHUNKS)).await;
        for _ in 0..CHUNKS {
            connection.write(vec![b'x'; CHUNK]).await;
        }
        connection.closed().await;
    })
    .await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let before = gateway.resident_bytes();
    let mut client = Raw::connect(gateway.address()).await;
    client.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    client.read_head().await;
    for _ in 0..CHUNKS {
        client.read_exact(CHUNK).await;
    }
    let grown = gateway.resident_bytes().saturating_sub(before);
    assert!(grown < 40 << 20, "grown by {grown} bytes");
    assert_eq!(gateway.wait_for_log(1)[0]["reply_bytes"], CHUNK * CHUNKS);
}

#[tokio::test]
async fn a_slow_client_holds_an_endless_answer_back() {
    let upstream = RawUpstream::start(|mut connection, notes| async move {
        connection.read_head().await;
        connection.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        let chunk = [b"10000\r\n".to_vec(), vec![b'x'; 65_536], b"\r\n".to_vec()].concat();
        let mut written = 0_u32;
        // Until a write waits for a whole second: nobody takes any more.
        while let Ok(open) = tokio::time::timeout(Duration::from_secs(1), connection.try_write(&chunk)).await {
            assert!(open && written < 4096, "256 MiB were taken for a client that reads nothing");
            written += 1;
        }
        notes.add("held back");
        connection.closed().await;
        notes.add("closed");
    })
    .await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let before = gateway.resident_bytes();
    let mut client = Raw::connect(gateway.address()).await;
    client.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    client.read_head().await;
    upstream.notes.wait_for("held back").await;
    let grown = gateway.resident_bytes().saturating_sub(before);
    assert!(grown < 16 << 20, "grown by {grown} bytes");
    drop(client);
    upstream.notes.wait_for("closed").await;
    assert_eq!(gateway.wait_for_log(1)[0]["outcome"], "client_gone");
}

#[tokio::test]
async fn a_slow_upstream_holds_an_endless_upload_back() {
    let upstream = RawUpstream::start(|mut connection, notes| async move {
        connection.read_head().await;
        notes.add("head");
        notes.wait_for("enough").await;
    })
    .await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let before = gateway.resident_bytes();
    let mut client = Raw::connect(gateway.address()).await;
    client.write("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100000000\r\n\r\n").await;
    let mut written = 0_u64;
    let chunk = vec![b'x'; 65_536];
    while let Ok(open) = tokio::time::timeout(Duration::from_secs(1), client.try_write(&chunk)).await {
        written += chunk.len() as u64;
        assert!(open && written < 64 << 20, "{written} bytes were taken for an upstream that reads nothing");
    }
    let grown = gateway.resident_bytes().saturating_sub(before);
    assert!(grown < 16 << 20, "grown by {grown} bytes");
    upstream.notes.add("enough");
}

#[tokio::test]
async fn one_upstream_connection_serves_request_after_request() {
    let upstream = Upstream::ok().await;
    // Each worker has connections of its own.
    let gateway = Gateway::start(&format!("workers = 1\n{}", config::proxy(&upstream.url())), &[]);
    for number in 0..20 {
        let reply = post(&gateway.url("/"), format!("body {number}")).await;
        assert_eq!(reply.status, 200);
        gateway.wait_for_log(number + 1);
    }
    assert_eq!((upstream.received().len(), upstream.connections()), (20, 1));
}

#[tokio::test]
async fn one_client_connection_carries_request_after_request() {
    let upstream = Upstream::ok().await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let mut client = Raw::connect(gateway.address()).await;
    for _ in 0..3 {
        client.write("GET /one HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert!(client.read_head().await.contains("content-length: 2\r\n"));
        assert_eq!(client.read_exact(2).await, b"ok");
    }
    // Two at once are answered in their order.
    client.write("GET /two HTTP/1.1\r\nhost: x\r\n\r\nGET /three HTTP/1.1\r\nhost: x\r\n\r\n").await;
    for _ in 0..2 {
        client.read_head().await;
        assert_eq!(client.read_exact(2).await, b"ok");
    }
    let targets: Vec<String> = upstream.received().into_iter().map(|request| request.target).collect();
    assert_eq!(targets, ["/one", "/one", "/one", "/two", "/three"]);
    assert_eq!(gateway.wait_for_log(5).len(), 5);
}

#[tokio::test]
async fn an_http_1_0_client_gets_an_answer_that_ends_with_its_connection() {
    let upstream = RawUpstream::start(|mut connection, _| async move {
        connection.read_head().await;
        connection.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n").await;
        connection.closed().await;
    })
    .await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let mut client = Raw::connect(gateway.address()).await;
    client.write("GET / HTTP/1.0\r\nhost: x\r\n\r\n").await;
    let answer = client.read_to_end().await.text();
    assert!(answer.ends_with("\r\n\r\nhi") && !answer.contains("transfer-encoding"), "{answer}");
}

#[tokio::test]
async fn an_upstream_that_answers_early_ends_the_upload() {
    let upstream = RawUpstream::start(|mut connection, _| async move {
        connection.read_head().await;
        connection.write("HTTP/1.1 413 Too Large\r\ncontent-length: 4\r\nconnection: close\r\n\r\nlong").await;
        connection.closed().await;
    })
    .await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let mut client = Raw::connect(gateway.address()).await;
    client.write("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 50000000\r\n\r\nfirst bytes").await;
    let head = client.read_head().await;
    assert!(head.starts_with("HTTP/1.1 413"), "{head}");
    assert_eq!(client.read_exact(4).await, b"long");
    client.closed().await;
    let log = gateway.wait_for_log(1);
    assert_eq!((&log[0]["status"], &log[0]["outcome"]), (&413.into(), &"complete".into()), "{log:#?}");
    let (_, log, _) = gateway.stop();
    assert_eq!(log.len(), 1);
}

#[tokio::test]
async fn bytes_pass_both_ways_before_either_message_ends() {
    let upstream = RawUpstream::start(|mut connection, _| async move {
        connection.read_head().await;
        connection.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        for _ in 0..3 {
            connection.read_until("ping\r\n").await;
            connection.write("5\r\npong\n\r\n").await;
        }
        connection.read_until("0\r\n\r\n").await;
        connection.write("0\r\n\r\n").await;
        connection.closed().await;
    })
    .await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let mut client = Raw::connect(gateway.address()).await;
    client.write("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n").await;
    for _ in 0..3 {
        client.write("4\r\nping\r\n").await;
        client.read_until("pong\n").await;
    }
    client.write("0\r\n\r\n").await;
    tokio::time::timeout(PATIENCE, client.read_until("0\r\n\r\n")).await.unwrap();
    assert_eq!(gateway.wait_for_log(1)[0]["outcome"], "complete");
}

#[tokio::test]
async fn a_request_with_two_framings_does_not_leave_a_second_request_behind() {
    let upstream = Upstream::ok().await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let mut client = Raw::connect(gateway.address()).await;
    client
        .write("POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n")
        .await;
    client.try_write("GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let answers = client.read_to_end().await.text();
    assert_eq!(answers.matches("HTTP/1.1 ").count(), 1, "the connection must close behind it: {answers}");
    assert!(upstream.received().iter().all(|request| request.target != "/smuggled"));
    for framing in [
        "content-length: 1\r\ncontent-length: 2",
        "transfer-encoding: gzip",
        "transfer-encoding: chunked, identity",
        "content-length: +1",
    ] {
        let mut client = Raw::connect(gateway.address()).await;
        client.write(format!("POST /b HTTP/1.1\r\nhost: x\r\n{framing}\r\n\r\n")).await;
        let answer = client.read_to_end().await.text();
        assert!(answer.starts_with("HTTP/1.1 400"), "{framing}: {answer}");
    }
    assert!(upstream.received().iter().all(|request| request.target != "/b"));
}
