//! The breaker: a plugin that keeps failing is left alone for a while, and its entry answers by `on_error` at once.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// `failures` within `window` open it for `backoff`; then one call is let through to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerPolicy {
    pub failures: u32,
    pub window: Duration,
    pub backoff: Duration,
}

impl Default for BreakerPolicy {
    fn default() -> BreakerPolicy {
        BreakerPolicy { failures: 5, window: Duration::from_secs(10), backoff: Duration::from_secs(5) }
    }
}

#[derive(Debug)]
pub(crate) struct Breaker {
    policy: BreakerPolicy,
    /// True while calls must ask [`Breaker::admit_slowly`]; read without the lock on every call.
    tripped: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Times of the latest failures, at most `policy.failures`.
    failures: VecDeque<Instant>,
    open_until: Option<Instant>,
    /// One call is out to try whether the plugin works again.
    trying: bool,
}

/// Whether a call may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    Run,
    /// The one call that decides whether the breaker closes.
    Try,
    Refuse,
}

impl Breaker {
    pub(crate) fn new(policy: BreakerPolicy) -> Breaker {
        Breaker { policy, tripped: AtomicBool::new(false), state: Mutex::default() }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.tripped.load(Ordering::Acquire)
    }

    pub(crate) fn admit(&self, now: Instant) -> Admission {
        match self.tripped.load(Ordering::Acquire) {
            false => Admission::Run,
            true => self.admit_slowly(now),
        }
    }

    fn admit_slowly(&self, now: Instant) -> Admission {
        let mut state = self.lock();
        match state.open_until {
            None => Admission::Run,
            Some(until) if now < until || state.trying => Admission::Refuse,
            Some(_) => {
                state.trying = true;
                Admission::Try
            }
        }
    }

    /// A call came back well.
    pub(crate) fn succeeded(&self, admission: Admission) {
        if admission == Admission::Try {
            let mut state = self.lock();
            *state = State::default();
            // Under the lock: a failure that opens it again must not be overtaken.
            self.tripped.store(false, Ordering::Release);
        }
    }

    /// A call that was let through to try was cancelled before it came to an end: the next one tries.
    pub(crate) fn abandoned(&self, admission: Admission) {
        if admission == Admission::Try {
            self.lock().trying = false;
        }
    }

    /// A call failed. True if this opened the breaker.
    pub(crate) fn failed(&self, admission: Admission, now: Instant) -> bool {
        let mut state = self.lock();
        if admission == Admission::Try {
            state.trying = false;
            state.open_until = Some(now + self.policy.backoff);
            return false;
        }
        while state.failures.front().is_some_and(|first| now.duration_since(*first) > self.policy.window) {
            state.failures.pop_front();
        }
        state.failures.push_back(now);
        if state.failures.len() < self.policy.failures as usize || state.open_until.is_some() {
            return false;
        }
        state.failures.clear();
        state.open_until = Some(now + self.policy.backoff);
        self.tripped.store(true, Ordering::Release);
        true
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker() -> Breaker {
        Breaker::new(BreakerPolicy { failures: 3, window: Duration::from_secs(10), backoff: Duration::from_secs(5) })
    }

    #[test]
    fn it_opens_at_the_last_failure_of_the_window_and_not_before() {
        let (breaker, start) = (breaker(), Instant::now());
        assert!(!breaker.failed(Admission::Run, start));
        assert!(!breaker.failed(Admission::Run, start));
        assert_eq!(breaker.admit(start), Admission::Run);
        assert!(breaker.failed(Admission::Run, start));
        assert_eq!(breaker.admit(start), Admission::Refuse);
    }

    #[test]
    fn a_failure_that_opens_it_is_not_overtaken_by_a_success_that_closes_it() {
        let policy = BreakerPolicy { failures: 1, window: Duration::from_secs(10), backoff: Duration::from_secs(3600) };
        let (breaker, now) = (Breaker::new(policy), Instant::now());
        for round in 0..5_000 {
            std::thread::scope(|scope| {
                scope.spawn(|| breaker.failed(Admission::Run, now));
                scope.spawn(|| breaker.succeeded(Admission::Try));
            });
            // Whichever came last: what is read without the lock says the same as what stands behind it.
            let open = breaker.lock().open_until.is_some();
            assert_eq!(breaker.is_open(), open, "round {round}");
            assert_eq!(breaker.admit(now) == Admission::Refuse, open, "round {round}");
        }
    }

    #[test]
    fn failures_outside_the_window_do_not_count() {
        let (breaker, start) = (breaker(), Instant::now());
        for second in [0, 6, 12, 18, 24] {
            assert!(!breaker.failed(Admission::Run, start + Duration::from_secs(second)));
        }
        assert_eq!(breaker.admit(start + Duration::from_secs(24)), Admission::Run);
    }

    #[test]
    fn after_the_backoff_one_call_tries_and_its_success_closes_it() {
        let (breaker, start) = (breaker(), Instant::now());
        (0..3).for_each(|_| {
            breaker.failed(Admission::Run, start);
        });
        let later = start + Duration::from_secs(5);
        assert_eq!(breaker.admit(later), Admission::Try);
        assert_eq!(breaker.admit(later), Admission::Refuse);
        breaker.succeeded(Admission::Try);
        assert_eq!(breaker.admit(later), Admission::Run);
    }

    #[test]
    fn a_failed_try_opens_it_again_and_a_cancelled_one_lets_the_next_try() {
        let (breaker, start) = (breaker(), Instant::now());
        (0..3).for_each(|_| {
            breaker.failed(Admission::Run, start);
        });
        let later = start + Duration::from_secs(5);
        assert_eq!(breaker.admit(later), Admission::Try);
        breaker.abandoned(Admission::Try);
        assert_eq!(breaker.admit(later), Admission::Try);
        breaker.failed(Admission::Try, later);
        assert_eq!(breaker.admit(later + Duration::from_secs(4)), Admission::Refuse);
        assert_eq!(breaker.admit(later + Duration::from_secs(5)), Admission::Try);
    }
}
