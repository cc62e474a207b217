//! How many connections there are, and for how long.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;

use super::server::Server;
use super::*;

/// Sends one answer per connection, without its end, and reports when the client has closed it.
async fn never_ending(report: oneshot::Sender<()>) -> Server {
    let report = Arc::new(Mutex::new(Some(report)));
    Server::start(move |mut conversation| {
        let report = Arc::clone(&report);
        async move {
            conversation.request().await;
            conversation.say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n").await;
            conversation.closed().await;
            if let Some(report) = report.lock().unwrap().take() {
                report.send(()).unwrap();
            }
        }
    })
    .await
}

#[tokio::test]
async fn requests_one_after_another_share_a_connection() {
    let server = Server::echo().await;
    let upstream = upstream(server.port);
    for number in 0..5 {
        let answer = upstream.send(get(&format!("/{number}"))).await.unwrap();
        assert_eq!(text(answer).await.unwrap(), format!("GET /{number} HTTP/1.1"));
        until("the connection is idle", || upstream.connections_idle() == 1).await;
        assert_eq!(upstream.connections_in_use(), 0);
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn the_connection_given_back_last_is_used_first() {
    let server = Server::start(|mut conversation| async move {
        while conversation.request().await.is_some() {
            let number = conversation.number;
            conversation.say(&format!("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{number}")).await;
        }
    })
    .await;
    let upstream = upstream(server.port);
    let one = upstream.send(get("/")).await.unwrap();
    let two = upstream.send(get("/")).await.unwrap();
    assert_eq!(text(two).await.unwrap(), "2");
    until("the second is idle", || upstream.connections_idle() == 1).await;
    assert_eq!(text(one).await.unwrap(), "1");
    until("both are idle", || upstream.connections_idle() == 2).await;
    assert_eq!(text(upstream.send(get("/")).await.unwrap()).await.unwrap(), "1");
}

#[tokio::test]
async fn an_answer_without_a_body_gives_its_connection_back_at_once() {
    let server = Server::start(|mut conversation| async move {
        while conversation.request().await.is_some() {
            conversation.say("HTTP/1.1 204 No Content\r\n\r\n").await;
        }
    })
    .await;
    let upstream = upstream(server.port);
    let first = upstream.send(get("/")).await.unwrap();
    until("the connection is idle", || upstream.connections_idle() == 1).await;
    let second = upstream.send(get("/")).await.unwrap();
    drop((first, second));
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn an_upstream_that_closes_after_its_answer_gets_a_new_connection() {
    let server = Server::start(|mut conversation| async move {
        conversation.request().await;
        conversation.say("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok").await;
        conversation.closed().await;
    })
    .await;
    let upstream = upstream(server.port);
    for _ in 0..3 {
        assert_eq!(text(upstream.send(get("/")).await.unwrap()).await.unwrap(), "ok");
    }
    assert_eq!((server.connections(), upstream.connections_idle()), (3, 0));
}

#[tokio::test]
async fn at_the_limit_a_request_waits_for_a_connection_and_gets_it() {
    let server = Server::echo().await;
    let upstream = Arc::new(upstream_with(server.port, |config| config.connections_max = 1));
    let first = upstream.send(get("/first")).await.unwrap();
    assert_eq!(upstream.connections_in_use(), 1);
    let waiting = tokio::spawn({
        let upstream = Arc::clone(&upstream);
        async move { text(upstream.send(get("/second")).await.unwrap()).await.unwrap() }
    });
    tokio::task::yield_now().await;
    assert_eq!(server.requests().len(), 1);
    assert_eq!(text(first).await.unwrap(), "GET /first HTTP/1.1");
    assert_eq!(waiting.await.unwrap(), "GET /second HTTP/1.1");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn at_the_limit_a_request_waits_no_longer_than_the_connect_timeout() {
    let (report, _closed) = oneshot::channel();
    let server = never_ending(report).await;
    let upstream = upstream_with(server.port, |config| {
        config.connections_max = 1;
        config.connect_timeout = Duration::from_millis(50);
    });
    let _held = upstream.send(get("/")).await.unwrap();
    let error = upstream.send(get("/")).await.unwrap_err();
    assert_eq!(error.code(), crate::error::Code::UpstreamBusy);
    assert_eq!(
        error.to_string(),
        "all 1 connections of upstream `api` are in use, and none became free within 50ms; \
         raise `connections_max` if the upstream can bear it"
    );
    assert!(error.is_unsent());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_requests_at_once_never_open_more_connections_than_allowed() {
    let open = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let server = Server::start({
        let (open, most) = (Arc::clone(&open), Arc::clone(&most));
        move |mut conversation| {
            let (open, most) = (Arc::clone(&open), Arc::clone(&most));
            async move {
                most.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                while conversation.request().await.is_some() {
                    tokio::task::yield_now().await;
                    conversation.say("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
                }
                open.fetch_sub(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    let upstream = Arc::new(upstream_with(server.port, |config| config.connections_max = 3));
    let requests = (0..1000).map(|_| {
        let upstream = Arc::clone(&upstream);
        tokio::spawn(async move { text(upstream.send(get("/")).await.unwrap()).await.unwrap() })
    });
    for request in requests.collect::<Vec<_>>() {
        assert_eq!(request.await.unwrap(), "ok");
    }
    assert!(most.load(Ordering::SeqCst) <= 3, "{most:?} connections were open at once");
    until("nothing is in use", || upstream.connections_in_use() == 0).await;
    assert!(server.connections() <= 3, "{} connections were opened in all", server.connections());
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_time() {
    let (report, closed) = oneshot::channel();
    let report = Arc::new(Mutex::new(Some(report)));
    let server = Server::start(move |mut conversation| {
        let report = Arc::clone(&report);
        async move {
            conversation.request().await;
            conversation.say("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
            conversation.closed().await;
            report.lock().unwrap().take().unwrap().send(()).unwrap();
        }
    })
    .await;
    let upstream = upstream_with(server.port, |config| config.idle_timeout = Duration::from_millis(50));
    upstream.send(get("/")).await.unwrap();
    tokio::time::timeout(LONG, closed).await.unwrap().unwrap();
    until("the pool has forgotten it", || upstream.connections_idle() == 0).await;
}

#[tokio::test]
async fn a_body_dropped_before_its_end_closes_the_connection() {
    let (report, closed) = oneshot::channel();
    let server = never_ending(report).await;
    let upstream = upstream(server.port);
    let mut body = upstream.send(get("/")).await.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "abc");
    assert_eq!(upstream.connections_in_use(), 1);
    drop(body);
    tokio::time::timeout(LONG, closed).await.unwrap().unwrap();
    assert_eq!((upstream.connections_in_use(), upstream.connections_idle()), (0, 0));
}

#[tokio::test]
async fn a_request_given_up_closes_its_connection() {
    let (heard, request_heard) = oneshot::channel();
    let (report, closed) = oneshot::channel();
    let reports = Arc::new(Mutex::new(Some((heard, report))));
    let server = Server::start(move |mut conversation| {
        let reports = Arc::clone(&reports);
        async move {
            conversation.request().await;
            let (heard, report) = reports.lock().unwrap().take().unwrap();
            heard.send(()).unwrap();
            conversation.closed().await;
            report.send(()).unwrap();
        }
    })
    .await;
    let upstream = upstream(server.port);
    tokio::select! {
        _ = upstream.send(get("/")) => panic!("there is no answer"),
        _ = request_heard => {}
    }
    tokio::time::timeout(LONG, closed).await.unwrap().unwrap();
    assert_eq!(upstream.connections_in_use(), 0);
}

#[tokio::test]
async fn an_upstream_dropped_closes_its_idle_connections_and_lets_an_answer_end() {
    let (more, may_go_on) = oneshot::channel::<()>();
    let (report, closed) = oneshot::channel();
    let script = Arc::new(Mutex::new(Some((may_go_on, report))));
    let server = Server::start(move |mut conversation| {
        let script = Arc::clone(&script);
        async move {
            conversation.request().await;
            conversation.say("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc").await;
            let (may_go_on, report) = script.lock().unwrap().take().unwrap();
            may_go_on.await.unwrap();
            conversation.say("def").await;
            conversation.closed().await;
            report.send(()).unwrap();
        }
    })
    .await;
    let upstream = upstream(server.port);
    let answer = upstream.send(get("/")).await.unwrap();
    drop(upstream);
    more.send(()).unwrap();
    assert_eq!(text(answer).await.unwrap(), "abcdef");
    tokio::time::timeout(LONG, closed).await.unwrap().unwrap();
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_named_with_its_address() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = upstream(port).send(get("/")).await.unwrap_err();
    assert_eq!(error.code(), crate::error::Code::UpstreamUnreachable);
    let sentence = error.to_string();
    let expected =
        format!("cannot connect to upstream `api` at http://127.0.0.1:{port}: 127.0.0.1:{port}: Connection refused");
    assert!(sentence.starts_with(&expected), "{sentence}");
    assert_eq!(error.refusal().message, "Upstream `api` cannot be reached.");
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_unreachable() {
    let upstream = upstream_with(80, |config| config.origin.host = "no-such-host.invalid".into());
    let error = upstream.send(get("/")).await.unwrap_err();
    assert_eq!(error.code(), crate::error::Code::UpstreamUnreachable);
    assert!(error.to_string().contains("the name cannot be resolved: "), "{error}");
}

#[tokio::test]
async fn every_address_of_a_name_is_tried() {
    // `localhost` is ::1 first on many machines; the server listens on 127.0.0.1 alone.
    let server = Server::echo().await;
    let upstream = upstream_with(server.port, |config| config.origin.host = "localhost".into());
    upstream.send(get("/")).await.unwrap();
    assert!(server.requests()[0].contains(&format!("host: localhost:{}\r\n", server.port)));
}

/// One request from each of two workers, one after the other.
async fn from_two_workers(connections_max: u32) -> usize {
    let server = Server::echo().await;
    let upstream = Arc::new(upstream_with(server.port, |config| config.connections_max = connections_max as usize));
    let workers = crate::workers::Workers::start(2).unwrap();
    let seats = [workers.seat(), workers.seat()];
    for seat in &seats {
        let asking = Arc::clone(&upstream);
        let asked = seat.runtime().spawn(async move { text(asking.send(get("/")).await.unwrap()).await.unwrap() });
        assert_eq!(asked.await.unwrap(), "GET / HTTP/1.1");
        until("the connection is idle", || upstream.connections_in_use() == 0).await;
    }
    server.connections()
}

#[tokio::test]
async fn a_worker_uses_the_connection_of_another_only_where_no_further_one_may_be_opened() {
    assert_eq!(from_two_workers(1).await, 1);
    // On a machine with one processor all workers share what they have.
    assert_eq!(from_two_workers(2).await, sluicegate_runtime::lane::count().min(2));
}
