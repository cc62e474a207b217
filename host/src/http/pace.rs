//! How fast the other side is while it is waited for: who moves a byte now and then is no better than who moves none.

use std::time::Duration;

use tokio::time::Instant;

pub struct Pace {
    /// Looked at each time when so long has been waited.
    period: Duration,
    bytes_per_second_min: u64,
    /// Since when is waited now.
    since: Option<Instant>,
    waited: Duration,
    moved: u64,
}

/// What has moved in how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooSlow {
    pub bytes: u64,
    pub waited: Duration,
}

impl Pace {
    /// `bytes_per_second_min`: 0 is slow enough for everyone.
    pub fn new(period: Duration, bytes_per_second_min: u64) -> Pace {
        Pace { period, bytes_per_second_min, since: None, waited: Duration::ZERO, moved: 0 }
    }

    /// Nothing moves now, until the next call of [`Pace::moves`]. True the first time.
    pub fn waits(&mut self) -> bool {
        let begins = self.since.is_none();
        self.since.get_or_insert_with(Instant::now);
        begins
    }

    /// True if that was waited for.
    pub fn moves(&mut self, bytes: usize) -> Result<bool, TooSlow> {
        self.moved += bytes as u64;
        let Some(since) = self.since.take() else { return Ok(false) };
        self.waited += since.elapsed();
        if self.waited < self.period {
            return Ok(true);
        }
        let (waited, moved) = (std::mem::take(&mut self.waited), std::mem::take(&mut self.moved));
        let wanted = u128::from(self.bytes_per_second_min) * waited.as_millis() / 1_000;
        match u128::from(moved) < wanted {
            true => Err(TooSlow { bytes: moved, waited }),
            false => Ok(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of pieces of this size, one in each wait of 100 ms: the first at which it is too slow.
    fn too_slow_at(bytes: usize, bytes_per_second_min: u64) -> Option<usize> {
        let mut pace = Pace::new(Duration::from_secs(2), bytes_per_second_min);
        (1..=100).find(|_| {
            assert!(pace.waits() && !pace.waits());
            // Tokio's clock stands still in a test without a runtime.
            pace.since = pace.since.map(|since| since - Duration::from_millis(100));
            pace.moves(bytes).is_err()
        })
    }

    #[test]
    fn who_is_slow_is_found_out_after_a_period_and_who_is_not_never() {
        assert_eq!(too_slow_at(1, 240), Some(20));
        assert_eq!(too_slow_at(23, 240), Some(20));
        assert_eq!(too_slow_at(30, 240), None);
        assert_eq!(too_slow_at(0, 0), None);
    }

    #[test]
    fn time_in_which_nobody_waits_does_not_count() {
        let mut pace = Pace::new(Duration::ZERO, 1_000_000);
        for _ in 0..10 {
            assert_eq!(pace.moves(1), Ok(false));
        }
    }
}
