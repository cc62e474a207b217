//! The admin listener: health, readiness, metrics and a summary of the running config, for this machine alone.
//!
//! It listens on a loopback address or a Unix socket, and nowhere else. `/health` and `/ready` are open to whoever can
//! connect; everything else wants the token of the token file. On TCP, a request whose `Host` is no loopback name is refused
//! whatever its token: a web page that points its own name at 127.0.0.1 stays outside.
//!
//! | endpoint | token | answer |
//! |---|---|---|
//! | `GET /health` | no | 200 while the process serves at all |
//! | `GET /ready` | no | 200 while it takes requests; 503 and why while not |
//! | `GET /metrics` | yes | OpenMetrics text |
//! | `GET /config` | yes | routes, chains and upstreams as JSON, without any secret |
//!
//! Each connection serves one request.

mod answer;
mod listener;
#[cfg(test)]
mod tests;
mod token;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use self::answer::Service;
use self::listener::{Listener, Stream};
use self::token::Token;
pub use self::token::TokenError;
use crate::config::{Admin, AdminAddress};

/// Connections served at once; further ones wait in the listen queue.
pub const CONNECTIONS_MAX: usize = 64;
/// From the first byte of a request's head to its last.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// A whole connection, so that a client that does not read its answer keeps no place for ever.
pub const CONNECTION_MAX: Duration = Duration::from_secs(30);
pub const HEAD_BYTES_MAX: usize = 16 * 1024;
pub const HEADERS_MAX: usize = 64;
/// How long open connections may go on once the server is told to end.
pub const CLOSE_MAX: Duration = Duration::from_secs(1);
/// After a failed accept, which is mostly a want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the listener reports. Implemented by the server; no answer may hold a secret.
pub trait AdminState: Send + Sync + 'static {
    /// Err: why new requests should go elsewhere, in one sentence.
    fn ready(&self) -> Result<(), String>;
    /// OpenMetrics text.
    fn metrics_text(&self) -> String;
    /// Routes, chains and upstreams.
    fn summary(&self) -> serde_json::Value;
}

#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    #[error("the admin address {0} is not a loopback address; use 127.0.0.1, [::1] or a Unix socket")]
    NotLoopback(SocketAddr),
    #[error("the admin address {address} cannot be listened on: {source}")]
    Bind { address: String, source: io::Error },
    #[error("another process listens on the admin socket {}; end it or choose another path", .0.display())]
    SocketInUse(PathBuf),
    #[error("{} exists and is no socket; remove it or choose another path for the admin socket", .0.display())]
    NotASocket(PathBuf),
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// Bound, and not yet serving.
#[derive(Debug)]
pub struct AdminServer {
    listener: Listener,
    service: Arc<Service>,
    timeouts: Timeouts,
}

#[derive(Debug, Clone, Copy)]
struct Timeouts {
    head: Duration,
    connection: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts { head: HEAD_TIMEOUT, connection: CONNECTION_MAX }
    }
}

impl AdminServer {
    /// Reads the token file, or makes it, and listens.
    pub async fn bind(admin: &Admin, state: Arc<dyn AdminState>) -> Result<AdminServer, AdminError> {
        let token = Token::load_or_create(&admin.token_file)?;
        let listener = Listener::bind(&admin.address).await?;
        let loopback_hosts_only = matches!(admin.address, AdminAddress::Tcp(_));
        let service = Arc::new(Service { state, token, loopback_hosts_only });
        Ok(AdminServer { listener, service, timeouts: Timeouts::default() })
    }

    /// Where it listens, with the port that the system chose.
    pub fn address(&self) -> &AdminAddress {
        self.listener.address()
    }

    /// Serves until `shutdown` is ready, then lets open connections end for at most [`CLOSE_MAX`].
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        // Never sent on: its end is the signal.
        let (running, stopped) = watch::channel(());
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            // The place first, then the connection: what cannot be served yet waits in the listen queue.
            let next = async {
                let permit = permits.clone().acquire_owned().await;
                (permit, self.listener.accept().await)
            };
            let (permit, accepted) = tokio::select! {
                next = next => next,
                () = &mut shutdown => break,
            };
            while connections.try_join_next().is_some() {}
            match accepted {
                Ok(stream) => {
                    let (service, timeouts, stopped) = (self.service.clone(), self.timeouts, stopped.clone());
                    connections.spawn(async move {
                        serve(stream, service, timeouts, stopped).await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!("the admin listener could not accept a connection: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(self.listener);
        drop(running);
        let all_ended = async { while connections.join_next().await.is_some() {} };
        // What has not ended by then is cut with the set.
        let _ = tokio::time::timeout(CLOSE_MAX, all_ended).await;
    }
}

async fn serve(stream: Stream, service: Arc<Service>, timeouts: Timeouts, mut stopped: watch::Receiver<()>) {
    let answer = service_fn(move |request| {
        let answer = service.answer(&request);
        async move { Ok::<_, std::convert::Infallible>(answer) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(timeouts.head)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), answer);
    let mut connection = pin!(connection);
    let mut lifetime = pin!(tokio::time::sleep(timeouts.connection));
    tokio::select! {
        _ = &mut connection => return,
        () = &mut lifetime => return,
        _ = stopped.changed() => connection.as_mut().graceful_shutdown(),
    }
    // A client that hung up or sent nonsense has had its answer from hyper; nobody else is concerned.
    tokio::select! {
        _ = connection => {}
        () = lifetime => {}
    }
}
