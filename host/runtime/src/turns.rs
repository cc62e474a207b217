//! Turns for guests that run for longer than a tick: half of the processors at most, so that a thread is left for everyone else.

use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many may have their turn at once. Who waits longest comes next.
#[derive(Clone, Debug)]
pub(crate) struct Turns(Arc<Semaphore>);

/// One call's part in them; dropping it gives up the turn.
#[derive(Debug)]
pub(crate) struct Turn {
    /// None for a call that holds no thread of those that serve requests.
    turns: Option<Turns>,
    held: Arc<Mutex<Option<OwnedSemaphorePermit>>>,
}

impl Turns {
    pub(crate) fn new() -> Turns {
        let processors = available_parallelism().map_or(1, NonZeroUsize::get);
        Turns::of((processors / 2).max(1))
    }

    fn of(count: usize) -> Turns {
        Turns(Arc::new(Semaphore::new(count)))
    }
}

impl Turn {
    pub(crate) fn new(turns: Option<Turns>) -> Turn {
        Turn { turns, held: Arc::default() }
    }

    /// Ends this turn, and waits for the next one.
    ///
    /// What else the thread has to do comes in between: first whatever is ready, then the guests that wait.
    pub(crate) fn next(&self) -> impl Future<Output = ()> + Send + use<> {
        let (turns, held) = (self.turns.clone(), self.held.clone());
        async move {
            tokio::task::yield_now().await;
            let Some(Turns(turns)) = turns else { return };
            // Given up before the next is asked for: the semaphore serves those first who have waited.
            drop(lock(&held).take());
            // Nobody closes it.
            let permit = turns.acquire_owned().await.ok();
            *lock(&held) = permit;
        }
    }

    pub(crate) fn give_up(&self) {
        drop(lock(&self.held).take());
    }
}

fn lock(held: &Mutex<Option<OwnedSemaphorePermit>>) -> MutexGuard<'_, Option<OwnedSemaphorePermit>> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn has_to_wait(turn: &Turn) -> bool {
        tokio::time::timeout(std::time::Duration::from_millis(20), turn.next()).await.is_err()
    }

    #[tokio::test]
    async fn no_more_have_their_turn_at_once_than_there_are_turns() {
        let turns = Turns::of(2);
        let [first, second, third] = [(); 3].map(|()| Turn::new(Some(turns.clone())));
        first.next().await;
        second.next().await;
        assert!(has_to_wait(&third).await);
        first.give_up();
        assert!(!has_to_wait(&third).await);
        // Whoever has one keeps it while nobody waits.
        second.next().await;
        assert!(has_to_wait(&first).await);
        drop(second);
        assert!(!has_to_wait(&first).await);
    }

    #[tokio::test]
    async fn who_waits_comes_before_who_goes_on() {
        let turns = Turns::of(1);
        let (busy, other) = (Turn::new(Some(turns.clone())), Turn::new(Some(turns)));
        busy.next().await;
        let waiting = tokio::spawn({
            let next = other.next();
            async move {
                next.await;
                other
            }
        });
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        assert!(has_to_wait(&busy).await);
        drop(waiting.await.unwrap());
        assert!(!has_to_wait(&busy).await);
    }

    #[tokio::test]
    async fn a_call_off_the_serving_threads_takes_no_turn() {
        let turn = Turn::new(None);
        turn.next().await;
        assert!(lock(&turn.held).is_none());
    }
}
