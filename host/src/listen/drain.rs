//! The end of a process in good order: first no new requests, then a deadline, then no more waiting.

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
    Draining { deadline: Instant },
    Ended,
}

impl Drain {
    pub fn new() -> (Drain, DrainWatch) {
        let (sender, receiver) = watch::channel(Stage::Serving);
        (Drain { stage: sender }, DrainWatch { stage: receiver })
    }

    /// The first signal: open requests may go on for `timeout`. Called again, it does not move the deadline.
    pub fn begin(&self, timeout: Duration) {
        self.stage.send_if_modified(|stage| {
            let begins = *stage == Stage::Serving;
            if begins {
                *stage = Stage::Draining { deadline: Instant::now() + timeout };
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
    pub fn is_draining(&self) -> bool {
        *self.stage.borrow() != Stage::Serving
    }

    /// Returns when draining begins. If nobody is left who could begin it, never.
    pub async fn begun(&mut self) {
        if self.stage.wait_for(|stage| *stage != Stage::Serving).await.is_err() {
            std::future::pending().await
        }
    }

    /// Returns when the deadline is reached, or the end is called for.
    pub async fn ended(&mut self) {
        loop {
            let stage = *self.stage.borrow_and_update();
            match stage {
                Stage::Ended => return,
                Stage::Draining { deadline } => tokio::select! {
                    () = sleep_until(deadline) => return,
                    changed = self.stage.changed() => if changed.is_err() {
                        return sleep_until(deadline).await;
                    },
                },
                Stage::Serving => {
                    if self.stage.changed().await.is_err() {
                        std::future::pending().await
                    }
                }
            }
        }
    }
}
