//! Signals: the first SIGTERM or SIGINT drains, a second one ends at once, SIGHUP reads the
//! configuration and opens the log's file anew.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Shared;
use super::change::Wanted;
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
                    let drain_timeout = shared.generations.current().config.limits.drain_timeout;
                    let open = shared.foundation.open.count();
                    tracing::info!("draining: {open} open exchanges have {} seconds; a second signal ends at once", drain_timeout.as_secs());
                    shared.foundation.open.cut_at(Instant::now() + drain_timeout);
                    drain.begin(drain_timeout);
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
