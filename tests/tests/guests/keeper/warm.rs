//! `isolation = "pooled"`: a warm instance finds what it has kept itself, and nobody finds anything once it is gone.

use sluicegate_tests::wait_for_metric;

use super::{Ground, entry};

/// After as many calls an instance is replaced: `CALLS_MAX` of the pool.
const CALLS_MAX: u64 = 100_000;

/// Two entries of a plugin that has globals and a table, and one of another plugin.
async fn ground(slots: u32) -> Ground {
    let warm = |name: &str, number: u32| entry("tables", name, "pooled", number, "");
    let other = entry("keeper", "fresh", "request", 0, "");
    Ground::start(slots, &[("warm", &[warm("warm", 0)]), ("second", &[warm("second", 0)]), ("fresh", &[other])]).await
}

impl Ground {
    /// Leaves a warm instance with a canary in it, and shows that it is found there.
    async fn keep_in_a_warm_instance(&self) {
        let kept = self.ask("warm", "head=keep-in-place").await;
        assert_eq!(kept.heard.status, 200, "{}", kept.line);
        let found = self.ask("warm", "head=look").await.found();
        assert!(found.in_memory >= 100 && found.in_globals == 1 && found.in_tables >= 3, "{found:?}");
    }

    async fn assert_nobody_finds_anything(&self, told: &str) {
        self.ask("warm", "head=search").await.assert_found_nothing(1, &format!("warm after {told}"));
        self.assert_no_other_finds_anything(told).await;
    }

    async fn assert_no_other_finds_anything(&self, told: &str) {
        for route in ["second", "fresh"] {
            self.ask(route, "head=search").await.assert_found_nothing(1, &format!("{route} after {told}"));
        }
    }
}

#[tokio::test]
async fn a_warm_instance_finds_what_it_has_kept_itself_and_no_other_entry_does() {
    let ground = ground(3).await;
    ground.keep_in_a_warm_instance().await;
    for route in ["second", "fresh"] {
        ground.ask(route, "head=search").await.assert_found_nothing(1, route);
    }
    // Still there.
    assert!(ground.ask("warm", "head=look").await.found().in_memory >= 100);
}

#[tokio::test]
async fn once_a_warm_instance_has_failed_nobody_finds_anything() {
    for (end, kind) in [("keep-and-trap", "memory"), ("keep-and-recurse", "stack"), ("keep-and-starve", "memory")] {
        let ground = ground(1).await;
        ground.keep_in_a_warm_instance().await;
        let failed = ground.ask("warm", &format!("head={end}")).await;
        assert_eq!(failed.heard.status, 500, "{kind}: {}", failed.line);
        ground.assert_nobody_finds_anything(end).await;
    }
}

#[tokio::test]
async fn once_a_client_has_left_a_warm_instance_in_the_middle_nobody_finds_anything() {
    let ground = ground(1).await;
    ground.keep_in_a_warm_instance().await;
    let left = ground.ask_and_leave("warm", "route").await;
    assert_eq!(left.line["outcome"], "client_gone");
    ground.assert_nobody_finds_anything("a client left").await;
}

#[tokio::test]
async fn once_a_warm_instance_has_used_too_much_memory_nobody_finds_anything() {
    let ground = ground(1).await;
    ground.keep_in_a_warm_instance().await;
    // All memory, where half of it may stay in use.
    assert_eq!(ground.ask("warm", "head=keep").await.heard.status, 200);
    ground.assert_nobody_finds_anything("memory").await;
}

#[tokio::test]
async fn once_a_warm_instance_has_made_room_for_another_entry_nobody_finds_anything() {
    let ground = ground(1).await;
    for route in ["second", "fresh"] {
        ground.keep_in_a_warm_instance().await;
        ground.ask(route, "head=search").await.assert_found_nothing(1, route);
        ground.assert_nobody_finds_anything(&format!("room was made for {route}")).await;
    }
}

#[tokio::test]
async fn once_a_warm_instance_has_served_its_calls_nobody_finds_anything() {
    let ground = ground(1).await;
    ground.keep_in_a_warm_instance().await;
    let calls = ground.ask("warm", "head=look").await.label("calls");
    // A call for each piece, and one for each of four heads; a tenth is left.
    ground.ask_in_pieces("warm", CALLS_MAX * 9 / 10 - calls).await;
    let looked = ground.ask("warm", "head=look").await;
    assert!(looked.found().in_memory >= 100 && looked.label("calls") < CALLS_MAX, "{}", looked.line);
    ground.ask_in_pieces("warm", CALLS_MAX / 5).await;
    // One search alone: it leaves its own request's canary in the new instance.
    let searched = ground.ask("warm", "head=search").await;
    assert!(searched.label("calls") < CALLS_MAX / 2, "{}", searched.line);
    searched.assert_found_nothing(1, "warm after as many calls");
    ground.assert_no_other_finds_anything("as many calls").await;
}

/// It takes half a minute of waiting: as long as an instance may be idle.
#[tokio::test]
async fn once_a_warm_instance_was_idle_for_too_long_nobody_finds_anything() {
    let ground = ground(1).await;
    ground.keep_in_a_warm_instance().await;
    wait_for_metric(&ground.gateway, "sluicegate_instances_live", &[], 0.0).await;
    ground.assert_nobody_finds_anything("being idle").await;
}
