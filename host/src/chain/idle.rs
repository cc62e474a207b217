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
    /// Since when it has been waited for; a pause of whoever asks is no silence of whoever sends.
    waiting_since: Option<Instant>,
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
        Idle { limit, deadline, waiting_since: None, timer: None }
    }

    /// Something moved.
    pub(super) fn reset(&mut self) {
        self.waiting_since = None;
    }

    /// The whole has taken too long, however well it moves.
    pub(super) fn is_past_deadline(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// To be asked when nothing can move now.
    pub(super) fn poll_elapsed(&mut self, context: &mut Context<'_>) -> Poll<Elapsed> {
        loop {
            let silent_at = *self.waiting_since.get_or_insert_with(Instant::now) + self.limit;
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

    const SHORT: Duration = Duration::from_millis(40);

    #[tokio::test]
    async fn silence_counts_from_the_last_movement() {
        let mut idle = Idle::new(SHORT, None);
        tokio::time::sleep(SHORT / 2).await;
        let moved = Instant::now();
        idle.reset();
        assert_eq!(poll_fn(|context| idle.poll_elapsed(context)).await, Elapsed::Silence);
        assert!(moved.elapsed() >= SHORT);
    }

    #[tokio::test]
    async fn silence_begins_when_somebody_waits() {
        let mut idle = Idle::new(SHORT, None);
        tokio::time::sleep(SHORT * 2).await;
        let asked = Instant::now();
        assert_eq!(poll_fn(|context| idle.poll_elapsed(context)).await, Elapsed::Silence);
        assert!(asked.elapsed() >= SHORT);
    }

    #[tokio::test]
    async fn the_deadline_ends_what_keeps_moving() {
        let deadline = Instant::now() + SHORT;
        let mut idle = Idle::new(SHORT * 100, Some(deadline));
        idle.reset();
        assert_eq!(poll_fn(|context| idle.poll_elapsed(context)).await, Elapsed::Deadline);
        assert!(Instant::now() >= deadline);
    }
}
