//! Accepts clients' connections, serves HTTP on them, and lets them end in good order.

mod activity;
mod allowance;
mod aside;
mod connection;
mod drain;
mod first_bytes;
mod head_timer;
mod http1;
mod http2;
mod proxy_header;
mod report;
mod room;
mod service;
mod socket;
mod stall;
mod subject;
mod terms;
#[cfg(test)]
mod tests;
mod tls;
mod tunnel;
mod unread;

use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::FutureExt;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::sleep;

pub use allowance::Allowance;
use connection::{Accepted, Ground};
pub use drain::{Drain, DrainWatch};
use room::Rooms;
pub use service::{Answers, Service};
pub use socket::Door;
pub use terms::{Terms, TermsError};

use crate::chain::ClientConnection;
use crate::workers::Workers;

/// After a failure to accept, such as too many open files: trying again at once would burn a core.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A socket that is bound and listens.
pub struct Listener {
    socket: Arc<TcpListener>,
    address: SocketAddr,
    terms: Arc<ArcSwap<Terms>>,
}

/// Why an address cannot be listened on, and what to do.
#[derive(Debug, Error)]
#[error("cannot listen on {address}: {}", advice(source))]
pub struct BindError {
    pub address: SocketAddr,
    #[source]
    pub source: io::Error,
}

/// Who is at the other end of a request.
#[derive(Debug, Clone)]
pub struct ClientInfo {
    pub address: SocketAddr,
    /// Which of our addresses the client has reached.
    pub local: SocketAddr,
    pub connection: Arc<ClientConnection>,
}

impl Listener {
    /// Must be called within a Tokio runtime.
    pub fn bind(address: SocketAddr, terms: Terms) -> Result<Listener, BindError> {
        Listener::bind_beside(address, &[], terms)
    }

    /// On a port that other listeners of this process have, on addresses which cover this one or which it covers. Both listen
    /// from then on; each connection reaches the one whose address says more.
    pub fn bind_beside(address: SocketAddr, others: &[Door], terms: Terms) -> Result<Listener, BindError> {
        let bound = socket::bind(address, others).and_then(|socket| Listener::of(socket, terms));
        bound.map_err(|source| BindError { address, source })
    }

    /// Of a socket that listens already and does not block.
    pub fn adopt(socket: std::net::TcpListener, terms: Terms) -> Result<Listener, BindError> {
        let address = socket.local_addr();
        let adopted = TcpListener::from_std(socket).and_then(|socket| Listener::of(socket, terms));
        adopted.map_err(|source| BindError { address: address.unwrap_or(SocketAddr::from(([0, 0, 0, 0], 0))), source })
    }

    fn of(socket: TcpListener, terms: Terms) -> io::Result<Listener> {
        let address = socket.local_addr()?;
        Ok(Listener { socket: Arc::new(socket), address, terms: Arc::new(ArcSwap::from_pointee(terms)) })
    }

    /// With the port that the system chose for port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn door(&self) -> Door {
        Door::of(&self.socket)
    }

    /// For connections that are accepted from then on, whatever is stored here holds.
    pub fn terms(&self) -> Arc<ArcSwap<Terms>> {
        self.terms.clone()
    }

    /// Serves until `drain` closes the door, and then until every connection has ended, at most to the drain's deadline.
    ///
    /// Above the limit of connections, further ones wait in the system's queue.
    /// A connection that waits longer than the head's time for its next request is closed, and so is one whose client takes
    /// no byte of an answer for the idle time of bodies.
    pub async fn serve<S: Service>(self, workers: Arc<Workers>, allowance: Allowance, drain: DrainWatch, service: S) {
        let service = Arc::new(service);
        let rooms = Arc::new(Rooms::new());
        let mut connections = JoinSet::new();
        let cut = Arc::new(AtomicBool::new(false));
        let mut draining = drain.clone();
        // Once the door closes: so many more may be in the system's queue, and are not sent away.
        let mut last = None;
        loop {
            let (stream, peer, permit) = tokio::select! {
                biased;
                () = draining.closes(), if last.is_none() => {
                    last = Some(socket::BACKLOG);
                    continue;
                }
                Some(_) = connections.join_next() => continue,
                accepted = self.accept(allowance.connections()), if last.is_none() => accepted,
                waiting = async { self.waiting(allowance.connections()) }, if last.is_some() => {
                    last = last.and_then(|last| last.checked_sub(1));
                    match waiting.filter(|_| last.is_some()) {
                        Some(accepted) => accepted,
                        None => break,
                    }
                }
            };
            // Only a socket that is already broken has no address of its own.
            let local = stream.local_addr().unwrap_or(self.address);
            // Without it, small answers wait for the client's acknowledgements. A failure costs time, not correctness.
            let _ = stream.set_nodelay(true);
            let ground = Ground {
                terms: self.terms.load_full(),
                allowance: allowance.clone(),
                drain: drain.clone(),
                service: Arc::clone(&service),
                rooms: rooms.clone(),
                cut: cut.clone(),
            };
            // It leaves this event loop for the one of its worker.
            let Ok(stream) = stream.into_std() else { continue };
            let seat = workers.seat();
            let runtime = seat.runtime().clone();
            let serving = async move {
                let Ok(stream) = TcpStream::from_std(stream) else { return };
                let accepted = Accepted { stream, peer, local };
                // hyper itself may panic, too; the permit is given back in any case. In one expression, so that a connection
                // has the room for this future once.
                let served = AssertUnwindSafe(connection::serve(accepted, ground)).catch_unwind().await;
                if served.is_err() {
                    report::connection_panicked(peer);
                }
                drop((seat, permit));
            };
            connections.spawn_on(serving, &runtime);
        }
        // Closed before the wait: clients must find another process, or be told at once that there is none.
        drop(self.socket);
        tokio::select! {
            () = async { while connections.join_next().await.is_some() {} } => {}
            () = draining.ended() => {
                cut.store(true, Ordering::Release);
                report::cut_by_deadline(connections.len());
                connections.shutdown().await;
            }
        }
    }

    /// Who is to be accepted and can be served at once.
    fn waiting(&self, permits: &Arc<Semaphore>) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        let permit = Arc::clone(permits).try_acquire_owned().ok()?;
        let (stream, peer) = socket::waiting(&self.socket)?;
        Some((TcpStream::from_std(stream).ok()?, peer, permit))
    }

    /// The permit comes first, so that a connection is not accepted before it can be served.
    async fn accept(&self, permits: &Arc<Semaphore>) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
        loop {
            let Ok(permit) = Arc::clone(permits).acquire_owned().await else {
                // The semaphore is never closed; to wait is right in any case.
                std::future::pending::<()>().await;
                continue;
            };
            match self.socket.accept().await {
                Ok((stream, address)) => return (stream, address, permit),
                Err(error) if is_of_one_client(&error) => {}
                Err(error) => {
                    report::cannot_accept(self.address, &error);
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// The client gave up between the system's accepting and ours.
fn is_of_one_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

fn advice(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another process has this port; stop it, or choose another port for the listener".to_owned()
        }
        io::ErrorKind::PermissionDenied => {
            "this user may not use this port; choose one above 1023, or grant the capability to bind lower ones"
                .to_owned()
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address; use one of its own, or 0.0.0.0 or [::] for all".to_owned()
        }
        _ => error.to_string(),
    }
}
