//! Requests that are made only to be taken back (rapid reset): each costs the client two frames, and us a request upstream.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::chain::ClientConnection;
use crate::listen::allowance::{Allowance, Closed};

/// From so many on they are held against the connection, if they are more than half of its requests.
const WITHDRAWN_MAX: u32 = 100;
/// A client that has waited so long may have its reasons.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) struct Withdrawals {
    allowance: Allowance,
    asked: AtomicU32,
    withdrawn: AtomicU32,
    /// The connection was ended for it.
    is_over: AtomicBool,
}

/// A request that waits for its answer's head.
pub(super) struct Asked {
    of: Arc<Withdrawals>,
    connection: Arc<ClientConnection>,
    /// None once it is answered.
    since: Option<Instant>,
}

impl Withdrawals {
    pub(super) fn new(allowance: Allowance) -> Withdrawals {
        Withdrawals {
            allowance,
            asked: AtomicU32::new(0),
            withdrawn: AtomicU32::new(0),
            is_over: AtomicBool::new(false),
        }
    }

    pub(super) fn asked(self: &Arc<Withdrawals>, connection: &Arc<ClientConnection>) -> Asked {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Asked { of: self.clone(), connection: connection.clone(), since: Some(Instant::now()) }
    }
}

impl Asked {
    pub(super) fn answered(mut self) {
        self.since = None;
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let Some(since) = self.since else { return };
        if since.elapsed() > PATIENCE {
            return;
        }
        let withdrawn = self.of.withdrawn.fetch_add(1, Ordering::Relaxed) + 1;
        if withdrawn >= WITHDRAWN_MAX && withdrawn > self.of.asked.load(Ordering::Relaxed) / 2 {
            // Once: those that its end withdraws come here as well.
            if !self.of.is_over.swap(true, Ordering::Relaxed) {
                self.of.allowance.closed(Closed::Http2Abuse);
                tracing::info!(
                    client = %self.connection.address, fault = "client",
                    "the client takes its requests back as soon as it has made them; its connection was closed"
                );
            }
            self.connection.end();
        }
    }
}
