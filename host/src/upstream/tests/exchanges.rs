//! What goes out, what comes back, and what is not taken for a clean end.

use std::sync::atomic::{AtomicUsize, Ordering};

use http_body::Frame;
use http_body_util::StreamBody;
use tokio::sync::mpsc;

use super::server::Server;
use super::*;
use crate::error::Code;

/// Answers the first request of each connection with these words, then closes.
async fn saying(words: &'static str) -> Server {
    Server::start(move |mut conversation| async move {
        conversation.request().await;
        conversation.say(words).await;
    })
    .await
}

type Piece = Result<Frame<Bytes>, std::io::Error>;

/// A body that the test feeds.
fn streamed() -> (mpsc::Sender<Piece>, StreamBody<impl futures_util::Stream<Item = Piece>>) {
    let (sender, receiver) = mpsc::channel(1);
    let stream = futures_util::stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|piece| (piece, receiver))
    });
    (sender, StreamBody::new(stream))
}

fn piece(text: &'static str) -> Piece {
    Ok(Frame::data(Bytes::from_static(text.as_bytes())))
}

#[tokio::test]
async fn the_request_names_the_upstream_and_keeps_its_path_behind_the_base_path() {
    let server = Server::echo().await;
    let upstream = upstream_with(server.port, |config| config.base_path = "/base".into());
    let mut request = get("http://client.example/a%2Fb?q=1&&x");
    request.headers_mut().insert("host", "client.example".parse().unwrap());
    request.headers_mut().insert("x-own", "kept".parse().unwrap());
    text(upstream.send(request).await.unwrap()).await.unwrap();
    let sent = server.requests().remove(0);
    assert!(sent.starts_with("GET /base/a%2Fb?q=1&&x HTTP/1.1\r\n"), "{sent}");
    assert_eq!(sent.matches("host: ").count(), 1, "{sent}");
    assert!(sent.contains(&format!("host: 127.0.0.1:{}\r\n", server.port)), "{sent}");
    assert!(sent.contains("x-own: kept\r\n"), "{sent}");
}

#[tokio::test]
async fn the_body_alone_decides_the_framing() {
    let server = Server::echo().await;
    let upstream = upstream(server.port);
    let mut lying = post("four");
    lying.headers_mut().insert("content-length", "400".parse().unwrap());
    lying.headers_mut().insert("transfer-encoding", "gzip, chunked".parse().unwrap());
    text(upstream.send(lying).await.unwrap()).await.unwrap();
    text(upstream.send(post("")).await.unwrap()).await.unwrap();
    let mut without_body = get("/");
    without_body.headers_mut().insert("content-length", "7".parse().unwrap());
    text(upstream.send(without_body).await.unwrap()).await.unwrap();
    let sent = server.requests();
    assert!(sent[0].contains("content-length: 4\r\n") && sent[0].ends_with("\r\n\r\nfour"), "{}", sent[0]);
    assert!(!sent[0].contains("transfer-encoding"), "{}", sent[0]);
    assert!(sent[1].contains("content-length: 0\r\n"), "{}", sent[1]);
    assert!(!sent[2].contains("content-length"), "{}", sent[2]);
}

#[tokio::test]
async fn a_streamed_body_goes_out_in_chunks_whatever_the_method() {
    for method in ["POST", "GET"] {
        let server = Server::echo().await;
        let (feed, body) = streamed();
        feed.try_send(piece("abc")).unwrap();
        drop(feed);
        let request = Request::builder().method(method).uri("/").body(body).unwrap();
        text(upstream(server.port).send(request).await.unwrap()).await.unwrap();
        let sent = server.requests().remove(0);
        assert!(sent.contains("transfer-encoding: chunked\r\n") && sent.ends_with("3\r\nabc\r\n0\r\n\r\n"), "{sent}");
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_never_looks_like_a_clean_end() {
    for words in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabc",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
    ] {
        let server = saying(words).await;
        let upstream = upstream(server.port);
        let mut body = upstream.send(get("/")).await.unwrap().into_body();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "abc", "{words:?}");
        let error = body.frame().await.expect("a clean end").unwrap_err();
        assert_eq!(error.code(), Code::UpstreamBroken, "{words:?}");
        assert_eq!((upstream.connections_in_use(), upstream.connections_idle()), (0, 0), "{words:?}");
    }
}

