//! A clock for silence: runs out when nothing has moved for a while.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// Costs a timer only for those who wait, and sets it anew only when it rings.
pub(super) struct Idle {
    limit: Duration,
    /// The whole must be over by then, silence or not.
    deadline: Option<Instant>,
    moved: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

/// Which of the two ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Elapsed {
    Silence,
    Deadline,
}

impl Idle {
    pub(super) fn new(limit: Duration, deadline: Option<Instant>) -> Idle {
        Idle { limit, deadline, moved: Instant::now(), timer: None }
    }

    /// Something moved.
    pub(super) fn reset(&mut self) {
        self.moved = Instant::now();
    }

    /// To be asked when nothing can move now.
    pub(super) fn poll_elapsed(&mut self, context: &mut Context<'_>) -> Poll<Elapsed> {
        loop {
            let silent_at = self.moved + self.limit;
            let ends_at = self.deadline.map_or(silent_at, |deadline| deadline.min(silent_at));
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(ends_at)));
            ready!(timer.as_mut().poll(context));
            let now = Instant::now();
            if self.deadline.is_some_and(|deadline| now >= deadline) {
                return Poll::Ready(Elapsed::Deadline);
            }
            if now >= silent_at {
                return Poll::Ready(Elapsed::Silence);
            }
            timer.as_mut().reset(ends_at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn silence_counts_from_the_last_movement() {
        let mut idle = Idle::new(Duration::from_secs(10), None);
        let start = Instant::now();
        tokio::time::advance(Duration::from_secs(9)).await;
        idle.reset();
        assert_eq!(poll_fn(|context| idle.poll_elapsed(context)).await, Elapsed::Silence);
        assert!(start.elapsed() >= Duration::from_secs(19));
    }

    #[tokio::test(start_paused = true)]
    async fn the_deadline_ends_what_keeps_moving() {
        let deadline = Instant::now() + Duration::from_secs(15);
        let mut idle = Idle::new(Duration::from_secs(10), Some(deadline));
        tokio::time::advance(Duration::from_secs(9)).await;
        idle.reset();
        assert_eq!(poll_fn(|context| idle.poll_elapsed(context)).await, Elapsed::Deadline);
        assert_eq!(Instant::now(), deadline);
    }
}
