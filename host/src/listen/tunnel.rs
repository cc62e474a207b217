//! What becomes of a client's connection once HTTP/1.1 has ended on it with a 101.

use std::sync::{Mutex, PoisonError};

use http::{Response, StatusCode};
use hyper_util::rt::TokioIo;

use super::stall::StallGuard;
use crate::chain::Tunnel;

/// Holds the tunnel of one connection until its 101 is written. Dropped with the connection, it closes both ends.
#[derive(Default)]
pub(super) struct Slot(Mutex<Option<Tunnel>>);

impl Slot {
    /// Of a response that ends HTTP on its connection; costs the others a comparison.
    pub(super) fn keep_of<B>(&self, response: &mut Response<B>) {
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Tunnel::taken_from(response);
        }
    }

    /// To its end, if there is one.
    pub(super) async fn run(&self) {
        let tunnel = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(tunnel) = tunnel else { return };
        let to_reset = tunnel.run().await.and_then(|upgraded| upgraded.downcast::<TokioIo<StallGuard>>().ok());
        if let Some(parts) = to_reset {
            parts.io.into_inner().reset();
        }
    }
}
