//! When a request goes out a second time, and when never.

use super::server::Server;
use super::*;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// The first connection answers once and then breaks the next request with these words; later ones answer all.
async fn breaking_the_second_request(last_words: &'static str) -> Server {
    Server::start(move |mut conversation| async move {
        conversation.request().await;
        conversation.say(OK).await;
        if conversation.number == 1 {
            conversation.request().await;
            conversation.say(last_words).await;
            return;
        }
        while conversation.request().await.is_some() {
            conversation.say(OK).await;
        }
    })
    .await
}

/// An upstream with one idle connection to `server`.
async fn warm(server: &Server) -> Upstream {
    let upstream = upstream(server.port);
    assert_eq!(text(upstream.send(get("/")).await.unwrap()).await.unwrap(), "ok");
    until("the connection is idle", || upstream.connections_idle() == 1).await;
    upstream
}

#[tokio::test]
async fn a_get_that_fails_on_a_reused_connection_is_sent_again_on_a_new_one() {
    let server = breaking_the_second_request("").await;
    let upstream = warm(&server).await;
    let answer = upstream.send(get("/again")).await.unwrap();
    assert_eq!(text(answer).await.unwrap(), "ok");
    assert_eq!((server.connections(), server.requests().len()), (2, 3));
    assert!(server.requests()[2].starts_with("GET /again HTTP/1.1\r\n"));
}

#[tokio::test]
async fn a_post_that_may_have_been_seen_is_not_sent_again() {
    let server = breaking_the_second_request("").await;
    let upstream = warm(&server).await;
    let error = upstream.send(post("pay")).await.unwrap_err();
    assert_eq!(error.code(), crate::error::Code::UpstreamBroken);
    assert!(!error.is_unsent());
    assert_eq!((server.connections(), server.requests().len()), (1, 2));
}

#[tokio::test]
async fn a_post_without_a_body_is_not_sent_again_either() {
    let server = breaking_the_second_request("").await;
    let upstream = warm(&server).await;
    upstream.send(post("")).await.unwrap_err();
    assert_eq!((server.connections(), server.requests().len()), (1, 2));
}

#[tokio::test]
async fn a_put_with_a_body_is_sent_again_if_its_body_is_to_be_had_again_and_a_post_is_not() {
    let body = || Full::<Bytes>::from("state");
    for (request, has_again, requests) in [
        (Request::put("/").body(body()).unwrap(), false, 2),
        (Request::put("/").body(body()).unwrap(), true, 3),
        (Request::post("/").body(body()).unwrap(), true, 2),
    ] {
        let server = breaking_the_second_request("").await;
        let upstream = warm(&server).await;
        let mut again = |refused: bool| (!refused && has_again).then(body);
        let sent = upstream.send_until(request, None, &mut again).await;
        assert_eq!((sent.is_ok(), server.requests().len()), (requests == 3, requests));
        assert!(server.requests().last().unwrap().ends_with("state"));
    }
}

#[tokio::test]
async fn a_request_is_not_sent_again_after_the_first_byte_of_an_answer() {
    for last_words in ["H", "HTTP/1.1 200 OK\r\ncontent-le", "not http at all\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n"]
    {
        let server = breaking_the_second_request(last_words).await;
        let upstream = warm(&server).await;
        let error = upstream.send(get("/")).await.unwrap_err();
        assert_eq!(error.code(), crate::error::Code::UpstreamBroken, "{last_words:?}");
        assert_eq!((server.connections(), server.requests().len()), (1, 2), "{last_words:?}");
    }
}

#[tokio::test]
async fn a_request_that_fails_on_a_new_connection_is_not_sent_again() {
    let server = Server::start(|mut conversation| async move {
        conversation.request().await;
    })
    .await;
    upstream(server.port).send(get("/")).await.unwrap_err();
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_request_is_sent_again_only_once() {
    let server = Server::start(|mut conversation| async move {
        conversation.request().await;
        if conversation.number == 1 {
            conversation.say(OK).await;
            conversation.request().await;
        }
    })
    .await;
    let upstream = warm(&server).await;
    let error = upstream.send(get("/")).await.unwrap_err();
    assert_eq!(error.code(), crate::error::Code::UpstreamBroken);
    assert_eq!((server.connections(), server.requests().len()), (2, 3));
}

#[tokio::test]
async fn a_post_goes_to_a_new_connection_when_the_idle_one_was_closed() {
    let server = Server::start(|mut conversation| async move {
        conversation.request().await;
        conversation.say(OK).await;
        // The first connection is closed as soon as its answer is out.
        while conversation.number > 1 && conversation.request().await.is_some() {
            conversation.say(OK).await;
        }
    })
    .await;
    let upstream = upstream(server.port);
    assert_eq!(text(upstream.send(get("/")).await.unwrap()).await.unwrap(), "ok");
    until("the closed connection is noticed", || upstream.connections_idle() == 0).await;
    assert_eq!(text(upstream.send(post("pay")).await.unwrap()).await.unwrap(), "ok");
    assert_eq!((server.connections(), server.requests().len()), (2, 2));
}

/// The runtime's one thread is held up while the server closes an idle connection.
/// Then the test hands over its request before the connection's task has seen the end.
#[tokio::test]
async fn a_post_that_was_never_written_is_sent_on_a_new_connection_with_its_body() {
    use std::io::{Read, Write};
    let waking = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut wake = tokio::net::TcpStream::connect(waking.local_addr().unwrap()).await.unwrap();
    let mut waker = waking.accept().unwrap().0;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (close, may_close) = std::sync::mpsc::channel();
    let (report, closed) = std::sync::mpsc::channel();
    let server = std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        let (mut first, _) = listener.accept().unwrap();
        let _ = first.read(&mut buffer).unwrap();
        first.write_all(OK.as_bytes()).unwrap();
        may_close.recv().unwrap();
        waker.write_all(b"!").unwrap();
        drop(first);
        report.send(()).unwrap();
        let (mut second, _) = listener.accept().unwrap();
        let mut request = String::new();
        while !request.ends_with("pay") {
            let length = second.read(&mut buffer).unwrap();
            request.push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
        second.write_all(OK.as_bytes()).unwrap();
        request
    });
    let upstream = upstream(port);
    assert_eq!(text(upstream.send(get("/")).await.unwrap()).await.unwrap(), "ok");
    until("the connection is idle", || upstream.connections_idle() == 1).await;
    close.send(()).unwrap();
    closed.recv().unwrap();
    tokio::io::AsyncReadExt::read_u8(&mut wake).await.unwrap();
    assert_eq!(upstream.connections_idle(), 1, "the connection's end must not have been seen yet");
    assert_eq!(text(upstream.send(post("pay")).await.unwrap()).await.unwrap(), "ok");
    assert!(server.join().unwrap().starts_with("POST / HTTP/1.1\r\n"));
}

#[tokio::test]
async fn a_retry_keeps_to_the_limit_of_connections() {
    let server = breaking_the_second_request("").await;
    let upstream = upstream_with(server.port, |config| config.connections_max = 1);
    text(upstream.send(get("/")).await.unwrap()).await.unwrap();
    until("the connection is idle", || upstream.connections_idle() == 1).await;
    let answer = upstream.send(get("/")).await.unwrap();
    assert_eq!(upstream.connections_in_use(), 1);
    assert_eq!(text(answer).await.unwrap(), "ok");
    until("the right is given back", || upstream.connections_in_use() == 0).await;
}
