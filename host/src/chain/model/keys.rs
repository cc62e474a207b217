//! The credentials of one provider, sent in turn: one that is used up or refused rests, and the next is sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::clock::Clock;

/// Where a provider does not say when to come back.
const RATE_LIMITED_REST: Duration = Duration::from_secs(5);
/// A credential that is refused, or whose money is gone, is not mended in seconds.
const REFUSED_REST: Duration = Duration::from_secs(300);
/// However long a provider asks for.
const REST_MAX: Duration = Duration::from_secs(3_600);

pub struct Keys {
    keys: Box<[Key]>,
    next: AtomicUsize,
    clock: Arc<dyn Clock>,
}

struct Key {
    name: String,
    rest: Arc<Rest>,
}

/// To when a credential rests. It may be shared with an earlier generation that has the same one.
#[derive(Debug, Default)]
pub struct Rest {
    /// Milliseconds since 1970.
    until: AtomicU64,
}

impl Keys {
    /// The names of the credentials, and how each of them rests.
    pub fn new(rests: Vec<(String, Arc<Rest>)>, clock: Arc<dyn Clock>) -> Keys {
        let keys = rests.into_iter().map(|(name, rest)| Key { name, rest });
        Keys { keys: keys.collect(), next: AtomicUsize::new(0), clock }
    }

    /// Numbers of the credentials in the order in which one exchange tries them: in turn, those that rest left out. If all rest,
    /// the one that is ready first; none where the provider has none.
    pub(super) fn order(&self) -> Vec<usize> {
        let count = self.keys.len();
        if count == 0 {
            return Vec::new();
        }
        let now = self.clock.now_unix_ms();
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let rests =
            |number: &usize| self.keys.get(*number).is_some_and(|key| key.rest.until.load(Ordering::Relaxed) > now);
        let ready: Vec<usize> = (0..count).map(|step| (first + step) % count).filter(|number| !rests(number)).collect();
        if !ready.is_empty() {
            return ready;
        }
        let until =
            |number: &usize| self.keys.get(*number).map_or(u64::MAX, |key| key.rest.until.load(Ordering::Relaxed));
        (0..count).min_by_key(until).into_iter().collect()
    }

    pub(super) fn number(&self, name: &str) -> Option<usize> {
        self.keys.iter().position(|key| key.name == name)
    }

    /// Each by its name, with the milliseconds that it still rests.
    pub(super) fn rests(&self) -> Vec<(String, u64)> {
        let now = self.clock.now_unix_ms();
        let rests = |key: &Key| key.rest.until.load(Ordering::Relaxed).saturating_sub(now);
        self.keys.iter().map(|key| (key.name.clone(), rests(key))).collect()
    }

    pub(super) fn name(&self, number: usize) -> Option<&str> {
        self.keys.get(number).map(|key| key.name.as_str())
    }

    /// How long until a credential is ready; zero where one is, or where there is none.
    pub fn rests_ms(&self) -> u64 {
        let now = self.clock.now_unix_ms();
        let rests = self.keys.iter().map(|key| key.rest.until.load(Ordering::Relaxed).saturating_sub(now));
        rests.min().unwrap_or(0)
    }

    pub(super) fn rate_limited(&self, number: usize, retry_after: Option<Duration>) {
        self.rest(number, retry_after.unwrap_or(RATE_LIMITED_REST));
    }

    pub(super) fn refused(&self, number: usize) {
        self.rest(number, REFUSED_REST);
    }

    fn rest(&self, number: usize, length: Duration) {
        let Some(key) = self.keys.get(number) else { return };
        let length = u64::try_from(length.min(REST_MAX).as_millis()).unwrap_or(u64::MAX);
        key.rest.until.fetch_max(self.clock.now_unix_ms().saturating_add(length), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    fn keys(names: &[&str]) -> (Keys, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at_unix_ms(1_000_000));
        let rests = names.iter().map(|name| ((*name).to_owned(), Arc::default()));
        (Keys::new(rests.collect(), clock.clone()), clock)
    }

    #[test]
    fn credentials_take_turns() {
        let (keys, _) = keys(&["a", "b", "c"]);
        let firsts: Vec<usize> = (0..4).filter_map(|_| keys.order().first().copied()).collect();
        assert_eq!(firsts, [0, 1, 2, 0]);
        assert_eq!(keys.order().len(), 3);
    }

    #[test]
    fn one_that_is_used_up_rests_until_its_time_is_over() {
        let (keys, clock) = keys(&["a", "b"]);
        keys.rate_limited(0, Some(Duration::from_secs(30)));
        assert_eq!([keys.order(), keys.order()], [[1], [1]]);
        assert_eq!(keys.rests_ms(), 0);
        clock.advance(Duration::from_secs(30));
        assert_eq!(keys.order().len(), 2);
    }

    #[test]
    fn if_all_rest_the_first_to_be_ready_is_tried() {
        let (keys, _) = keys(&["a", "b"]);
        keys.refused(0);
        keys.rate_limited(1, None);
        assert_eq!(keys.order(), [1]);
        assert_eq!(keys.rests_ms(), 5_000);
        assert_eq!(self::keys(&[]).0.order(), Vec::<usize>::new());
    }

    #[test]
    fn no_provider_can_put_one_to_rest_for_ever() {
        let (keys, _) = keys(&["a"]);
        keys.rate_limited(0, Some(Duration::from_secs(u64::MAX)));
        assert_eq!(keys.rests_ms(), 3_600_000);
    }
}
