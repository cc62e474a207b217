//! A second version of an entry that serves a share of the exchanges, and goes out of service by itself when it does worse.
//!
//! The window of the figures is a ring of [`SLOTS`] slots, so what is counted takes the same memory whatever happens, and the
//! window is exact to a tenth.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};
use sluicegate_runtime::{Entry, Version};

use crate::config::{RollbackPolicy, Sticky};
use crate::telemetry::metrics::EntryMetrics;

/// Parts of a window that end one after the other.
const SLOTS: usize = 10;

/// The second version of a link.
pub struct Canary {
    pub entry: Arc<Entry>,
    pub metrics: EntryMetrics,
    /// Percent of the exchanges, as configured; a rollback is in `state`.
    pub weight: u8,
    pub sticky: Sticky,
    pub state: Arc<CanaryState>,
}

/// Everything of a canary that changes. Whoever keeps an unchanged entry over a swap hands it on.
pub struct CanaryState {
    policy: RollbackPolicy,
    /// Read for each exchange without the lock.
    out: AtomicBool,
    inner: Mutex<Inner>,
}

struct Inner {
    slots: [Slot; SLOTS],
    rollback: Option<Rollback>,
}

/// Why and since when a canary is out of service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollback {
    /// Milliseconds since 1970.
    pub since_unix_ms: u64,
    pub why: Why,
}

/// The threshold that was passed, with the figures of the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    Failures { count: u64, window_ms: u64 },
    Rejections { canary: Share, stable: Share },
}

/// What one version met within a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    pub exchanges: u64,
    pub rejections: u64,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    /// Which stretch of time it holds; an older one is overwritten.
    number: u64,
    failures: u64,
    stable: Share,
    canary: Share,
}

/// The two clocks at one moment: one measures, the other tells people.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    pub monotonic_ms: u64,
    pub unix_ms: u64,
}

/// What a version did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It was given an exchange.
    Met,
    Rejected,
    Failed,
}

impl Canary {
    /// Which version serves an exchange: by its consumer, or by its own id.
    ///
    /// The first eight bytes of a SHA-256 over the entry's name and the key, modulo 100, are compared with the weight: a higher
    /// weight moves only those that it must, and the same consumer meets the same version in every gateway.
    pub fn serves(&self, request_id: &str, consumer: Option<&str>) -> bool {
        if self.state.out.load(Ordering::Acquire) {
            return false;
        }
        let key = match (self.sticky, consumer) {
            (Sticky::Consumer, Some(consumer)) => consumer,
            _ => request_id,
        };
        is_chosen(&self.entry.name, key, self.weight)
    }
}

fn is_chosen(entry: &str, key: &str, weight: u8) -> bool {
    let mut context = Context::new(&SHA256);
    context.update(entry.as_bytes());
    context.update(b"\0");
    context.update(key.as_bytes());
    let hash = context.finish();
    let bytes = hash.as_ref().first_chunk::<8>().copied().unwrap_or_default();
    u64::from_be_bytes(bytes) % 100 < u64::from(weight)
}

impl CanaryState {
    pub fn new(policy: RollbackPolicy) -> CanaryState {
        let inner = Inner { slots: [Slot::default(); SLOTS], rollback: None };
        CanaryState { policy, out: AtomicBool::new(false), inner: Mutex::new(inner) }
    }

    pub fn rollback(&self) -> Option<Rollback> {
        self.lock().rollback.clone()
    }

    /// Counts. Some when this was what passed a threshold: from here on the stable version serves all new exchanges.
    pub fn note(&self, version: Version, event: Event, now: Now) -> Option<Rollback> {
        let mut inner = self.lock();
        if inner.rollback.is_some() {
            return None;
        }
        let slot = inner.slot(self.slot_number(now));
        match (version, event) {
            (Version::Canary, Event::Failed) => slot.failures += 1,
            (Version::Canary, Event::Met) => slot.canary.exchanges += 1,
            (Version::Canary, Event::Rejected) => slot.canary.rejections += 1,
            (_, Event::Met) => slot.stable.exchanges += 1,
            (_, Event::Rejected) => slot.stable.rejections += 1,
            (_, Event::Failed) => return None,
        }
        let why = self.judge(&inner.total(self.slot_number(now)))?;
        let rollback = Rollback { since_unix_ms: now.unix_ms, why };
        inner.rollback = Some(rollback.clone());
        self.out.store(true, Ordering::Release);
        Some(rollback)
    }

    fn judge(&self, total: &Slot) -> Option<Why> {
        let policy = &self.policy;
        if total.failures >= u64::from(policy.failures) {
            return Some(Why::Failures { count: total.failures, window_ms: self.window_ms() });
        }
        let (canary, stable) = (total.canary, total.stable);
        if canary.exchanges.min(stable.exchanges) < u64::from(policy.exchanges_min) {
            return None;
        }
        // Shares as fractions over one denominator, in percent.
        let over = |one: Share, other: Share| u128::from(one.rejections) * u128::from(other.exchanges) * 100;
        let whole = u128::from(canary.exchanges) * u128::from(stable.exchanges);
        let limit = over(stable, canary) + u128::from(policy.rejections_percent) * whole;
        (over(canary, stable) >= limit).then_some(Why::Rejections { canary, stable })
    }

    fn slot_number(&self, now: Now) -> u64 {
        now.monotonic_ms / self.window_ms().div_ceil(SLOTS as u64).max(1)
    }

    fn window_ms(&self) -> u64 {
        u64::try_from(self.policy.window.as_millis()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn slot(&mut self, number: u64) -> &mut Slot {
        let slot = &mut self.slots[(number % SLOTS as u64) as usize];
        if slot.number != number {
            *slot = Slot { number, ..Slot::default() };
        }
        slot
    }

    fn total(&self, number: u64) -> Slot {
        let mut total = Slot { number, ..Slot::default() };
        for slot in self.slots.iter().filter(|slot| slot.number + SLOTS as u64 > number) {
            total.failures += slot.failures;
            for (sum, part) in [(&mut total.stable, slot.stable), (&mut total.canary, slot.canary)] {
                sum.exchanges += part.exchanges;
                sum.rejections += part.rejections;
            }
        }
        total
    }
}

impl fmt::Display for Why {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Failures { count, window_ms } => {
                write!(formatter, "the canary failed {count} times within {window_ms} ms")
            }
            Why::Rejections { canary, stable } => write!(
                formatter,
                "the canary rejected {} of {} exchanges, the stable version {} of {}",
                canary.rejections, canary.exchanges, stable.rejections, stable.exchanges
            ),
        }
    }
}

#[cfg(test)]
mod tests;
