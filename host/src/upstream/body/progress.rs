//! How far a request's body is on its way, and since when its upstream is waited for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::upstream::error::BoxError;

/// Shared between the connection that reads it and the exchange that waits for an answer.
#[derive(Default)]
pub(in crate::upstream) struct Progress {
    sent: AtomicBool,
    /// None where there was nothing to send.
    sent_at: OnceLock<Instant>,
    became_sent: Notify,
    error: Mutex<Option<BoxError>>,
    stage: Mutex<Stage>,
}

/// What a request waits for.
#[derive(Debug, Clone, Copy, Default)]
enum Stage {
    /// Its turn among those of this gateway.
    #[default]
    Queued,
    /// A connection, since then.
    Connecting(Instant),
    /// To be sent and answered; it was handed to a connection then.
    Handed(Instant),
}

impl Progress {
    pub(super) fn set_sent(&self) {
        self.sent_at.get_or_init(Instant::now);
        self.sent.store(true, Ordering::Release);
        self.became_sent.notify_waiters();
    }

    /// There is nothing to send but the head, and nobody waits yet.
    pub(super) fn set_sent_with_head(&self) {
        self.sent.store(true, Ordering::Release);
    }

    pub(in crate::upstream) fn is_sent(&self) -> bool {
        self.sent.load(Ordering::Acquire)
    }

    /// It is the request's turn to have a connection.
    pub(in crate::upstream) fn connecting(&self) {
        self.set_stage(Stage::Connecting(Instant::now()));
    }

    /// The request is given to a connection. Returns when that is.
    pub(in crate::upstream) fn handed(&self) -> Instant {
        let now = Instant::now();
        self.set_stage(Stage::Handed(now));
        now
    }

    fn set_stage(&self, stage: Stage) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }

    /// How long it is the upstream that is waited for: for a connection, or for an answer to all of the request.
    pub(in crate::upstream) fn waited(&self) -> Option<Duration> {
        let stage = *self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        match stage {
            Stage::Queued => None,
            Stage::Connecting(since) => Some(since.elapsed()),
            Stage::Handed(since) => {
                let sent_at = self.sent_at.get().map_or(since, |sent_at| since.max(*sent_at));
                self.is_sent().then(|| sent_at.elapsed())
            }
        }
    }

    /// Waits until the last byte of the body was handed to the connection. Returns when that was, if there was one.
    pub(in crate::upstream) async fn sent(&self) -> Option<Instant> {
        if !self.is_sent() {
            let became_sent = self.became_sent.notified();
            // It may have been just before.
            if !self.is_sent() {
                became_sent.await;
            }
        }
        self.sent_at.get().copied()
    }

    pub(super) fn fail(&self, error: BoxError) {
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    pub(in crate::upstream) fn take_error(&self) -> Option<BoxError> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
