//! Heads that cannot be read, and framing that two servers could read differently (RFC 9112): refused with 400 and a close.

use sluicegate_tests::{Gateway, Raw, RawUpstream, Upstream, config};

/// The whole answer to these bytes, until the gateway closes.
async fn said(gateway: &Gateway, bytes: impl AsRef<[u8]>) -> String {
    let mut raw = Raw::connect(gateway.address()).await;
    raw.write(bytes).await;
    raw.read_to_end().await.text()
}

#[tokio::test]
async fn a_head_that_cannot_be_read_is_refused_with_our_body_and_a_line_in_the_log() {
    let upstream = Upstream::ok().await;
    let gateway = Gateway::start(&format!("[limits]\nhead_bytes_max = 8192\n{}", config::proxy(&upstream.url())), &[]);
    let too_many = (0..200).map(|number| format!("x{number}: y\r\n")).collect::<String>();
    let cases = [
        ("nonsense\r\n\r\n".to_owned(), 400, "client_bad_request"),
        ("GET / HTTP/1.1\r\nhost: x\r\nbad field\r\n\r\n".to_owned(), 400, "client_bad_request"),
        (format!("GET / HTTP/1.1\r\nhost: x\r\nlong: {}\r\n\r\n", "y".repeat(10_000)), 431, "client_head_too_large"),
        (format!("GET / HTTP/1.1\r\nhost: x\r\n{too_many}\r\n"), 431, "client_head_too_large"),
    ];
    for (number, (request, status, code)) in cases.iter().enumerate() {
        let answer = said(&gateway, request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:.60}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        for field in ["connection: close", "content-type: application/problem+json", "x-request-id: ", "date: "] {
            assert!(head.contains(field), "{field}: {head}");
        }
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["code"], **code);
        let line = &gateway.wait_for_log(number + 1)[number];
        assert_eq!(
            (&line["status"], &line["code"], &line["outcome"]),
            (&(*status).into(), &(*code).into(), &"rejected".into())
        );
        assert!(head.contains(line["request_id"].as_str().unwrap()), "{head}");
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn a_target_that_no_server_takes_is_refused_with_414() {
    let upstream = Upstream::ok().await;
    let text = format!("[limits]\nhead_bytes_max = 200000\n{}", config::proxy(&upstream.url()));
    let gateway = Gateway::start(&text, &[]);
    let answer = said(&gateway, format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(70_000))).await;
    assert!(answer.starts_with("HTTP/1.1 414 ") && answer.contains("client_target_too_long"), "{answer}");
}

