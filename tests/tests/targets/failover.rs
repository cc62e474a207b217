//! When the next upstream is tried, when not, and what the client sees of it.

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::json;
use sluicegate_tests::{Gateway, PATIENCE, Raw, RawUpstream, Upstream, send};

use crate::support::{Closed, answering, ask, breaking_off, config, get, hangs_up, named, silent, start, with};

const BODY: &str = "the body";

/// The one upstream that has served, those that were tried before it, and how many attempts that took.
fn assert_line(gateway: &Gateway, upstream: &str, tried: &[&str]) {
    let line = gateway.wait_for_log(1).pop().unwrap();
    let found = json!([line["upstream"], line["tried"], line["attempts"]]);
    assert_eq!(found, json!([upstream, tried, tried.len() + 1]), "{line}");
}

#[tokio::test]
async fn where_nobody_listens_the_next_upstream_gets_the_request_whole() {
    let long = vec![b'x'; 3 << 20];
    let buffers = "chain = [{ plugin = \"hostile\", grants = [\"identity-writer\"], config = { body = \"buffered\", reply_body = \"none\" } }]";
    let pipes = buffers.replace("buffered", "stream");
    for (chain, method, body) in [
        ("", Method::GET, Bytes::new()),
        ("", Method::POST, BODY.into()),
        ("", Method::POST, long.clone().into()),
        (buffers, Method::POST, long.clone().into()),
        (&pipes, Method::POST, long.into()),
    ] {
        let (a, b) = (Closed::new(), named("b").await);
        let gateway = start(&config(&[("a", &a.url()), ("b", &b.url())], "", chain));
        let reply = ask(&gateway, method.clone(), &[], body.clone()).await;
        assert_eq!((reply.status.as_u16(), reply.text().as_str()), (200, "b"));
        let received = b.received().remove(0);
        assert_eq!((received.method, received.target.as_str(), received.body.len()), (method, "/x", body.len()));
        assert_line(&gateway, "b", &["a"]);
    }
}

