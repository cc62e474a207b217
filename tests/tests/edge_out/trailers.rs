//! Fields behind a body: they pass both ways where they may, and never make a broken message look whole.

use sluicegate_tests::{Gateway, Raw, RawUpstream, config};

use crate::support::{Bodies, ask, gateway};

const CHUNKED: &str = "transfer-encoding: chunked\r\n";

/// A request for an answer with trailers. `fields`: further ones of the head.
fn get(fields: &str) -> String {
    format!("GET / HTTP/1.1\r\nhost: x\r\nconnection: close, te\r\n{fields}\r\n")
}

/// Answers every request with this, and notes each request's target.
async fn answering(answer: impl Into<String>) -> RawUpstream {
    let answer = answer.into();
    RawUpstream::start(move |mut raw, notes| {
        let answer = answer.clone();
        async move {
            while let Some(head) = raw.try_read_until("\r\n\r\n").await {
                notes.add(head.lines().next().unwrap_or_default());
                if !raw.try_write(&answer).await {
                    return;
                }
            }
        }
    })
    .await
}

/// Reads whole chunked requests, notes each with its head and answers `ok`.
async fn reading() -> RawUpstream {
    RawUpstream::start(|mut raw, notes| async move {
        notes.add(raw.read_head().await);
        notes.add(raw.read_until("\r\n\r\n").await);
        raw.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    })
    .await
}

#[tokio::test]
async fn fields_behind_an_answer_reach_the_client_whatever_reads_its_body() {
    let fields = "trailer: grpc-status, content-digest\r\n";
    let behind = "grpc-status: 0\r\ncontent-digest: sha-256=:eA==:\r\n";
    for bodies in Bodies::ALL {
        let upstream =
            answering(format!("HTTP/1.1 200 OK\r\n{CHUNKED}{fields}\r\n3\r\nabc\r\n0\r\n{behind}\r\n")).await;
        let gateway = gateway(&upstream.url(), bodies, "");
        let answer = ask(&gateway, &get("te: trailers\r\n")).await;
        // What vouches for the bytes goes where a plugin has had them.
        let expected = if bodies == Bodies::NoPlugin { behind } else { "grpc-status: 0\r\n" };
        assert!(answer.ends_with(&format!("3\r\nabc\r\n0\r\n{expected}\r\n")), "{bodies:?}: {answer}");
        assert!(answer.contains("trailer: grpc-status, content-digest\r\n"), "{bodies:?}: {answer}");
        let log = gateway.wait_for_log(1);
        assert_eq!((&log[0]["outcome"], &log[0]["reply_bytes"]), (&"complete".into(), &3.into()), "{bodies:?}");
    }
}

#[tokio::test]
async fn a_client_that_does_not_ask_for_trailers_gets_the_body_alone_and_the_connection_upstream_stays() {
    let answer =
        format!("HTTP/1.1 200 OK\r\n{CHUNKED}trailer: grpc-status\r\n\r\n3\r\nabc\r\n0\r\ngrpc-status: 0\r\n\r\n");
    for bodies in Bodies::ALL {
        let upstream = answering(&answer).await;
        let gateway = gateway(&upstream.url(), bodies, "");
        let mut client = Raw::connect(gateway.address()).await;
        for te in ["", "te: gzip\r\n", "te: trailers\r\n", ""] {
            client.write(format!("GET / HTTP/1.1\r\nhost: x\r\nconnection: te\r\n{te}\r\n")).await;
            let head = client.read_head().await;
            let body = match head.contains("content-length: 3\r\n") {
                true => client.read_until("abc").await,
                false => client.read_until("\r\n\r\n").await,
            };
            let expected = match (te, bodies) {
                ("te: trailers\r\n", _) => "3\r\nabc\r\n0\r\ngrpc-status: 0\r\n\r\n",
                (_, Bodies::Buffered) => "abc",
                _ => "3\r\nabc\r\n0\r\n\r\n",
            };
            assert_eq!(body, expected, "{bodies:?} {te}: {head}");
            assert_eq!(head.contains("trailer:"), te.contains("trailers"), "{bodies:?} {te}: {head}");
        }
        assert_eq!(upstream.connections(), 1, "{bodies:?}");
    }
}

