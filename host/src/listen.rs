//! Accepts clients' connections, serves HTTP/1.1 on them, and lets them end in good order.

mod aside;
mod drain;
mod report;
mod room;
mod stall;
#[cfg(test)]
mod tests;
mod tunnel;

use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::sleep;

use aside::{Aside, First};
pub use drain::{Drain, DrainWatch};
use room::Rooms;
use stall::StallGuard;

use crate::chain::ClientConnection;
use crate::config::Limits;
use crate::workers::Workers;

/// Connections that the system has accepted and we have not, per listener.
const BACKLOG: u32 = 1024;

/// After a failure to accept, such as too many open files: trying again at once would burn a core.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What is read ahead of a body, in bytes, unless the head may be longer.
const READ_BUFFER_BYTES: usize = 128 * 1024;

/// hyper keeps so many fields on the stack, and allocates for any other number.
const HEADERS_ON_STACK: usize = 100;

/// A socket that is bound and listens.
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
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

/// What a listener allows; shared by all listeners of a process.
#[derive(Clone)]
pub struct Allowance {
    /// For connections that are yet to come.
    next: Arc<ArcSwap<ConnectionLimits>>,
    connections: Arc<Semaphore>,
    connections_max: usize,
}

/// What one connection is allowed for its whole life.
struct ConnectionLimits {
    builder: http1::Builder,
    stall_max: Duration,
}

impl Allowance {
    pub fn new(limits: &Limits) -> Allowance {
        let connections_max = limits.connections_max.clamp(1, Semaphore::MAX_PERMITS);
        Allowance {
            next: Arc::new(ArcSwap::from_pointee(ConnectionLimits::of(limits))),
            connections: Arc::new(Semaphore::new(connections_max)),
            connections_max,
        }
    }

    /// For connections that are accepted from here on. The number of them stays as it is.
    pub fn change(&self, limits: &Limits) {
        self.next.store(Arc::new(ConnectionLimits::of(limits)));
    }

    /// Connections open now. Each of the `listeners` holds a place for the next one, which is not counted.
    pub fn connections_open(&self, listeners: usize) -> usize {
        self.connections_max.saturating_sub(self.connections.available_permits()).saturating_sub(listeners)
    }
}

impl Listener {
    /// Must be called within a Tokio runtime.
    pub fn bind(address: SocketAddr) -> Result<Listener, BindError> {
        Listener::try_bind(address).map_err(|source| BindError { address, source })
    }

    fn try_bind(address: SocketAddr) -> io::Result<Listener> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // A restart must not wait for the connections of the process before to be forgotten.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let socket = socket.listen(BACKLOG)?;
        let address = socket.local_addr()?;
        Ok(Listener { socket, address })
    }

    /// With the port that the system chose for port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `drain` begins, and then until every connection has ended, at most to the drain's deadline.
    ///
    /// The service is called for each request. Its error, a panic and a broken body end the connection, not the process.
    /// Above the limit of connections, further ones wait in the system's queue.
    /// A connection that waits longer than the head's time for its next request is closed, and so is one whose client takes
    /// no byte of an answer for the idle time of bodies.
    pub async fn serve<S, F, B, E>(self, workers: Arc<Workers>, allowance: Allowance, drain: DrainWatch, service: S)
    where
        S: Fn(Request<Incoming>, ClientInfo) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Response<B>, E>> + Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
    {
        let rooms = Arc::new(Rooms::new());
        // The future is moved several times on its way into the connection, if it is not put away here.
        let service = Arc::new(move |request, client| rooms.lodge(service(request, client)));
        let mut connections = JoinSet::new();
        let mut draining = drain.clone();
        loop {
            let (stream, address, permit) = tokio::select! {
                biased;
                () = draining.begun() => break,
                Some(_) = connections.join_next() => continue,
                accepted = self.accept(&allowance.connections) => accepted,
            };
            // Only a socket that is already broken has no address of its own.
            let local = stream.local_addr().unwrap_or(self.address);
            // Without it, small answers wait for the client's acknowledgements. A failure costs time, not correctness.
            let _ = stream.set_nodelay(true);
            let limits = allowance.next.load_full();
            let client = ClientInfo { address, local, connection: Arc::new(ClientConnection::new(address.ip())) };
            let (service, drain) = (Arc::clone(&service), drain.clone());
            // It leaves this event loop for the one of its worker.
            let Ok(stream) = stream.into_std() else { continue };
            let seat = workers.seat();
            let runtime = seat.runtime().clone();
            let serving = async move {
                let Ok(stream) = TcpStream::from_std(stream) else { return };
                let stream = StallGuard::new(stream, limits.stall_max);
                let serving = serve_connection(&limits.builder, stream, &client, drain, service);
                // hyper itself may panic, too; the permit is given back in any case.
                let served = AssertUnwindSafe(serving).catch_unwind().await;
                if served.is_err() {
                    report::connection_panicked(&client);
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
                let cut = connections.len();
                connections.shutdown().await;
                report::cut_by_deadline(cut);
            }
        }
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

impl ConnectionLimits {
    fn of(limits: &Limits) -> ConnectionLimits {
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_timeout)
            .max_header_size(limits.head_bytes_max)
            .max_buf_size(READ_BUFFER_BYTES.max(limits.head_bytes_max))
            .half_close(false)
            .keep_alive(true);
        if limits.headers_max != HEADERS_ON_STACK {
            builder.max_headers(limits.headers_max);
        }
        ConnectionLimits { builder, stall_max: limits.body_idle_timeout }
    }
}

/// What comes between a connection and its end.
enum Interrupt {
    /// It must end now.
    End,
    /// The process comes to its end.
    Drain,
}

async fn serve_connection<S, F, B, E>(
    builder: &http1::Builder,
    stream: StallGuard,
    client: &ClientInfo,
    mut drain: DrainWatch,
    service: Arc<S>,
) where
    S: Fn(Request<Incoming>, ClientInfo) -> F,
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let tunnel = tunnel::Slot::default();
    let service = service_fn(|request| {
        service(request, client.clone()).map(|mut answer| {
            answer.iter_mut().for_each(|response| tunnel.keep_of(response));
            answer
        })
    });
    let mut connection = builder.serve_connection(TokioIo::new(stream), service).with_upgrades();
    let ended = client.connection.clone();
    let mut interrupted = Aside::new(async move {
        tokio::select! {
            () = ended.wanted() => Interrupt::End,
            () = drain.begun() => Interrupt::Drain,
        }
    });
    let result = match interrupted.beside(&mut connection).await {
        First::Work(result) => result,
        First::Aside(Interrupt::End) => return,
        First::Aside(Interrupt::Drain) => {
            // Ends an idle connection now, and one in use after its answer, which says `connection: close`.
            Pin::new(&mut connection).graceful_shutdown();
            tokio::select! {
                biased;
                result = &mut connection => result,
                () = client.connection.wanted() => return,
            }
        }
    };
    if result.is_ok() {
        // Boxed, so that connections without one do not carry the room for it.
        return Box::pin(async {
            tokio::select! {
                () = tunnel.run() => {}
                () = client.connection.wanted() => {}
            }
        })
        .await;
    }
    if let Err(error) = result {
        // The head's time also runs while a connection waits for its next request, and then its end is in order.
        let is_quiet = || connection.into_parts().is_some_and(|parts| parts.read_buf.is_empty());
        let idle = error.is_timeout() && is_quiet();
        if !idle {
            report::connection_failed(client, &error);
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
