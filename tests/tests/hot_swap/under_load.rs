//! Swaps of every kind while clients of every kind are at work. `cargo xtask soak` does the same for longer, with figures.

use std::time::Duration;

use sluicegate_tests::soak::load::Sizes;
use sluicegate_tests::soak::swaps::Stand;

/// Each of the four changes by each of the three ways, and as many more as streams need to outlive ten.
const SWAPS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_is_lost_and_none_is_of_two_configurations() {
    let mut stand = Stand::start().await;
    let load = stand.load(Sizes { getters: 2, posters: 1, streams: 2, rest: Duration::from_millis(20) });
    for _ in 0..SWAPS {
        stand.swap().await.unwrap();
    }
    load.stop().await;
    stand.wait_for_log().await;
    assert_eq!(stand.live_generations().await, 1);
    let verdict = stand.book.close(&stand.access_log()).unwrap();
    assert_eq!((verdict.wrong, &verdict.sentences[..]), (0, &[][..]));
    assert!(verdict.generations > SWAPS && verdict.streams >= 4 && verdict.exchanges > 100, "{verdict:?}");
    // A stream goes on while the configuration under it is swapped again and again.
    assert!(verdict.stream_swaps_min >= Some(10), "{verdict:?}");
}