#[tokio::test]
async fn fields_behind_a_request_reach_the_upstream_whatever_reads_its_body() {
    let head =
        format!("POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{CHUNKED}trailer: x-checksum, x-api-key\r\n\r\n");
    for bodies in Bodies::ALL {
        let upstream = reading().await;
        let gateway = gateway(&upstream.url(), bodies, "");
        let answer =
            ask(&gateway, &format!("{head}3\r\nabc\r\n0\r\nx-checksum: 7\r\nx-api-key: planted\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{bodies:?}: {answer}");
        let received = upstream.notes.all().pop().unwrap_or_default();
        assert_eq!(received, "3\r\nabc\r\n0\r\nx-checksum: 7\r\n\r\n", "{bodies:?}");
    }
}

#[tokio::test]
async fn the_second_upstream_gets_the_fields_behind_the_body_as_well() {
    let busy = RawUpstream::start(|mut raw, _| async move {
        raw.read_until("x-checksum: 7\r\n\r\n").await;
        raw.write("HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n").await;
    })
    .await;
    let other = reading().await;
    let text = format!(
        "[upstreams.busy]\nurl = \"{}\"\n\n{}\n[[routes]]\nname = \"all\"\nupstreams = [\"busy\", \"service\"]\n",
        busy.url(),
        config::service(&other.url(), ""),
    );
    let gateway = Gateway::start(&text, &[]);
    let head = format!("POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{CHUNKED}trailer: x-checksum\r\n\r\n");
    let answer = ask(&gateway, &format!("{head}3\r\nabc\r\n0\r\nx-checksum: 7\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(other.notes.all().pop().as_deref(), Some("3\r\nabc\r\n0\r\nx-checksum: 7\r\n\r\n"));
}

#[tokio::test]
async fn fields_behind_a_body_end_at_the_limits_of_a_head_and_the_message_is_never_whole() {
    let long = "a".repeat(70 << 10);
    let many: String = (0..101).map(|number| format!("x-{number}: 1\r\n")).collect();
    for behind in [format!("x-long: {long}\r\n"), many] {
        let upstream =
            answering(format!("HTTP/1.1 200 OK\r\n{CHUNKED}trailer: x-long\r\n\r\n3\r\nabc\r\n0\r\n{behind}\r\n"))
                .await;
        let gateway = gateway(&upstream.url(), Bodies::NoPlugin, "");
        let answer = ask(&gateway, &get("te: trailers\r\n")).await;
        assert!(answer.ends_with("3\r\nabc\r\n"), "{} bytes end with {:?}", answer.len(), &answer[answer.len() - 20..]);
        assert_eq!(gateway.wait_for_log(1)[0]["outcome"], "upstream_cut");

        let upstream = RawUpstream::start(|mut raw, notes| async move {
            raw.read_head().await;
            notes.add(raw.read_to_end().await.text());
        })
        .await;
        let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
        let head = format!("POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{CHUNKED}\r\n");
        let answer = ask(&gateway, &format!("{head}3\r\nabc\r\n0\r\n{behind}\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        upstream.notes.wait_for("3\r\nabc\r\n").await;
    }
}

#[tokio::test]
async fn an_answer_whose_end_another_reader_could_see_elsewhere_is_cut_and_its_connection_serves_no_further_request() {
    for end in ["0\r\n\n", "0\r\nsum: 1\n\n", "0\r\nsum: 1\r\n\n", "0\r\nsum: \0\r\n\r\n", "0;a=\0\r\n\r\n"] {
        // What stands behind it, up to the next empty line, hyper alone would take for further trailers.
        let hidden = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nhidden";
        let upstream = answering(format!("HTTP/1.1 200 OK\r\n{CHUNKED}\r\n3\r\nabc\r\n{end}{hidden}")).await;
        for bodies in Bodies::ALL {
            let gateway = gateway(&upstream.url(), bodies, "");
            let before = upstream.connections();
            for number in 1..=2 {
                let answer = ask(&gateway, &get("te: trailers\r\n")).await;
                assert!(!answer.ends_with("0\r\n\r\n") && !answer.contains("hidden"), "{end:?} {bodies:?}: {answer}");
                let log = gateway.wait_for_log(number);
                assert_eq!(log[number - 1]["fault"], "upstream", "{end:?} {bodies:?}: {log:?}");
                assert_eq!(upstream.connections() - before, number, "{end:?} {bodies:?}");
            }
        }
    }
}

#[tokio::test]
async fn answers_without_a_body_and_with_one_follow_each_other_on_one_connection() {
    let upstream = RawUpstream::start(|mut raw, _| async move {
        while let Some(head) = raw.try_read_until("\r\n\r\n").await {
            let answer = match head.split(' ').nth(1).unwrap_or_default() {
                "/none" => format!("HTTP/1.1 204 No Content\r\n{CHUNKED}\r\n"),
                "/same" => format!("HTTP/1.1 304 Not Modified\r\n{CHUNKED}\r\n"),
                _ if head.starts_with("HEAD") => format!("HTTP/1.1 200 OK\r\n{CHUNKED}\r\n"),
                _ => format!("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n{CHUNKED}\r\n2\r\n\n\n\r\n0\r\n\r\n"),
            };
            raw.write(answer).await;
        }
    })
    .await;
    let gateway = gateway(&upstream.url(), Bodies::NoPlugin, "");
    let mut client = Raw::connect(gateway.address()).await;
    for (request, status) in [("HEAD /", 200), ("GET /none", 204), ("GET /", 200), ("GET /same", 304), ("GET /", 200)] {
        client.write(format!("{request} HTTP/1.1\r\nhost: x\r\n\r\n")).await;
        let head = client.read_head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {head}");
        if request == "GET /" {
            assert_eq!(client.read_until("0\r\n\r\n").await, "2\r\n\n\n\r\n0\r\n\r\n");
        }
    }
    assert_eq!(upstream.connections(), 1);
}