#[tokio::test]
async fn a_request_that_an_upstream_says_it_has_not_served_goes_to_the_next() {
    for (status, retry_after, method) in
        [(429, false, Method::POST), (503, true, Method::POST), (503, false, Method::PUT), (503, false, Method::GET)]
    {
        let a = Upstream::start(move |_| {
            let mut answer = Response::new(Full::from("a"));
            *answer.status_mut() = StatusCode::from_u16(status).unwrap();
            if retry_after {
                answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            answer
        })
        .await;
        let b = named("b").await;
        let gateway = start(&config(&[("a", &a.url()), ("b", &b.url())], "", ""));
        let body = if method == Method::GET { "" } else { BODY };
        assert_eq!(ask(&gateway, method, &[], body).await.text(), "b");
        for upstream in [&a, &b] {
            assert_eq!(upstream.received().remove(0).body, body);
        }
        assert_line(&gateway, "b", &["a"]);
    }
}

#[tokio::test]
async fn a_bare_503_is_no_proof_that_nothing_was_done() {
    let (a, b) = (answering("a", StatusCode::SERVICE_UNAVAILABLE).await, named("b").await);
    let gateway = start(&config(&[("a", &a.url()), ("b", &b.url())], "", ""));
    let reply = ask(&gateway, Method::POST, &[], BODY).await;
    assert_eq!((reply.status.as_u16(), reply.text().as_str()), (503, "a"));
    assert!(b.received().is_empty());
    assert_line(&gateway, "a", &[]);
}

#[tokio::test]
async fn a_long_body_that_has_gone_out_is_not_there_for_the_next_and_the_answer_stands() {
    let (a, b) = (answering("a", StatusCode::TOO_MANY_REQUESTS).await, named("b").await);
    let gateway = start(&config(&[("a", &a.url()), ("b", &b.url())], "", ""));
    let reply = ask(&gateway, Method::POST, &[], vec![b'x'; (64 << 10) + 1]).await;
    assert_eq!((reply.status.as_u16(), reply.text().as_str()), (429, "a"));
    assert!(b.received().is_empty());
    assert_line(&gateway, "a", &[]);
}

#[tokio::test]
async fn if_nobody_does_better_the_client_gets_the_answer_of_who_answered_last() {
    let busy = StatusCode::SERVICE_UNAVAILABLE;
    let (a, b, c) = (answering("a", busy).await, answering("b", busy).await, Closed::new());
    let gateway = start(&config(&[("a", &a.url()), ("b", &b.url()), ("c", &c.url())], "", ""));
    let reply = get(&gateway).await;
    assert_eq!((reply.status.as_u16(), reply.text().as_str()), (503, "b"));
    assert_line(&gateway, "b", &["a", "c"]);
}

#[tokio::test]
async fn what_the_last_upstream_may_have_done_is_not_told_as_if_nobody_had_done_it() {
    let odd = "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n";
    for (method, last_words, status, told) in [
        (Method::POST, "", 502, "Upstream `b` sent an answer that cannot be used. Tried before it: `a`."),
        (Method::POST, odd, 502, "Upstream `b` sent an answer that cannot be used. Tried before it: `a`."),
        // What can be done twice may be asked for again.
        (Method::PUT, "", 429, "a"),
        (Method::PUT, odd, 429, "a"),
    ] {
        let a = answering("a", StatusCode::TOO_MANY_REQUESTS).await;
        let b = RawUpstream::start(move |mut raw, _| async move {
            raw.read_head().await;
            raw.read_exact(BODY.len()).await;
            raw.write(last_words).await;
        })
        .await;
        let gateway = start(&config(&[("a", &a.url()), ("b", &b.url())], "", ""));
        let reply = ask(&gateway, method, &[], BODY).await;
        let found = if status == 429 { reply.text() } else { reply.json()["detail"].as_str().unwrap().to_owned() };
        assert_eq!((reply.status.as_u16(), found.as_str()), (status, told), "{last_words:?}");
        assert_eq!((a.received().len(), b.connections()), (1, 1));
    }
}

#[tokio::test]
async fn while_the_next_upstream_is_tried_others_have_the_connection_to_the_first() {
    let a = answering("a", StatusCode::TOO_MANY_REQUESTS).await;
    let b = RawUpstream::start(|mut raw, notes| async move {
        raw.read_head().await;
        notes.add("arrived");
        notes.wait_for("go").await;
        raw.write("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nb").await;
    })
    .await;
    let gateway = start(&config(&[("a", &with(&a.url(), "connections_max = 1")), ("b", &b.url())], "", ""));
    let ask = || tokio::spawn(sluicegate_tests::get(gateway.url("/x").leak()));
    let first = ask();
    b.notes.wait_for("arrived").await;
    let second = ask();
    let asked = std::time::Instant::now();
    while b.connections() < 2 {
        assert!(asked.elapsed() < PATIENCE, "the second request does not get there");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    // It did not give up waiting for `a`.
    assert_eq!((a.received().len(), a.connections()), (2, 1));
    b.notes.add("go");
    for reply in [first, second] {
        assert_eq!(reply.await.unwrap().text(), "b");
    }
}

#[tokio::test]
async fn an_answer_that_is_too_long_or_too_slow_is_not_kept_and_a_refusal_says_which() {
    for length in [2, (64 << 10) + 1] {
        let (a, b, c) = (breaking_off("a", length).await, named("b").await, Closed::new());
        let gateway = start(&config(&[("a", &a.url()), ("b", &b.url())], "", ""));
        assert_eq!(ask(&gateway, Method::POST, &[], BODY).await.text(), "b");
        let gateway = start(&config(&[("a", &a.url()), ("c", &c.url())], "", ""));
        let reply = ask(&gateway, Method::POST, &[], BODY).await;
        assert_eq!((reply.status.as_u16(), reply.json()["code"].as_str()), (503, Some("upstream_busy")));
        let told = "Upstream `a` answered 429 at a length or in a way that could not be kept.";
        assert_eq!((reply.json()["detail"].as_str(), reply.header("retry-after")), (Some(told), Some("7")));
        assert_line(&gateway, "a", &["c"]);
    }
}

#[tokio::test]
async fn any_other_answer_is_an_answer() {
    for status in [500, 502, 504, 404] {
        let (a, b) = (answering("a", StatusCode::from_u16(status).unwrap()).await, named("b").await);
        let gateway = start(&config(&[("a", &a.url()), ("b", &b.url())], "", ""));
        let reply = get(&gateway).await;
        assert_eq!((reply.status.as_u16(), reply.text().as_str()), (status, "a"));
        assert!(b.received().is_empty());
    }
}

#[tokio::test]
async fn what_may_have_been_done_is_not_asked_for_again() {
    let b = named("b").await;
    let a = hangs_up(BODY).await;
    let gateway = start(&config(&[("a", &a.url()), ("b", &b.url())], "", ""));
    let reply = ask(&gateway, Method::POST, &[], BODY).await;
    assert_eq!((reply.status.as_u16(), reply.json()["code"].as_str()), (502, Some("upstream_broken")));
    assert_eq!(a.connections(), 1);
    assert!(b.received().is_empty());
    assert_line(&gateway, "a", &[]);
}

#[tokio::test]
async fn what_can_be_done_twice_is_asked_of_the_next_when_an_upstream_hangs_up() {
    for (method, body) in [(Method::GET, ""), (Method::PUT, BODY), (Method::DELETE, "")] {
        let (a, b) = (hangs_up(body).await, named("b").await);
        let gateway = start(&config(&[("a", &a.url()), ("b", &b.url())], "", ""));
        assert_eq!(ask(&gateway, method, &[], body).await.text(), "b");
        assert_eq!(b.received().remove(0).body, body);
        assert_line(&gateway, "b", &["a"]);
    }
}

#[tokio::test]
async fn an_upstream_that_is_late_is_left_for_the_next_only_if_the_method_allows_it() {
    for (method, status) in [(Method::GET, 200), (Method::POST, 504)] {
        let (a, b) = (silent().await, named("b").await);
        let gateway = start(&config(&[("a", &with(&a.url(), "reply_timeout_ms = 100")), ("b", &b.url())], "", ""));
        assert_eq!(ask(&gateway, method, &[], "").await.status.as_u16(), status);
        assert_eq!(b.received().len(), usize::from(status == 200));
    }
}

#[tokio::test]
async fn once_a_byte_of_the_answer_is_out_its_end_is_its_end() {
    let a = RawUpstream::start(|mut raw, _| async move {
        raw.read_head().await;
        raw.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nsome of it").await;
    })
    .await;
    let b = named("b").await;
    let gateway = start(&config(&[("a", &a.url()), ("b", &b.url())], "", ""));
    let reply = get(&gateway).await;
    assert_eq!((reply.status.as_u16(), reply.text().as_str(), reply.complete), (200, "some of it", false));
    assert!(b.received().is_empty());
    assert_line(&gateway, "a", &[]);
}

#[tokio::test]
async fn if_all_are_down_one_refusal_names_the_reason_and_who_was_tried() {
    let (a, b) = (Closed::new(), Closed::new());
    let gateway = start(&config(&[("a", &a.url()), ("b", &b.url())], "", ""));
    let reply = ask(&gateway, Method::POST, &[], BODY).await;
    assert_eq!((reply.status.as_u16(), reply.json()["code"].as_str()), (502, Some("upstream_unreachable")));
    assert_eq!(reply.json()["detail"], "Upstream `b` cannot be reached. Tried before it: `a`.");
    assert_line(&gateway, "b", &["a"]);
}

#[tokio::test]
async fn the_routes_time_covers_all_attempts() {
    let (a, b) = (silent().await, named("b").await);
    let gateway = start(&config(&[("a", &a.url()), ("b", &b.url())], "", "timeout_ms = 200"));
    let reply = get(&gateway).await;
    assert_eq!((reply.status.as_u16(), reply.json()["code"].as_str()), (504, Some("gateway_timeout")));
    assert!(b.received().is_empty());
}

#[tokio::test]
async fn the_paths_of_route_and_upstream_hold_for_each_attempt() {
    let (a, b) = (answering("a", StatusCode::SERVICE_UNAVAILABLE).await, named("b").await);
    let (first, second) = (format!("{}/one", a.url()), format!("{}/two", b.url()));
    let gateway = start(&config(&[("a", &first), ("b", &second)], "", "path = \"/v1/*\"\nstrip_prefix = \"/v1\""));
    let request = Request::get(gateway.url("/v1/x?y=z")).body(Full::<Bytes>::default()).unwrap();
    assert_eq!(send(request).await.text(), "b");
    let target = |upstream: &Upstream| upstream.received().remove(0).target;
    assert_eq!((target(&a).as_str(), target(&b).as_str()), ("/one/x?y=z", "/two/x?y=z"));
}

#[tokio::test]
async fn an_upstream_that_answers_before_it_has_the_body_is_the_one_that_answers() {
    let a = RawUpstream::start(|mut raw, _| async move {
        raw.read_head().await;
        raw.write("HTTP/1.1 429 Too Many Requests\r\ncontent-length: 1\r\n\r\na").await;
        raw.closed().await;
    })
    .await;
    let b = named("b").await;
    let gateway = start(&config(&[("a", &a.url()), ("b", &b.url())], "", ""));
    let mut client = Raw::connect(gateway.address()).await;
    client.write("POST /x HTTP/1.1\r\nhost: gateway\r\ncontent-length: 10\r\n\r\nhalf ").await;
    assert!(client.read_head().await.starts_with("HTTP/1.1 429 "));
    assert_eq!(client.read_exact(1).await, b"a");
    assert!(b.received().is_empty());
}
