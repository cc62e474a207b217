//! Warm instances of one plugin, last in first out, recycled by count, memory and idle time.
//!
//! Each thread that serves requests has a shelf of its own, so that no lock and no instance passes between two cores; it looks
//! at those of others before a new instance is made.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::instance::Instance;
use crate::lane;

/// Warm instances of one plugin; what comes back beyond them is dropped.
const WARM_MAX: usize = 64;
/// Calls after which an instance is replaced.
const CALLS_MAX: u64 = 100_000;
/// How long an instance stays warm without a call.
const IDLE_MAX: Duration = Duration::from_secs(30);

pub(crate) struct Pool {
    /// An instance that uses more than this much linear memory is not kept.
    memory_bytes_max: usize,
    /// By lane; the warmest stands last.
    shelves: Box<[Mutex<Vec<Box<Instance>>>]>,
    warm_per_shelf_max: usize,
}

impl Pool {
    /// `memory_bytes_max`: the plugin's own limit; half of it may stay in use between calls.
    pub(crate) fn new(memory_bytes_max: u64) -> Pool {
        Pool::with_shelves(memory_bytes_max, lane::count())
    }

    fn with_shelves(memory_bytes_max: u64, count: usize) -> Pool {
        let memory_bytes_max = usize::try_from(memory_bytes_max / 2).unwrap_or(usize::MAX);
        let shelves = (0..count).map(|_| Mutex::default()).collect();
        Pool { memory_bytes_max, shelves, warm_per_shelf_max: (WARM_MAX / count).max(1) }
    }

    pub(crate) fn take(&self) -> Option<Box<Instance>> {
        let own = lane::current();
        let from = |lane: usize| self.shelf(lane)?.pop();
        from(own).or_else(|| (0..self.shelves.len()).filter(|lane| *lane != own).find_map(from))
    }

    pub(crate) fn put(&self, instance: Box<Instance>) {
        if instance.calls >= CALLS_MAX || instance.memory_bytes() > self.memory_bytes_max {
            return;
        }
        let Some(mut warm) = self.shelf(lane::current()) else { return };
        if warm.len() < self.warm_per_shelf_max {
            warm.push(instance);
        }
    }

    /// Drops the instance that was used least recently, of whatever plugin.
    pub(crate) fn evict_coldest(pools: impl IntoIterator<Item = Arc<Pool>>) {
        let with_time = |pool: Arc<Pool>| Some((pool.coldest()?.0, pool));
        let mut pools: Vec<(Instant, Arc<Pool>)> = pools.into_iter().filter_map(with_time).collect();
        pools.sort_by_key(|(used, _)| *used);
        // A call may have taken the one that was seen.
        pools.into_iter().find(|(_, pool)| pool.evict_one());
    }

    /// When the one was used that has been idle for the longest, and its lane. None when there is none.
    fn coldest(&self) -> Option<(Instant, usize)> {
        let of_lane = |lane: usize| Some((self.shelf(lane)?.first()?.last_used, lane));
        (0..self.shelves.len()).filter_map(of_lane).min()
    }

    /// Drops the instance that was used least recently. False when there is none.
    pub(crate) fn evict_one(&self) -> bool {
        let Some(mut warm) = self.coldest().and_then(|(_, lane)| self.shelf(lane)) else { return false };
        match warm.is_empty() {
            true => false,
            false => {
                let evicted = warm.remove(0);
                drop(warm);
                drop(evicted);
                true
            }
        }
    }

    /// Drops those that were idle for too long.
    pub(crate) fn sweep(&self, now: Instant) {
        for lane in 0..self.shelves.len() {
            let expired: Vec<Box<Instance>> = {
                let Some(mut warm) = self.shelf(lane) else { continue };
                let kept = warm.iter().position(|instance| now.duration_since(instance.last_used) < IDLE_MAX);
                let kept = kept.unwrap_or(warm.len());
                warm.drain(..kept).collect()
            };
            drop(expired);
        }
    }

    fn shelf(&self, lane: usize) -> Option<MutexGuard<'_, Vec<Box<Instance>>>> {
        Some(self.shelves.get(lane)?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests;
