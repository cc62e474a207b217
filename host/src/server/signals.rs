//! Signals: the first SIGTERM or SIGINT drains, a second one ends at once, SIGHUP reads the
//! configuration and opens the log's file anew.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::change::Wanted;
use super::{Shared, notify};
use crate::listen::Drain;

/// From when this is made on, no signal is lost.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    pub(super) fn catch() -> io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }
}

pub(super) async fn watch(shared: Arc<Shared>, drain: Drain, signals: Signals) {
    let Signals { mut terminate, mut interrupt, mut hangup } = signals;
    loop {
        tokio::select! {
            () = either(&mut terminate, &mut interrupt) => {
                if shared.watch.is_draining() {
                    tracing::warn!("second signal: ending now");
                    shared.foundation.open.cut_at(Instant::now());
                    drain.end_now();
                } else {
                    let current = shared.generations.current();
                    let (limits, asked) = (&current.config.limits, current.config.admin.is_some());
                    // Nobody can ask whether we are ready where there is no admin listener.
                    let delay = if asked { limits.drain_delay } else { Duration::ZERO };
                    let drain_timeout = limits.drain_timeout;
                    let open = shared.foundation.open.count();
                    tracing::info!("draining: {open} open exchanges have {} seconds; a second signal ends at once", drain_timeout.as_secs());
                    shared.foundation.open.cut_at(Instant::now() + delay + drain_timeout);
                    drain.begin(delay, drain_timeout);
                    notify::tell("STOPPING=1");
                }
            }
            _ = hangup.recv() => {
                tracing::info!("SIGHUP: the configuration is read and the access log's file opened anew");
                shared.foundation.access_log.reopen();
                let shared = shared.clone();
                // Apart, so that a long build does not keep the process from ending; a refusal is in the log.
                drop(tokio::spawn(async move { shared.change(Wanted::File).await }));
            }
        }
    }
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
