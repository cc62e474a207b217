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

/// Needs `[admin]`, and upstreams whose `idle_timeout_ms` is short.
#[derive(Debug, Clone, Copy)]
pub struct Footing {
    tasks: f64,
    descriptors: usize,
}

impl Footing {
    /// Of a gateway that is at rest.
    pub async fn of(gateway: &Gateway) -> Footing {
        let mut least = Footing::now(gateway).await.1;
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let (_, now) = Footing::now(gateway).await;
            least = Footing { tasks: least.tasks.min(now.tasks), descriptors: least.descriptors.min(now.descriptors) };
        }
        least
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
        let descriptors = fs::read_dir(format!("/proc/{}/fd", gateway.id())).expect("Linux").count();
        (left.into_iter().filter(|(_, count)| *count != 0.0).collect(), Footing { tasks, descriptors })
    }
}
