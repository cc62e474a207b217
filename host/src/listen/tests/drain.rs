//! The end of a listener: idle connections at once, others after their answer, all at the deadline.

use super::*;

#[tokio::test]
async fn draining_ends_idle_connections_now_and_others_after_their_answer() {
    let (gateway, mut requests) = waiting(&limits());
    let mut idle = connect(&gateway).await;
    say(&mut idle, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    requests.recv().await.unwrap().send(()).unwrap();
    answer(&mut idle).await;
    let fresh = connect(&gateway).await;
    let mut busy = connect(&gateway).await;
    say(&mut busy, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let go_on = requests.recv().await.unwrap();

    gateway.drain.begin(Duration::ZERO, LONG);
    assert_eq!(rest(idle).await, "");
    assert_eq!(rest(fresh).await, "");
    let refused = async {
        while TcpStream::connect(gateway.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, refused).await.expect("the port stays open");
    assert!(!gateway.task.is_finished(), "the open request was not waited for");

    go_on.send(()).unwrap();
    let last = rest(busy).await;
    assert!(last.contains("connection: close\r\n") && last.ends_with("done"), "{last}");
    gateway.ended().await;
}

#[tokio::test]
async fn draining_cuts_what_is_open_at_its_deadline() {
    let (gateway, mut requests) = waiting(&limits());
    let mut stream = connect(&gateway).await;
    say(&mut stream, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let _go_on = requests.recv().await.unwrap();
    gateway.drain.begin(Duration::ZERO, Duration::from_millis(50));
    assert_eq!(rest(stream).await, "");
    gateway.ended().await;
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let (gateway, mut requests) = waiting(&limits());
    let mut stream = connect(&gateway).await;
    say(&mut stream, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let _go_on = requests.recv().await.unwrap();
    gateway.drain.begin(Duration::ZERO, Duration::from_secs(3600));
    gateway.drain.end_now();
    assert_eq!(rest(stream).await, "");
    gateway.ended().await;
}

#[tokio::test]
async fn draining_without_connections_ends_at_once() {
    let gateway = describing(&limits());
    gateway.drain.begin(Duration::ZERO, Duration::from_secs(3600));
    gateway.ended().await;
}

#[tokio::test]
async fn a_part_ends_earlier_than_the_whole_and_never_later() {
    let (whole, of_whole) = Drain::new();
    let ((one, mut of_one), (_other, mut of_other)) = (of_whole.with_own_end(), of_whole.with_own_end());
    one.begin(Duration::ZERO, Duration::from_secs(3600));
    of_one.closes().await;
    assert!(!of_other.is_draining() && !of_whole.is_draining());
    // Its own deadline is far away.
    whole.begin(Duration::ZERO, Duration::ZERO);
    of_one.ended().await;
    of_other.ended().await;
    // Whoever comes later is told at once.
    of_whole.with_own_end().1.ended().await;
}
