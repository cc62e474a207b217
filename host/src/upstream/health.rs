//! What an upstream has done so far: how much is under way there, how fast it answers, and whether it is to be left alone.
//!
//! After a failure it rests for [`REST_MS_MIN`], and twice as long after each further one, to [`REST_MS_MAX`]. When a rest is over,
//! the first attempt is a probe: until it has ended, or for as long again, others still see the upstream rest, so that no more than
//! one exchange a rest waits for what may be dead. An answer ends all of that; a probe that ends without a verdict leaves the next
//! attempt to be one. Failures of what had begun before the rest change nothing.
//!
//! To rest is a fact, not a ban: whoever has nothing better tries.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Clock;

/// After the first failure.
pub const REST_MS_MIN: u64 = 1_000;
pub const REST_MS_MAX: u64 = 30_000;
/// The newest value counts for one of so many in the average of times, ...
const FIRST_BYTE_MEMORY: f64 = 8.0;
/// ... and in that of failures.
const FAILURE_MEMORY: f64 = 32.0;

/// Lives as long as the upstream that it is of, over generations.
#[derive(Debug)]
pub struct Health {
    clock: Arc<dyn Clock>,
    in_flight: AtomicU64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    first_byte_ms: Average,
    failures_per_thousand: Average,
    /// Failures in a row, those aside that were not probes.
    streak: u32,
    /// How many there have been.
    answers: u64,
    /// On the monotonic clock.
    rests_until_ms: u64,
}

/// A decaying average; a plain one over its first values.
#[derive(Debug, Clone, Copy, Default)]
struct Average {
    value: f64,
    count: f64,
}

/// One attempt and its answer, under way while this lives.
#[derive(Debug)]
pub struct UnderWay {
    health: Arc<Health>,
    /// Of a probe without a verdict: to when others see the upstream rest because of it.
    probes_until_ms: Option<u64>,
    /// Failures in a row that its answer has ended, and the number of that answer: it may turn out to be none.
    ended_streak: Option<(u32, u64)>,
    has_failed: bool,
}

impl Health {
    pub fn new(clock: Arc<dyn Clock>) -> Health {
        Health { clock, in_flight: AtomicU64::new(0), inner: Mutex::default() }
    }

    /// Attempts under way, those included whose answers still come.
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// From the last byte of a request, on its connection, to the head of its answer. None before the first answer.
    pub fn first_byte_ms(&self) -> Option<u64> {
        self.lock().first_byte_ms.rounded()
    }

    /// Of the attempts. None before the first one has ended.
    pub fn failures_per_thousand(&self) -> Option<u64> {
        self.lock().failures_per_thousand.rounded()
    }

    /// 0 where it may be tried.
    pub fn rests_ms(&self) -> u64 {
        match self.lock().rests_until_ms {
            // The clock is not asked where nothing depends on it.
            0 => 0,
            until_ms => until_ms.saturating_sub(self.clock.monotonic_ms()),
        }
    }

    /// An attempt begins.
    pub fn begin(self: &Arc<Health>) -> UnderWay {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        let mut inner = self.lock();
        let mut probes_until_ms = None;
        if inner.streak > 0 {
            let now_ms = self.clock.monotonic_ms();
            if inner.rests_until_ms <= now_ms {
                inner.rests_until_ms = now_ms + rest_ms(inner.streak);
                probes_until_ms = Some(inner.rests_until_ms);
            }
        }
        drop(inner);
        UnderWay { health: self.clone(), probes_until_ms, ended_streak: None, has_failed: false }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UnderWay {
    /// The head of a good answer has come.
    pub fn answered(&mut self, after: Duration) {
        self.probes_until_ms = None;
        let mut inner = self.health.lock();
        inner.first_byte_ms.add(after.as_secs_f64() * 1_000.0, FIRST_BYTE_MEMORY);
        inner.failures_per_thousand.add(0.0, FAILURE_MEMORY);
        inner.answers += 1;
        self.ended_streak = Some((inner.streak, inner.answers));
        inner.streak = 0;
        inner.rests_until_ms = 0;
    }

    /// The upstream did not do its part; also where the head of its answer had looked good. Counts once.
    pub fn failed(&mut self) {
        if std::mem::replace(&mut self.has_failed, true) {
            return;
        }
        let now_ms = self.health.clock.monotonic_ms();
        let mut inner = self.health.lock();
        inner.failures_per_thousand.add(1_000.0, FAILURE_MEMORY);
        // Of many that fail together, one counts.
        if self.probes_until_ms.take().is_some() || inner.streak == 0 {
            // Nobody has heard a better one since.
            if let Some((streak, _)) = self.ended_streak.filter(|(_, answer)| *answer == inner.answers) {
                inner.streak = inner.streak.max(streak);
            }
            inner.streak = inner.streak.saturating_add(1);
            inner.rests_until_ms = now_ms + rest_ms(inner.streak);
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.health.in_flight.fetch_sub(1, Ordering::Relaxed);
        if let Some(until_ms) = self.probes_until_ms {
            let mut inner = self.health.lock();
            // Another probe, or an answer, may have come since.
            if inner.rests_until_ms == until_ms {
                inner.rests_until_ms = 0;
            }
        }
    }
}

impl Average {
    fn add(&mut self, value: f64, memory: f64) {
        self.count = (self.count + 1.0).min(memory);
        self.value += (value - self.value) / self.count;
    }

    fn rounded(self) -> Option<u64> {
        (self.count > 0.0).then(|| self.value.round() as u64)
    }
}

fn rest_ms(streak: u32) -> u64 {
    let doublings = streak.saturating_sub(1).min(REST_MS_MAX.ilog2());
    (REST_MS_MIN << doublings).min(REST_MS_MAX)
}

#[cfg(test)]
mod tests;
