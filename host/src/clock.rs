//! The one clock of the gateway: wall time and monotonic time, injected so that a test can set both.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Wall time tells people and expiry dates what time it is; monotonic time measures, and never steps back.
pub trait Clock: Debug + Send + Sync {
    /// Milliseconds since 1970-01-01T00:00:00Z. May step when an operator sets the machine's clock.
    fn now_unix_ms(&self) -> u64;

    /// Nanoseconds since some fixed point of this process.
    fn monotonic_ns(&self) -> u64;

    /// Seconds since 1970-01-01T00:00:00Z, rounded down.
    fn now_unix_seconds(&self) -> i64 {
        i64::try_from(self.now_unix_ms() / 1000).unwrap_or(i64::MAX)
    }

    /// Milliseconds since the fixed point of [`Clock::monotonic_ns`], rounded down.
    fn monotonic_ms(&self) -> u64 {
        self.monotonic_ns() / 1_000_000
    }
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    pub fn new() -> SystemClock {
        SystemClock { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> SystemClock {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    fn now_unix_ms(&self) -> u64 {
        // A machine whose clock stands before 1970 gets 1970: expiry dates then lie in the future, as they would in truth.
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
    }

    fn monotonic_ns(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// A clock that moves when it is told to.
#[derive(Debug)]
pub struct ManualClock {
    unix_ms: AtomicU64,
    monotonic_ns: AtomicU64,
}

impl ManualClock {
    pub fn at_unix_ms(unix_ms: u64) -> ManualClock {
        ManualClock { unix_ms: AtomicU64::new(unix_ms), monotonic_ns: AtomicU64::new(0) }
    }

    /// Moves both times on.
    pub fn advance(&self, by: Duration) {
        let milliseconds = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        let nanoseconds = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.unix_ms.fetch_add(milliseconds, Ordering::SeqCst);
        self.monotonic_ns.fetch_add(nanoseconds, Ordering::SeqCst);
    }

    /// Steps wall time alone, as an operator or a time server does.
    pub fn step_to_unix_ms(&self, unix_ms: u64) {
        self.unix_ms.store(unix_ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_unix_ms(&self) -> u64 {
        self.unix_ms.load(Ordering::SeqCst)
    }

    fn monotonic_ns(&self) -> u64 {
        self.monotonic_ns.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn monotonic_time_of_the_system_never_steps_back() {
        let clock = SystemClock::new();
        let readings: Vec<u64> = (0..1000).map(|_| clock.monotonic_ns()).collect();
        assert!(readings.is_sorted());
    }

    #[test]
    fn a_manual_clock_moves_both_times_together_and_steps_wall_time_alone() {
        let clock = ManualClock::at_unix_ms(1_700_000_000_000);
        clock.advance(Duration::from_millis(1500));
        assert_eq!((clock.now_unix_seconds(), clock.monotonic_ms()), (1_700_000_001, 1500));
        clock.step_to_unix_ms(0);
        assert_eq!((clock.now_unix_seconds(), clock.monotonic_ms()), (0, 1500));
    }
}
