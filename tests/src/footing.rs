//! What a gateway holds while nothing is asked of it: whatever was asked, it must come back to that.

use std::fs;
use std::time::{Duration, Instant};

use crate::gateway::{Gateway, PATIENCE};
use crate::metrics::{ask_admin, sum_of};

/// What must be none.
const NONE_LEFT: [&str; 4] = [
    "sluicegate_connections_open",
    "sluicegate_exchanges_open",
    "sluicegate_upstream_connections",
    "sluicegate_upgraded_open",
];

/// So often the same before it is taken for what it comes back to.
const STEADY_READINGS: usize = 15;

/// Needs `[admin]`, and upstreams whose `idle_timeout_ms` is short.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Footing {
    tasks: f64,
    descriptors: usize,
}

impl Footing {
    /// Of a gateway that nothing was asked yet, once it has started all that it runs beside requests.
    pub async fn of(gateway: &Gateway) -> Footing {
        let started = Instant::now();
        let (mut last, mut same) = (Footing::now(gateway).await.1, 0);
        while same < STEADY_READINGS || !watches_files(gateway) {
            assert!(started.elapsed() < PATIENCE, "no end of starting: {last:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
            let (_, now) = Footing::now(gateway).await;
            same = if now == last { same + 1 } else { 0 };
            last = now;
        }
        last
    }

    /// Waits until nothing is open, and no task and no descriptor is left over.
    pub async fn wait_until_back(&self, gateway: &Gateway) {
        let started = Instant::now();
        loop {
            let (left, now) = Footing::now(gateway).await;
            if left.is_empty() && now.tasks <= self.tasks && now.descriptors <= self.descriptors {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "{now:?} instead of {self:?}, and still {left:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn now(gateway: &Gateway) -> (Vec<(&'static str, f64)>, Footing) {
        let text = ask_admin(gateway, "/metrics").await.text();
        let left = NONE_LEFT.map(|name| (name, sum_of(&text, name, &[])));
        let tasks = sum_of(&text, "sluicegate_tasks_alive", &[]);
        let descriptors = descriptors(gateway).count();
        (left.into_iter().filter(|(_, count)| *count != 0.0).collect(), Footing { tasks, descriptors })
    }
}

fn descriptors(gateway: &Gateway) -> impl Iterator<Item = fs::DirEntry> {
    fs::read_dir(format!("/proc/{}/fd", gateway.id())).expect("Linux").map_while(Result::ok)
}

/// What is started last.
fn watches_files(gateway: &Gateway) -> bool {
    descriptors(gateway).any(|one| fs::read_link(one.path()).is_ok_and(|to| to.to_string_lossy().contains("inotify")))
}
