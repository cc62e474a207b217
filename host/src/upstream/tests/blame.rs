//! What is held against an upstream, and what is not its doing.

use super::server::Server;
use super::*;

/// Waits for an answer until a deadline, which is the end of some whole time, and no longer.
pub(super) async fn give_up(upstream: &Upstream, after: Duration, whole: Duration) {
    let at = tokio::time::Instant::now() + after;
    let mut never = |_| None;
    let sending = upstream.send_until(get("/"), Some(Deadline { at, whole }), &mut never);
    tokio::time::timeout_at(at, sending).await.expect_err("there is no answer");
}

async fn silent() -> Server {
    Server::start(|mut conversation| async move { conversation.closed().await }).await
}

#[tokio::test]
async fn an_upstream_is_late_only_if_it_had_half_of_the_time() {
    let server = silent().await;
    let upstream = upstream(server.port);
    give_up(&upstream, Duration::from_millis(50), Duration::from_secs(60)).await;
    assert_eq!((upstream.health().failures_per_thousand(), upstream.health().rests_ms()), (None, 0));
    give_up(&upstream, Duration::from_millis(50), Duration::from_millis(50)).await;
    assert_eq!(upstream.health().failures_per_thousand(), Some(1000));
}

#[tokio::test]
async fn who_gets_no_connection_of_the_gateways_own_holds_nothing_against_the_upstream() {
    let server = silent().await;
    let upstream = Arc::new(upstream_with(server.port, |config| config.connections_max = 1));
    let first = tokio::spawn({
        let upstream = Arc::clone(&upstream);
        async move { upstream.send(get("/")).await.map(|_| ()) }
    });
    until("the connection is taken", || upstream.connections_in_use() == 1).await;
    give_up(&upstream, Duration::from_millis(50), Duration::from_millis(50)).await;
    assert_eq!((upstream.health().failures_per_thousand(), upstream.health().rests_ms()), (None, 0));
    first.abort();
}

#[tokio::test]
async fn the_first_byte_is_waited_for_from_when_the_request_is_sent() {
    const WAIT: Duration = Duration::from_secs(1);
    let server = Server::echo().await;
    let upstream = Arc::new(upstream_with(server.port, |config| config.connections_max = 1));
    let first = upstream.send(get("/")).await.unwrap();
    let second = tokio::spawn({
        let upstream = Arc::clone(&upstream);
        async move { text(upstream.send(get("/")).await.unwrap()).await.unwrap() }
    });
    until("the second one waits", || upstream.health().in_flight() == 2).await;
    tokio::time::sleep(WAIT).await;
    text(first).await.unwrap();
    second.await.unwrap();
    // Of the two, one would have waited all of it.
    let first_byte_ms = u128::from(upstream.health().first_byte_ms().unwrap());
    assert!(first_byte_ms < WAIT.as_millis() / 2, "{first_byte_ms} ms");
}
