//! What requests leave behind: nothing. `cargo xtask soak --only edge` asks for a million.

use sluicegate_tests::soak::edge::{Edge, WAYS};

const WHOLE: u64 = 30_000;
const BROKEN: u64 = 1_000;
/// What an allocator may take for itself meanwhile: some 30 bytes a request at most.
const GROWTH_KIB_MAX: u64 = 1_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whole_and_broken_requests_leave_no_memory_no_descriptor_and_no_permit_behind() {
    let edge = Edge::start().await;
    // Pools, warm instances and the allocator's arenas are there for good.
    let warm = edge.round(WHOLE / 5, BROKEN / 4).await.unwrap();
    let before = edge.at_rest().await;
    let done = edge.round(WHOLE, BROKEN).await.unwrap();
    let after = edge.at_rest().await;
    assert_eq!((done.whole, done.broken), (WHOLE, BROKEN));
    assert!(after.resident_kib <= before.resident_kib + GROWTH_KIB_MAX, "{before:?}, then {after:?}");
    // What goes upstream is kept for the next request: by how many is chance, and no more than there were clients.
    assert!(after.descriptors <= before.descriptors + 8, "{before:?}, then {after:?}");
    assert_eq!(after.threads, before.threads);
    // Each was what it was meant to be. Who left in its head was no request yet.
    let of_each_way = (done.broken + warm.broken) / WAYS.len() as u64;
    assert_eq!(edge.outcomes("complete").await, done.whole + warm.whole);
    let by_upstream = edge.broken_off();
    assert!(by_upstream.abs_diff(2 * of_each_way) <= 16, "{by_upstream} were broken off");
    let by_client = edge.outcomes("client_gone").await;
    assert!(by_client.abs_diff(3 * of_each_way) <= 24, "{by_client} clients were gone");
}