#[tokio::test]
async fn an_answer_that_nobody_reads_stops_flowing() {
    let said = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&said);
    let server = Server::start(move |mut conversation| {
        let counter = Arc::clone(&counter);
        async move {
            conversation.request().await;
            conversation.say("HTTP/1.1 200 OK\r\n\r\n").await;
            let piece = "a".repeat(64 * 1024);
            while conversation.say(&piece).await {
                counter.fetch_add(piece.len(), Ordering::SeqCst);
            }
        }
    })
    .await;
    let upstream = upstream(server.port);
    let mut body = upstream.send(get("/")).await.unwrap().into_body();
    body.frame().await.unwrap().unwrap();
    let mut before = usize::MAX;
    while before != said.load(Ordering::SeqCst) {
        before = said.load(Ordering::SeqCst);
        assert!(before < 64 << 20, "{before} bytes have come though nobody reads them");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // Once it is read, it flows again.
    while said.load(Ordering::SeqCst) == before {
        body.frame().await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn an_answer_that_ends_with_its_connection_is_whole() {
    let server = saying("HTTP/1.1 200 OK\r\n\r\nall of it").await;
    let upstream = upstream(server.port);
    assert_eq!(text(upstream.send(get("/")).await.unwrap()).await.unwrap(), "all of it");
    until("nothing is in use", || upstream.connections_in_use() == 0).await;
    assert_eq!(upstream.connections_idle(), 0);
}

#[tokio::test]
async fn trailers_come_through() {
    let server =
        saying("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\ngrpc-status: 0\r\n\r\n").await;
    let body = upstream(server.port).send(get("/")).await.unwrap().into_body().collect().await.unwrap();
    assert_eq!(body.trailers().unwrap()["grpc-status"], "0");
}

#[tokio::test]
async fn informational_answers_are_passed_over() {
    let server = saying(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    )
    .await;
    let answer = upstream(server.port).send(get("/")).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(!answer.headers().contains_key("link"));
    assert_eq!(text(answer).await.unwrap(), "ok");
}

#[tokio::test]
async fn a_switch_of_protocols_is_refused() {
    let server = saying("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n").await;
    let upstream = upstream(server.port);
    let error = upstream.send(get("/")).await.unwrap_err();
    assert_eq!(error.code(), Code::UpstreamBroken);
    assert_eq!(error.to_string(), "upstream `api` switched to another protocol, which was not asked for");
    assert_eq!((upstream.connections_in_use(), upstream.connections_idle()), (0, 0));
}

#[tokio::test]
async fn a_head_that_is_no_http_or_too_long_is_broken() {
    let endless = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "a".repeat(64 * 1024));
    let unusable = "Upstream `api` sent an answer that cannot be used.";
    let too_long = "Upstream `api` sent an answer whose head is longer than 65536 bytes, or has more than 100 fields.";
    for (words, told) in [
        ("220 smtp.example ready\r\n", unusable),
        ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\na", unusable),
        (endless.leak(), too_long),
    ] {
        let server = saying(words).await;
        let error = upstream(server.port).send(get("/")).await.err().expect("an error");
        assert_eq!(error.code(), Code::UpstreamBroken);
        assert!(error.to_string().starts_with("upstream `api` broke the exchange: "), "{error}");
        assert_eq!(error.refusal().message, told);
    }
}

#[tokio::test]
async fn an_upstream_that_does_not_answer_is_given_up() {
    let server = Server::start(|mut conversation| async move { conversation.closed().await }).await;
    let upstream = upstream_with(server.port, |config| config.reply_timeout = Duration::from_millis(50));
    let error = upstream.send(get("/")).await.unwrap_err();
    assert_eq!(error.code(), Code::UpstreamTimeout);
    assert_eq!(error.to_string(), "upstream `api` did not begin its answer within 50ms after the request was sent");
    assert_eq!((upstream.connections_in_use(), upstream.connections_idle()), (0, 0));
}

#[tokio::test]
async fn a_slow_upload_is_not_a_slow_answer() {
    let reply_timeout = Duration::from_millis(100);
    let server = Server::echo().await;
    let upstream = upstream_with(server.port, |config| config.reply_timeout = reply_timeout);
    let (feed, body) = streamed();
    tokio::spawn(async move {
        for _ in 0..5 {
            feed.send(piece("a")).await.unwrap();
            tokio::time::sleep(reply_timeout / 2).await;
        }
    });
    upstream.send(Request::post("/").body(body).unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_request_body_that_fails_is_not_the_upstreams_fault() {
    let server = Server::echo().await;
    let upstream = upstream(server.port);
    let (feed, body) = streamed();
    feed.try_send(Err(std::io::Error::other("the client is gone"))).unwrap();
    let error = upstream.send(Request::post("/").body(body).unwrap()).await.unwrap_err();
    assert_eq!(error.code().fault(), crate::error::Fault::Client);
    assert_eq!(error.to_string(), "the request to upstream `api` was cut short: the client is gone");
    assert_eq!(server.requests().len(), 0);
    assert_eq!((upstream.connections_in_use(), upstream.connections_idle()), (0, 0));
}

#[tokio::test]
async fn an_answer_before_the_end_of_the_request_does_not_reuse_the_connection() {
    let (report, mut closed) = mpsc::channel(1);
    let server = Server::start(move |mut conversation| {
        let report = report.clone();
        async move {
            conversation.hear().await;
            conversation.say("HTTP/1.1 413 Content Too Large\r\ncontent-length: 2\r\n\r\nno").await;
            conversation.closed().await;
            report.send(()).await.unwrap();
        }
    })
    .await;
    let upstream = upstream(server.port);
    let (feed, body) = streamed();
    feed.try_send(piece("abc")).unwrap();
    let answer = upstream.send(Request::post("/").body(body).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 413);
    assert_eq!(text(answer).await.unwrap(), "no");
    assert_eq!((upstream.connections_in_use(), upstream.connections_idle()), (0, 0));
    tokio::time::timeout(LONG, closed.recv()).await.unwrap().unwrap();
    assert!(feed.is_closed(), "nobody reads the body any more");
}

#[tokio::test]
async fn an_answer_that_would_end_with_its_connection_is_broken_where_that_was_reset() {
    // With bytes unread, what closes is a reset; whether writing or reading meets it first is chance.
    let server = Server::start(|mut conversation| async move {
        conversation.hear().await;
        conversation.say("HTTP/1.1 200 OK\r\n\r\nhalf").await;
    })
    .await;
    for _ in 0..30 {
        let body = Full::<Bytes>::from(vec![b'x'; 4 << 20]);
        let sent = upstream(server.port).send(Request::post("/").body(body).unwrap()).await;
        if let Ok(answer) = sent {
            text(answer).await.unwrap_err();
        }
    }
}

#[tokio::test]
async fn a_path_that_cannot_be_sent_is_refused() {
    let server = Server::echo().await;
    let upstream = upstream_with(server.port, |config| config.base_path = "/base".repeat(1000));
    let error = upstream.send(get(&format!("/{}", "a".repeat(65_000)))).await.unwrap_err();
    assert_eq!(error.code(), Code::BadRequest);
    assert_eq!(server.connections(), 0);
}
