//! Signals: the first SIGTERM or SIGINT drains, a second one ends at once, SIGHUP opens the log's file anew.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Shared;
use crate::listen::Drain;

pub(super) async fn watch(shared: Arc<Shared>, drain: Drain, drain_timeout: Duration) {
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()), signal(SignalKind::hangup()));
    let (Ok(mut terminate), Ok(mut interrupt), Ok(mut hangup)) = signals else {
        tracing::error!("signals cannot be received; the gateway will not drain when it is ended");
        return std::future::pending().await;
    };
    loop {
        tokio::select! {
            () = either(&mut terminate, &mut interrupt) => {
                if shared.watch.is_draining() {
                    tracing::warn!("second signal: ending now");
                    shared.foundation.open.cut_at(Instant::now());
                    drain.end_now();
                } else {
                    let open = shared.foundation.open.count();
                    tracing::info!("draining: {open} open exchanges have {} seconds; a second signal ends at once", drain_timeout.as_secs());
                    shared.foundation.open.cut_at(Instant::now() + drain_timeout);
                    drain.begin(drain_timeout);
                }
            }
            _ = hangup.recv() => {
                tracing::info!("SIGHUP: the access log's file is opened anew");
                shared.foundation.access_log.reopen();
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
