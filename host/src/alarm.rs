//! A limit of time for one thing after another, such as the requests of a connection.
//!
//! To set a timer of the event loop and to take it back costs some 700 instructions, and nearly all are taken back. So an alarm has
//! one timer and leaves it running when it is not needed any more: it is set anew only when it rings too early.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep, sleep_until};

/// Costs a timer only for those who wait.
#[derive(Default)]
pub struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Ready once it is `due`.
    pub fn poll(&mut self, due: Instant, context: &mut Context<'_>) -> Poll<()> {
        let timer = self.0.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if timer.deadline() > due {
            timer.as_mut().reset(due);
        }
        loop {
            ready!(timer.as_mut().poll(context));
            if Instant::now() >= due {
                return Poll::Ready(());
            }
            timer.as_mut().reset(due);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use super::*;

    const SHORT: Duration = Duration::from_millis(40);

    #[tokio::test]
    async fn one_alarm_serves_one_limit_after_another_whether_they_were_reached_or_not() {
        let mut alarm = Alarm::default();
        for (limit, waits) in [(SHORT, true), (SHORT * 2, true), (SHORT * 100, false), (SHORT, true), (SHORT * 2, true)]
        {
            let due = Instant::now() + limit;
            let rings = poll_fn(|context| alarm.poll(due, context));
            match waits {
                true => rings.await,
                false => assert!(tokio::time::timeout(SHORT, rings).await.is_err()),
            }
            assert_eq!(Instant::now() >= due, waits);
        }
    }

    #[tokio::test]
    async fn one_that_was_set_for_something_over_does_not_ring_for_the_next() {
        let mut alarm = Alarm::default();
        let over = Instant::now() + SHORT;
        assert!(poll_fn(|context| Poll::Ready(alarm.poll(over, context))).await.is_pending());
        tokio::time::sleep(SHORT * 2).await;
        let due = Instant::now() + SHORT * 2;
        poll_fn(|context| alarm.poll(due, context)).await;
        assert!(Instant::now() >= due);
    }
}