#[tokio::test]
async fn a_second_request_that_cannot_be_read_is_refused_behind_the_first_answer() {
    let upstream = Upstream::ok().await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let answer = said(&gateway, "GET / HTTP/1.1\r\nhost: x\r\n\r\nnonsense\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("okHTTP/1.1 400 "), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 2, "{answer}");
    assert_eq!(gateway.wait_for_log(2)[1]["status"], 400);
}

#[tokio::test]
async fn what_two_servers_could_frame_differently_is_refused_and_the_connection_closed() {
    let upstream = Upstream::ok().await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let heads = [
        "content-length: 3\r\ncontent-length: 4",
        "content-length: 3, 4",
        "content-length: +3",
        "content-length: -3",
        "content-length: 0x3",
        "content-length: 3 3",
        "content-length: ",
        "content-length: 99999999999999999999",
        "content-length : 3",
        " content-length: 3",
        "x: y\r\n folded: z\r\ncontent-length: 3",
        "x: a\0b\r\ncontent-length: 3",
        "x: a\rb\r\ncontent-length: 3",
        "transfer-encoding: chunked, chunked",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
        "transfer-encoding: gzip",
        "transfer-encoding: xchunked",
        "transfer-encoding: chunked;a=b",
        "transfer-encoding: \"chunked\"",
        "transfer-encoding: identity",
    ];
    for fields in heads {
        // What would be a request of its own if the first one had no body.
        let request =
            format!("POST / HTTP/1.1\r\nhost: x\r\n{fields}\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n");
        let answer = said(&gateway, request).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{fields:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{fields:?}: {answer}");
    }
    for line in [
        "GET  / HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET\t/ HTTP/1.1",
        "GET / HTTP/1.2",
        "GET / HTTP/2.0",
        "GET /a b HTTP/1.1",
    ] {
        let answer = said(&gateway, format!("{line}\r\nhost: x\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{line:?}: {answer}");
    }
    assert!(upstream.received().is_empty(), "{:?}", upstream.received());
}

#[tokio::test]
async fn a_length_beside_chunked_does_not_count_goes_no_further_and_ends_the_connection() {
    let upstream = Upstream::ok().await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    for fields in [
        "content-length: 4\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 4",
        "transfer-encoding: Chunked\r\ncontent-length: 4",
    ] {
        let request = format!(
            "POST / HTTP/1.1\r\nhost: x\r\n{fields}\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n"
        );
        let answer = said(&gateway, request).await;
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{fields:?}: {answer}");
        assert!(answer.contains("connection: close"), "{fields:?}: {answer}");
    }
    for received in upstream.received() {
        assert_eq!((&received.body[..], received.target.as_str()), (&b"abc"[..], "/"));
        assert!(!received.headers.contains_key("content-length") || received.headers["content-length"] == "3");
    }
}

#[tokio::test]
async fn chunks_that_are_no_chunks_break_the_request() {
    let upstream = Upstream::ok().await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let long_extension = format!("3;{}\r\nabc\r\n0\r\n\r\n", "x".repeat(100_000));
    let many_extensions = format!("1;{}\r\na\r\n", "x".repeat(1_000)).repeat(1_000);
    for body in [
        "+3\r\nabc\r\n0\r\n\r\n",
        "-3\r\nabc\r\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        "3 \n\r\nabc\r\n0\r\n\r\n",
        "3\nabc\n0\n\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "10000000000000000\r\nabc",
        "g\r\nabc\r\n0\r\n\r\n",
        "\r\n3\r\nabc\r\n0\r\n\r\n",
        &long_extension,
        &many_extensions,
    ] {
        let head = "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
        let mut raw = Raw::connect(gateway.address()).await;
        raw.try_write(format!("{head}{body}")).await;
        let answer = raw.read_to_end().await.text();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{body:.20?}: {answer}");
    }
    assert!(upstream.received().is_empty(), "{:?}", upstream.received());
}

#[tokio::test]
async fn a_client_of_http_1_0_is_answered_as_one_and_goes_upstream_as_1_1() {
    let upstream = Upstream::ok().await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let answer = said(&gateway, "GET /old HTTP/1.0\r\nhost: x\r\n\r\n").await;
    assert!(answer.ends_with("\r\n\r\nok") && !answer.contains("transfer-encoding"), "{answer}");
    let answer = said(&gateway, "POST /old HTTP/1.0\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc").await;
    assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
    // A transfer-coding is unknown to it (RFC 9112, 6.1).
    let answer = said(&gateway, "POST / HTTP/1.0\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n").await;
    assert!(answer.contains(" 400 "), "{answer}");
    let received = upstream.received();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].headers["via"], "1.0 sluicegate");
    assert_eq!(&received[1].body[..], b"abc");
    assert_eq!(gateway.wait_for_log(2)[0]["protocol"], "http/1.0");
}

#[tokio::test]
async fn an_answer_that_breaks_off_never_looks_whole_to_a_client_of_http_1_0() {
    let upstream = RawUpstream::start(|mut raw, _| async move {
        let whole = raw.read_head().await.starts_with("GET /whole");
        raw.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n").await;
        if whole {
            raw.write("0\r\n\r\n").await;
        }
    })
    .await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    for (path, breaks) in [("/whole", false), ("/broken", true)] {
        let mut client = Raw::connect(gateway.address()).await;
        client.write(format!("GET {path} HTTP/1.0\r\nhost: x\r\n\r\n")).await;
        let rest = client.read_to_end().await;
        assert_eq!((rest.reset, rest.text().ends_with("\r\n\r\nhello")), (breaks, true), "{path}: {rest:?}");
    }
}
