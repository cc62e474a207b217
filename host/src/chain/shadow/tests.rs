use super::*;

/// A watcher whose shadow never takes anything from its queue, and what keeps the queue open.
fn stuck() -> (Watcher, mpsc::Receiver<Shown>) {
    let (sender, receiver) = mpsc::channel(QUEUE_CALLS_MAX);
    let queue = Queue { sender, bytes: Arc::default(), task: tokio::spawn(std::future::pending()) };
    (Watcher { position: 0, queue: Some(queue), record: Arc::default() }, receiver)
}

fn why(watcher: &Watcher) -> Option<&'static str> {
    lock(&watcher.record).record.why
}

#[tokio::test]
async fn one_call_more_than_the_queue_holds_gives_a_shadow_up() {
    let (mut watcher, _receiver) = stuck();
    (0..QUEUE_CALLS_MAX).for_each(|_| watcher.send(Shown::End));
    assert_eq!(why(&watcher), None);
    watcher.send(Shown::End);
    assert_eq!(why(&watcher), Some("too-slow"));
    assert!(watcher.queue.is_none());
}

#[tokio::test]
async fn one_byte_more_than_the_queue_holds_gives_a_shadow_up() {
    let (mut watcher, _receiver) = stuck();
    watcher.send(Shown::Piece(vec![0; QUEUE_BYTES_MAX].into()));
    assert_eq!(why(&watcher), None);
    watcher.send(Shown::Piece(vec![0; 1].into()));
    assert_eq!(why(&watcher), Some("too-slow"));
}

#[tokio::test]
async fn one_piece_that_is_longer_than_the_queues_bytes_is_taken() {
    let (mut watcher, _receiver) = stuck();
    watcher.send(Shown::Piece(vec![0; 2 * QUEUE_BYTES_MAX].into()));
    assert_eq!(why(&watcher), None);
}

#[tokio::test]
async fn what_a_shadow_has_decided_stays_when_it_is_given_up_later() {
    let (watcher, _receiver) = stuck();
    lock(&watcher.record).decide("reject", "head");
    give_up(&watcher.record, "time");
    let record = lock(&watcher.record).record.clone();
    assert_eq!((record.decision, record.phase, record.why), ("reject", Some("head"), None));
}
