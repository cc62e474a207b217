//! An upstream's connection on which another protocol is spoken from here on.

use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;

use super::UpstreamError;
use super::connect::Wire;
use super::error::chain;
use super::health::UnderWay;
use super::pool::Lease;

/// There once the connection's task has handed it over, which it does next.
pub struct Switched {
    pub(super) upgrade: OnUpgrade,
    pub(super) held: Held,
    pub(super) upstream: String,
}

/// The right to the connection. Not to be dropped before the connection is.
pub struct Held {
    pub(super) _lease: Lease,
    pub(super) _under_way: Option<UnderWay>,
}

impl Held {
    /// Closes the connection so that the upstream cannot take it for an end in good order.
    pub fn reset(self, upgraded: Upgraded) {
        if let Ok(parts) = upgraded.downcast::<TokioIo<Wire>>() {
            parts.io.into_inner().reset();
        }
    }
}

impl Switched {
    pub async fn opened(self) -> Result<(Upgraded, Held), UpstreamError> {
        match self.upgrade.await {
            Ok(upgraded) => Ok((upgraded, self.held)),
            Err(error) => Err(UpstreamError::Lost { upstream: self.upstream, why: chain(&error) }),
        }
    }
}
