//! What ends an answer that still moves or has stopped to: silence, the route's deadline, the end of its generation.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::open::GenerationExchanges;

/// Costs a timer only for those who wait, and sets it anew only when it rings.
pub(super) struct Idle {
    limit: Duration,
    /// The whole must be over by then, silence or not.
    deadline: Option<Instant>,
    /// Since when it has been waited for; a pause of whoever asks is no silence of whoever sends.
    waiting_since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    exchanges: Arc<GenerationExchanges>,
    /// Made when it is first waited for.
    ended: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

/// Which of them it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Elapsed {
    Silence,
    Deadline,
    /// The generation was ended.
    Generation,
}

impl Idle {
    pub(super) fn new(limit: Duration, deadline: Option<Instant>, exchanges: Arc<GenerationExchanges>) -> Idle {
        Idle { limit, deadline, waiting_since: None, timer: None, exchanges, ended: None }
    }

    /// Something moved.
    pub(super) fn reset(&mut self) {
        self.waiting_since = None;
    }

    /// What ends the whole however well it moves.
    pub(super) fn is_over(&self) -> Option<Elapsed> {
        if self.exchanges.is_ended() {
            return Some(Elapsed::Generation);
        }
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline).then_some(Elapsed::Deadline)
    }

    /// To be asked when nothing can move now.
    pub(super) fn poll_elapsed(&mut self, context: &mut Context<'_>) -> Poll<Elapsed> {
        let exchanges = &self.exchanges;
        let ended = self.ended.get_or_insert_with(|| Box::pin(exchanges.ended()));
        if ended.as_mut().poll(context).is_ready() {
            return Poll::Ready(Elapsed::Generation);
        }
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

    fn idle(limit: Duration, deadline: Option<Instant>) -> Idle {
        Idle::new(limit, deadline, Arc::new(GenerationExchanges::new(Arc::default())))
    }

    #[tokio::test]
    async fn silence_counts_from_the_last_movement() {
        let mut idle = idle(SHORT, None);
        tokio::time::sleep(SHORT / 2).await;
        let moved = Instant::now();
        idle.reset();
        assert_eq!(poll_fn(|context| idle.poll_elapsed(context)).await, Elapsed::Silence);
        assert!(moved.elapsed() >= SHORT);
    }

    #[tokio::test]
    async fn silence_begins_when_somebody_waits() {
        let mut idle = idle(SHORT, None);
        tokio::time::sleep(SHORT * 2).await;
        let asked = Instant::now();
        assert_eq!(poll_fn(|context| idle.poll_elapsed(context)).await, Elapsed::Silence);
        assert!(asked.elapsed() >= SHORT);
    }

    #[tokio::test]
    async fn the_deadline_ends_what_keeps_moving() {
        let deadline = Instant::now() + SHORT;
        let mut idle = idle(SHORT * 100, Some(deadline));
        idle.reset();
        assert_eq!(poll_fn(|context| idle.poll_elapsed(context)).await, Elapsed::Deadline);
        assert!(Instant::now() >= deadline);
    }

    #[tokio::test]
    async fn the_end_of_its_generation_ends_what_waits_and_what_moves() {
        let exchanges = Arc::new(GenerationExchanges::new(Arc::default()));
        let mut idle = Idle::new(SHORT * 100, None, exchanges.clone());
        assert_eq!(idle.is_over(), None);
        let waiting = tokio::spawn(async move { (poll_fn(|context| idle.poll_elapsed(context)).await, idle) });
        tokio::task::yield_now().await;
        exchanges.end();
        let (elapsed, idle) = waiting.await.unwrap();
        assert_eq!(elapsed, Elapsed::Generation);
        assert_eq!(idle.is_over(), Some(Elapsed::Generation));
    }
}
