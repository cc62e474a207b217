//! The admin listener: health, readiness, metrics, and the configuration that runs, to look at and to change; for this
//! machine alone.
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
//! | `POST /config` | yes | takes the TOML text that it gets as the configuration; `?save` also writes it to the file |
//! | `GET /config/status` | yes | what runs, where it came from, and the last change that was refused |
//! | `POST /config/reload` | yes | reads the configuration's files |
//! | `POST /config/rollback` | yes | back to the configuration before, or to that of `?to=` a generation |
//! | `GET /config/history` | yes | the configurations that can be gone back to |
//! | `GET /generations` | yes | live generations: age, what keeps them |
//! | `DELETE /generations/N` | yes | ends the exchanges of an older generation |
//! | `POST /traces` | yes | arms a trace, and tells each exchange that it matches as a line of JSON |
//!
//! A change is answered when it serves, or with 422 and the stage, the chain entry and the reason of its refusal.
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
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::Value;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::answer::Service;
use self::listener::{Listener, Stream};
use self::token::Token;
pub use self::token::TokenError;
use crate::chain::{ArmError, TraceLines, TraceRequest};
use crate::config::{Admin, AdminAddress};

/// Connections served at once; further ones wait in the listen queue.
pub const CONNECTIONS_MAX: usize = 64;
/// From the first byte of a request's head to its last.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// A whole connection, so that a client that does not read its answer keeps no place for ever.
pub const CONNECTION_MAX: Duration = Duration::from_secs(30);
/// A connection that changes the configuration, as plugins are fetched and compiled for it, or that waits for a trace.
pub const CHANGE_MAX: Duration = Duration::from_secs(15 * 60);
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
    fn summary(&self) -> Value;
    /// What runs, where it came from, and the last change that was refused.
    fn status(&self) -> Value;
    /// Configurations that can be gone back to, the newest first.
    fn history(&self) -> Value;
    /// Live generations, the oldest first.
    fn generations(&self) -> Value;
    /// Err: why it is not ended.
    fn end_generation(&self, id: u64) -> Result<(), String>;
    /// Ready when the change serves or is refused. It goes on if nobody waits for it.
    fn change(&self, change: ConfigChange) -> Changing;
    /// Arms a trace; it ends with its lines.
    fn trace(&self, request: TraceRequest) -> Result<TraceLines, ArmError>;
}

/// What is asked of the running configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigChange {
    Reload,
    Text {
        text: String,
        /// Whether to write it to the config file, once it serves.
        save: bool,
    },
    /// To the configuration of a generation; none: the one before.
    Rollback(Option<u64>),
}

/// Err: `stage`, `entry`, `reason` and `mistakes` of the refusal.
pub type Changing = Pin<Box<dyn Future<Output = Result<Value, Value>> + Send>>;

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
    let changes = Arc::new(Notify::new());
    let answer = service_fn({
        let changes = changes.clone();
        move |request| {
            let (service, changes) = (service.clone(), changes.clone());
            async move { Ok::<_, std::convert::Infallible>(service.answer(request, &changes).await) }
        }
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
    loop {
        tokio::select! {
            _ = &mut connection => return,
            () = &mut lifetime => return,
            () = changes.notified() => lifetime.as_mut().reset(Instant::now() + CHANGE_MAX),
            _ = stopped.changed() => break,
        }
    }
    connection.as_mut().graceful_shutdown();
    // A client that hung up or sent nonsense has had its answer from hyper; nobody else is concerned.
    tokio::select! {
        _ = connection => {}
        () = lifetime => {}
    }
}
