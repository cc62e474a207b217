//! The end of a process in good order: first nobody is told to stay, then nobody is let in, then a deadline, then no more waiting.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Held by whoever decides when to end.
pub struct Drain {
    stage: watch::Sender<Stage>,
}

/// Held by everyone who must end.
#[derive(Clone)]
pub struct DrainWatch {
    stage: watch::Receiver<Stage>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Serving,
    Draining { closes: Instant, deadline: Instant },
    Ended,
}

impl Stage {
    fn earlier(self, other: Stage) -> Stage {
        match (self, other) {
            (Stage::Ended, _) | (_, Stage::Ended) => Stage::Ended,
            (Stage::Serving, stage) | (stage, Stage::Serving) => stage,
            (Stage::Draining { closes, deadline }, Stage::Draining { closes: closes_too, deadline: deadline_too }) => {
                Stage::Draining { closes: closes.min(closes_too), deadline: deadline.min(deadline_too) }
            }
        }
    }
}

impl Drain {
    pub fn new() -> (Drain, DrainWatch) {
        let (sender, receiver) = watch::channel(Stage::Serving);
        (Drain { stage: sender }, DrainWatch { stage: receiver })
    }

    /// The first signal: for `delay`, connections are still accepted, and open requests may go on for `timeout` after that.
    /// Called again, it moves nothing.
    pub fn begin(&self, delay: Duration, timeout: Duration) {
        self.stage.send_if_modified(|stage| {
            let begins = *stage == Stage::Serving;
            if begins {
                let closes = Instant::now() + delay;
                *stage = Stage::Draining { closes, deadline: closes + timeout };
            }
            begins
        });
    }

    /// The second signal: nobody is waited for any longer.
    pub fn end_now(&self) {
        self.stage.send_replace(Stage::Ended);
    }
}

impl DrainWatch {
    /// For a part of what ends: it can end earlier, and ends with the whole in any case.
    ///
    /// Must be called within a Tokio runtime.
    pub fn with_own_end(&self) -> (Drain, DrainWatch) {
        let (drain, watch) = Drain::new();
        let (mut whole, part) = (self.stage.clone(), drain.stage.clone());
        tokio::spawn(async move {
            loop {
                let of_whole = *whole.borrow_and_update();
                part.send_if_modified(|stage| std::mem::replace(stage, stage.earlier(of_whole)) != *stage);
                tokio::select! {
                    changed = whole.changed() => if changed.is_err() { return },
                    // Nobody is left who would be told.
                    () = part.closed() => return,
                }
            }
        });
        (drain, watch)
    }

    pub fn is_draining(&self) -> bool {
        *self.stage.borrow() != Stage::Serving
    }

    /// Returns when draining begins. If nobody is left who could begin it, never.
    pub async fn begun(&mut self) {
        if self.stage.wait_for(|stage| *stage != Stage::Serving).await.is_err() {
            std::future::pending().await
        }
    }

    /// Returns when no further connection is to be accepted.
    pub async fn closes(&mut self) {
        self.reaches(|closes, _| closes).await;
    }

    /// Returns when the deadline is reached, or the end is called for.
    pub async fn ended(&mut self) {
        self.reaches(|_, deadline| deadline).await;
    }

    /// Which of the two instants of a drain; the end comes before either.
    async fn reaches(&mut self, which: impl Fn(Instant, Instant) -> Instant) {
        loop {
            let stage = *self.stage.borrow_and_update();
            match stage {
                Stage::Ended => return,
                Stage::Draining { closes, deadline } => {
                    let instant = which(closes, deadline);
                    tokio::select! {
                        () = sleep_until(instant) => return,
                        changed = self.stage.changed() => if changed.is_err() {
                            return sleep_until(instant).await;
                        },
                    }
                }
                Stage::Serving => {
                    if self.stage.changed().await.is_err() {
                        std::future::pending().await
                    }
                }
            }
        }
    }
}
