use tokio::io::duplex;

use super::*;

const INTERVAL: Duration = Duration::from_millis(20);
const PONG_MAX: Duration = Duration::from_millis(200);

/// A connection with so many requests on it, to an upstream that stops looking at it or does not.
///
/// True if it is given up.
async fn is_given_up(streams: usize, answers: bool) -> bool {
    let (near, far) = duplex(64 << 10);
    let upstream = tokio::spawn(async move {
        let mut connection = h2::server::handshake(far).await.unwrap();
        if answers {
            connection.accept().await;
        }
        std::future::pending::<()>().await
    });
    let (_sender, mut connection) = h2::client::handshake(near).await.unwrap();
    let ping_pong = connection.ping_pong();
    let connection = tokio::spawn(connection);
    let life = Life {
        streams: AtomicUsize::new(streams),
        ended: AtomicBool::new(false),
        heard: Arc::default(),
        answers: Answers::default(),
    };
    let gives_up = timeout(PONG_MAX * 3, life.silence(ping_pong, INTERVAL, PONG_MAX)).await.is_ok();
    upstream.abort();
    connection.abort();
    gives_up
}

#[tokio::test]
async fn an_upstream_that_is_asked_something_and_answers_no_ping_is_given_up() {
    assert!(is_given_up(1, false).await);
    assert!(!is_given_up(1, true).await);
    assert!(!is_given_up(0, false).await);
}
