//! What becomes of a client's connection once HTTP/1.1 has ended on it with a 101.

use std::marker::PhantomData;
use std::sync::{Mutex, PoisonError};

use http::Response;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::server::TlsStream;

use super::stall::StallGuard;
use super::unread::OwnAnswers;
use crate::chain::Tunnel;

/// A client's connection, in clear text or not.
pub(super) trait Resettable: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    /// Closes it so that nobody can take it for an end in good order.
    fn reset(self);
}

impl Resettable for StallGuard {
    fn reset(self) {
        StallGuard::reset(self);
    }
}

impl Resettable for Box<TlsStream<StallGuard>> {
    fn reset(self) {
        self.into_inner().0.reset();
    }
}

/// Holds the tunnel of one connection until its 101 is written. Dropped with the connection, it closes both ends.
pub(super) struct Slot<IO> {
    tunnel: Mutex<Option<Tunnel>>,
    io: PhantomData<fn(IO)>,
}

impl<IO: Resettable> Slot<IO> {
    pub(super) fn of(_io: &IO) -> Slot<IO> {
        Slot { tunnel: Mutex::default(), io: PhantomData }
    }

    /// Of a response that ends HTTP on its connection.
    pub(super) fn keep_of<B>(&self, response: &mut Response<B>) {
        *self.tunnel.lock().unwrap_or_else(PoisonError::into_inner) = Tunnel::taken_from(response);
    }

    /// To its end, if there is one.
    pub(super) async fn run(&self) {
        let tunnel = self.tunnel.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(tunnel) = tunnel else { return };
        let to_reset = tunnel.run().await.and_then(|upgraded| upgraded.downcast::<TokioIo<OwnAnswers<IO>>>().ok());
        if let Some(parts) = to_reset {
            parts.io.into_inner().into_inner().reset();
        }
    }
}
