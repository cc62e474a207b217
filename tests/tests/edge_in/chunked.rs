//! Chunked bodies that another reader could end elsewhere.

use sluicegate_tests::{Gateway, Raw, RawUpstream, Upstream, config};

const POST: &str = "POST /first HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n";

/// Bodies, and how much of each is in order.
const AMBIGUOUS: [(&str, &str); 12] = [
    ("3\r\nabc\r\n", "0\r\n\n"),
    ("3\r\nabc\r\n", "0\r\nsum: 1\n\n"),
    ("3\r\nabc\r\n", "0\r\nsum: 1\n\r\n"),
    ("3\r\nabc\r\n", "0\r\nsum: 1\r\n\n"),
    ("3\r\nabc\r\n", "0\r\nsum: 1\nother: 2\r\n\r\n"),
    ("3\r\nabc\r\n", "0\r\nsum: 1\r\r\n\r\n"),
    ("3\r\nabc\r\n", "0\r\nsum: \0\r\n\r\n"),
    ("3\r\nabc\r\n", "0\r\nsum: \x0b\r\n\r\n"),
    ("3\r\nabc\r\n", "0;a=\0\r\n\r\n"),
    ("3\r\nabc\r\n", "0;a=\r\r\n\r\n"),
    ("3\r\nabc\r\n", "0;a\n\r\n\r\n"),
    ("3\r\nabc\r\n", "0\n\r\n"),
];

#[tokio::test]
async fn what_another_reader_could_take_for_the_end_of_a_chunked_body_is_refused_and_nothing_behind_it_is_a_request() {
    let upstream = Upstream::ok().await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let mut refused = 0;
    for (good, bad) in AMBIGUOUS {
        for in_pieces in [false, true] {
            let body = format!("{bad}{SMUGGLED}{SMUGGLED}");
            let mut client = Raw::connect(gateway.address()).await;
            match in_pieces {
                false => client.write(format!("{POST}{good}{body}")).await,
                true => {
                    client.write(format!("{POST}{good}")).await;
                    for byte in body.bytes() {
                        client.try_write([byte]).await;
                    }
                }
            }
            let answer = client.read_to_end().await.text();
            assert!(answer.starts_with("HTTP/1.1 400 "), "{bad:?}: {answer}");
            assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{bad:?}: {answer}");
            refused += 1;
        }
    }
    assert!(upstream.received().is_empty(), "{:?}", upstream.received());
    for line in gateway.wait_for_log(refused) {
        assert_eq!((&line["status"], &line["path"]), (&400.into(), &"/first".into()), "{line}");
    }
}

#[tokio::test]
async fn the_upstream_sees_no_end_of_a_chunked_body_that_is_wrong() {
    for (good, bad) in AMBIGUOUS {
        let upstream = RawUpstream::start(|mut raw, notes| async move {
            raw.read_head().await;
            notes.add(raw.read_to_end().await.text());
        })
        .await;
        let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
        let mut client = Raw::connect(gateway.address()).await;
        client.write(format!("{POST}{good}{bad}{SMUGGLED}")).await;
        let answer = client.read_to_end().await.text();
        assert!(answer.starts_with("HTTP/1.1 400 "), "{bad:?}: {answer}");
        upstream.notes.wait_for(good).await;
        assert_eq!(upstream.notes.all().last().map(String::as_str), Some(good), "{bad:?}");
    }
}

#[tokio::test]
async fn an_answer_that_has_begun_is_cut_where_the_rest_of_its_request_is_wrong() {
    let upstream = RawUpstream::start(|mut raw, notes| async move {
        raw.read_until("abc\r\n").await;
        raw.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n").await;
        notes.add(raw.read_to_end().await.text());
    })
    .await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let mut client = Raw::connect(gateway.address()).await;
    client.write(format!("{POST}3\r\nabc\r\n")).await;
    client.read_until("3\r\nabc\r\n").await;
    client.write(format!("0\r\nsum: 1\n\n{SMUGGLED}")).await;
    assert_eq!(client.read_to_end().await.text(), "");
    upstream.notes.wait_for("").await;
    assert_eq!(gateway.wait_for_log(1).len(), 1);
}

#[tokio::test]
async fn trailers_and_extensions_that_are_in_order_pass_and_the_connection_stays() {
    let upstream = Upstream::ok().await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let mut client = Raw::connect(gateway.address()).await;
    for _ in 0..3 {
        client.write(format!("{POST}2 ;a=\"b\tc\"\r\n\n\n\r\n0\r\nsum:\t1\r\nother: \u{e9}\r\n\r\n")).await;
        let head = client.read_head().await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert_eq!(client.read_exact(2).await, b"ok");
    }
    assert!(upstream.received().iter().all(|request| &request.body[..] == b"\n\n"));
}
