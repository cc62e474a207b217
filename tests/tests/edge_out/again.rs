//! Requests with a body that an upstream has not looked at: they are sent again where all of the body is there still.

use sluicegate_tests::{Gateway, Notes, Raw, RawUpstream, wait_for_metric};

use crate::frames::{self, Frames, NO_ERROR, REFUSED_STREAM};
use crate::support::{Bodies, gateway_to};

/// How the upstream says that it has not looked at a request.
#[derive(Debug, Clone, Copy)]
enum Refusal {
    Reset,
    GoAway,
}

/// Refuses the first request of the first connection once it has so many bytes of its body, and answers others when they are whole.
/// Notes `refused` and `body BYTES`.
async fn refusing(how: Refusal, bytes_min: usize) -> RawUpstream {
    frames::upstream(move |mut frames: Frames, notes: Notes| async move {
        let mut refuses = notes.all().iter().filter(|note| *note == "connection").count() == 1;
        while let Some(stream) = frames.request().await {
            if std::mem::take(&mut refuses) {
                if frames.body(stream, bytes_min).await.is_none() {
                    return;
                }
                match how {
                    Refusal::Reset => frames.reset(stream, REFUSED_STREAM).await,
                    Refusal::GoAway => frames.go_away(0, NO_ERROR).await,
                }
                notes.add("refused");
                continue;
            }
            let Some(body) = frames.body(stream, usize::MAX).await else { return };
            notes.add(format!("body {}", String::from_utf8_lossy(&body)));
            frames.answer(stream).await;
        }
    })
    .await
}

fn to(upstream: &RawUpstream, bodies: Bodies) -> Gateway {
    gateway_to(&upstream.url(), "protocols = [\"h2\"]", bodies, "")
}

#[tokio::test]
async fn a_whole_body_goes_again_to_an_upstream_that_has_refused_it() {
    for bodies in Bodies::ALL {
        for how in [Refusal::Reset, Refusal::GoAway] {
            let upstream = refusing(how, usize::MAX).await;
            let gateway = to(&upstream, bodies);
            let body = "x".repeat(20_000);
            let reply = sluicegate_tests::post(&gateway.url("/"), body.clone()).await;
            assert_eq!((reply.status.as_u16(), reply.text().as_str()), (200, "ok"), "{bodies:?} {how:?}");
            let notes: Vec<String> = upstream.notes.all().into_iter().filter(|note| note != "connection").collect();
            assert_eq!(notes, ["refused".to_owned(), format!("body {body}")], "{bodies:?} {how:?}");
            assert_eq!(gateway.wait_for_log(1)[0]["request_bytes"], 20_000, "{bodies:?} {how:?}");
        }
    }
}

#[tokio::test]
async fn a_body_that_is_refused_in_the_middle_goes_again_from_its_beginning_and_to_its_end() {
    for bodies in [Bodies::NoPlugin, Bodies::Streamed] {
        for how in [Refusal::Reset, Refusal::GoAway] {
            let upstream = refusing(how, 5).await;
            let gateway = to(&upstream, bodies);
            let mut client = Raw::connect(gateway.address()).await;
            client.write("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n").await;
            upstream.notes.wait_for("refused").await;
            client.write("7\r\n second\r\n0\r\n\r\n").await;
            assert!(client.read_until("ok").await.starts_with("HTTP/1.1 200"), "{bodies:?} {how:?}");
            upstream.notes.wait_for("body first second").await;
        }
    }
}

#[tokio::test]
async fn a_body_of_which_more_is_gone_than_is_kept_does_not_go_again() {
    // As much as goes out without the upstream opening its window; what comes behind it is taken as well.
    let upstream = refusing(Refusal::Reset, 65_535).await;
    let gateway = to(&upstream, Bodies::NoPlugin);
    let mut client = Raw::connect(gateway.address()).await;
    client.write(format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 200000\r\n\r\n{}", "x".repeat(200_000))).await;
    let head = client.read_head().await;
    assert!(head.starts_with("HTTP/1.1 503"), "{head}");
    let line = gateway.wait_for_log(1).remove(0);
    assert_eq!((&line["code"], &line["attempts"]), (&"upstream_busy".into(), &1.into()));
    assert_eq!(upstream.notes.all(), ["connection", "refused"]);
}

#[tokio::test]
async fn over_http_1_a_put_goes_again_from_a_connection_that_was_closed_with_it_and_a_post_does_not() {
    for (method, status, requests) in [("PUT", 200, 3), ("POST", 502, 2)] {
        let upstream = RawUpstream::start(|mut raw, notes: Notes| async move {
            let is_first = notes.all().len() == 1;
            let mut served = 0;
            while let Some(request) = raw.try_read_until("hello").await {
                notes.add(request);
                if is_first && served == 1 {
                    return;
                }
                served += 1;
                raw.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
            }
        })
        .await;
        // One worker: the second request finds the connection of the first.
        let text = format!(
            "workers = 1\n[admin]\naddress = \"127.0.0.1:0\"\n\n[upstreams.service]\nurl = \"{}\"\n\n[[routes]]\nname = \"all\"\nupstream = \"service\"\n",
            upstream.url()
        );
        let gateway = Gateway::start(&text, &[]);
        let mut client = Raw::connect(gateway.address()).await;
        for expected in [200, status] {
            client.write(format!("{method} / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello")).await;
            let head = client.read_head().await;
            assert!(head.starts_with(&format!("HTTP/1.1 {expected}")), "{method}: {head}");
            if expected == 200 {
                client.read_until("ok").await;
                wait_for_metric(&gateway, "sluicegate_upstream_connections", &["state=\"idle\""], 1.0).await;
            }
        }
        let received = upstream.notes.all();
        let received = received.iter().filter(|note| note.starts_with(method)).count();
        assert_eq!(received, requests, "{method}");
    }
}
