//! Framing that two servers could read differently, and what must not come behind a body.

use sluicegate_tests::{Gateway, Raw, RawUpstream, Upstream, config, get};

async fn raw(gateway: &Gateway, request: &str) -> String {
    let mut client = Raw::connect(gateway.address()).await;
    client.write(request).await;
    client.read_to_end().await.text()
}

#[tokio::test]
async fn a_transfer_coding_other_than_chunked_is_refused() {
    let upstream = Upstream::ok().await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    for coding in ["gzip, chunked", "chunked, chunked"] {
        let head = format!("POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: {coding}\r\n\r\n");
        let answer = raw(&gateway, &format!("{head}0\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{coding}: {answer}");
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn trace_goes_to_no_upstream() {
    let upstream = Upstream::ok().await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let answer = raw(&gateway, "TRACE / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn fields_behind_a_request_body_do_not_reach_the_upstream() {
    let upstream = RawUpstream::start(|mut raw, notes| async move {
        raw.read_head().await;
        notes.add(raw.read_until("0\r\n").await);
        notes.add(format!("behind it {:?}", String::from_utf8_lossy(&raw.read_exact(2).await)));
        raw.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    })
    .await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let head =
        "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\ntrailer: x-api-key\r\n\r\n";
    let answer = raw(&gateway, &format!("{head}3\r\nabc\r\n0\r\nx-api-key: planted\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(upstream.notes.all().last().map(String::as_str), Some("behind it \"\\r\\n\""));
}

#[tokio::test]
async fn an_answer_with_trailers_is_complete_and_one_with_a_false_length_is_passed_on_whole() {
    for (fields, body) in [
        ("transfer-encoding: chunked", "3\r\nabc\r\n0\r\nset-cookie: a=b\r\n\r\n"),
        ("transfer-encoding: chunked\r\ncontent-length: 1", "3\r\nabc\r\n0\r\n\r\n"),
    ] {
        let upstream = RawUpstream::start(move |mut raw, _| async move {
            raw.read_head().await;
            raw.write(format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n{body}")).await;
        })
        .await;
        let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
        let reply = get(&gateway.url("/")).await;
        assert_eq!(
            (reply.text().as_str(), reply.complete, reply.header("content-length")),
            ("abc", true, None),
            "{fields}"
        );
        assert_eq!(gateway.wait_for_log(1)[0]["outcome"], "complete", "{fields}");
    }
}

#[tokio::test]
async fn with_one_instance_for_all_requests_wait_for_it_and_none_is_refused() {
    let upstream = Upstream::ok().await;
    let chain = "chain = [{ plugin = \"headers\", config = { request = [{ set = \"x-a\", value = \"b\" }] } }]";
    let text = format!("[limits]\ninstances_max = 1\n\n{}", config::route(&upstream.url(), chain));
    let gateway = Gateway::start(&text, &[]);
    let url = gateway.url("/");
    let asking = (0..16).map(|_| {
        let url = url.clone();
        tokio::spawn(async move {
            let mut statuses = Vec::new();
            for _ in 0..20 {
                statuses.push(get(&url).await.status.as_u16());
            }
            statuses
        })
    });
    let mut refused = 0;
    for asked in asking.collect::<Vec<_>>() {
        refused += asked.await.expect("it asked").into_iter().filter(|status| *status != 200).count();
    }
    assert_eq!(refused, 0);
}
