//! Warm instances of one plugin, last in first out, recycled by count, memory and idle time.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::instance::Instance;

/// Warm instances of one plugin; what comes back beyond them is dropped.
const WARM_MAX: usize = 64;
/// Calls after which an instance is replaced.
const CALLS_MAX: u64 = 100_000;
/// How long an instance stays warm without a call.
const IDLE_MAX: Duration = Duration::from_secs(30);

pub(crate) struct Pool {
    /// An instance that uses more than this much linear memory is not kept.
    memory_bytes_max: usize,
    warm: Mutex<Vec<Instance>>,
}

impl Pool {
    /// `memory_bytes_max`: the plugin's own limit; half of it may stay in use between calls.
    pub(crate) fn new(memory_bytes_max: u64) -> Pool {
        let memory_bytes_max = usize::try_from(memory_bytes_max / 2).unwrap_or(usize::MAX);
        Pool { memory_bytes_max, warm: Mutex::default() }
    }

    pub(crate) fn take(&self) -> Option<Instance> {
        self.lock().pop()
    }

    pub(crate) fn put(&self, mut instance: Instance) {
        if instance.calls >= CALLS_MAX || instance.memory_bytes() > self.memory_bytes_max {
            return;
        }
        instance.last_used = Instant::now();
        let mut warm = self.lock();
        if warm.len() < WARM_MAX {
            warm.push(instance);
        }
    }

    /// Drops the instance that was used least recently. False when there is none.
    pub(crate) fn evict_one(&self) -> bool {
        let mut warm = self.lock();
        match warm.is_empty() {
            true => false,
            false => {
                drop(warm.remove(0));
                true
            }
        }
    }

    /// Drops those that were idle for too long.
    pub(crate) fn sweep(&self, now: Instant) {
        let expired: Vec<Instance> = {
            let mut warm = self.lock();
            let kept = warm.iter().position(|instance| now.duration_since(instance.last_used) < IDLE_MAX);
            let kept = kept.unwrap_or(warm.len());
            warm.drain(..kept).collect()
        };
        drop(expired);
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Instance>> {
        self.warm.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
