//! The connections of one upstream: how many may be open, which are idle, and who has one.
//!
//! A connection lives on the event loop on which it was opened, and is used there first: a request stays on its core. One of
//! another core is used where no further one may be opened.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::Either;
use http::{Method, Request, Response};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use sluicegate_runtime::lane;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::body::{SendBody, Source};
use super::connect::{ConnectError, Connector, Wire};
use super::error::UpstreamError;
use super::heard::{Asked, Heard};
use super::shared::{Shared, Stream};
use super::stream::{Unanswered, Upload};
use crate::alarm::Alarm;
use crate::config::{self, UpstreamProtocol};

/// What is read ahead of an answer, in bytes.
const READ_BUFFER_BYTES_MAX: usize = 128 * 1024;

/// What hyper has room for without asking for memory.
const HEADERS_ON_STACK: usize = 100;

/// A connection whose answer has ended is ready within microseconds; one that is not by then has something stuck in it.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(1);

/// The right to one connection. A connection in use has one; an idle one has none,
/// so that open connections are never more than there are permits: with as many open, an idle one is used, whosever it is.
pub(super) type Permit = OwnedSemaphorePermit;

pub(super) struct Pool {
    pub(super) config: Arc<config::Upstream>,
    pub(super) connector: Connector,
    permits: Arc<Semaphore>,
    pub(super) open: Arc<OpenCount>,
    /// By lane.
    idle: Box<[Mutex<IdleList>]>,
    /// Some where HTTP/2 may be spoken.
    pub(super) shared: Option<Shared>,
}

#[derive(Default)]
struct IdleList {
    /// Given back last stands last. At most `connections_max`.
    connections: Vec<Idle>,
    /// Whether a task is waiting to close the oldest one.
    reaper_runs: bool,
}

struct Idle {
    connection: Connection,
    since: Instant,
}

struct Connection {
    sender: http1::SendRequest<SendBody>,
    heard: Arc<Heard>,
    /// Taken in front of the body of an answer, besides what is read ahead of that.
    ahead_bytes_max: usize,
    /// For the answers of its requests.
    alarm: Alarm,
    task: AbortHandle,
    /// Where it lives.
    lane: usize,
    _open: Open,
}

/// Connections that are open or about to be, idle ones included.
#[derive(Default)]
pub(super) struct OpenCount {
    count: AtomicUsize,
    /// There is one less, or one has become open.
    pub(super) changed: Notify,
}

/// Counts one connection.
pub(super) struct Open(Arc<OpenCount>);

/// What one request is sent on. Dropped before its end, it ends no other request, and never looks like a clean end upstream.
pub(super) enum Lease {
    Own(Own),
    Stream(Stream),
}

/// The head of an answer, and what is still sent of its request.
type Answered = (Response<Source>, Option<Upload>);

/// The right to another lease, in the place of one that failed.
pub(super) enum Right {
    Connection(Permit),
    Stream(Permit),
}

/// For one new connection.
pub(super) struct Room {
    pub(super) permit: Permit,
    pub(super) open: Open,
}

/// A connection for one exchange. Dropped, it closes the connection.
pub(super) struct Own {
    connection: Connection,
    reused: bool,
    permit: Permit,
    /// Weak, so that a long answer does not keep alive a pool that nobody uses any more.
    pool: Weak<Pool>,
}

impl Pool {
    pub(super) fn new(config: Arc<config::Upstream>, connector: Connector) -> Arc<Pool> {
        let permits = config.connections_max.clamp(1, Semaphore::MAX_PERMITS);
        let idle = (0..lane::count()).map(|_| Mutex::default()).collect();
        let shared = (config.protocol != UpstreamProtocol::Http1).then(|| Shared::new(&config));
        let permits = Arc::new(Semaphore::new(permits));
        Arc::new(Pool { config, connector, permits, open: Arc::default(), idle, shared })
    }

    pub(super) fn in_use(&self) -> usize {
        let own = self.config.connections_max.saturating_sub(self.permits.available_permits());
        own + self.shared.as_ref().map_or(0, |shared| shared.connections(true))
    }

    pub(super) fn idle(&self) -> usize {
        let idle = |lane| {
            let idle = self.lock(lane)?;
            Some(idle.connections.iter().filter(|idle| !idle.connection.sender.is_closed()).count())
        };
        let own: usize = (0..self.idle.len()).filter_map(idle).sum();
        own + self.shared.as_ref().map_or(0, |shared| shared.connections(false))
    }

    /// None where others are in front.
    pub(super) fn try_permit(&self) -> Option<Permit> {
        Arc::clone(&self.permits).try_acquire_owned().ok()
    }

    /// Waits behind other requests of this gateway; the upstream knows nothing of that.
    pub(super) async fn permit(&self) -> Result<Permit, UpstreamError> {
        self.permit_of(&self.permits).await
    }

    pub(super) async fn permit_of(&self, permits: &Arc<Semaphore>) -> Result<Permit, UpstreamError> {
        let waited = self.config.connect_timeout;
        match timeout(waited, Arc::clone(permits).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(self.busy(waited)),
        }
    }

    pub(super) fn busy(&self, waited: Duration) -> UpstreamError {
        UpstreamError::Busy { upstream: self.config.name.clone(), connections_max: self.config.connections_max, waited }
    }

    /// The connection that was given back last here; of another lane where no further one may be opened. The error is the room for
    /// a new one.
    pub(super) fn lease(self: &Arc<Self>, permit: Permit) -> Result<Lease, Room> {
        let own = lane::current();
        let mut connection = self.take_idle(own);
        if connection.is_none() {
            if let Some(open) = Open::within(&self.open, self.config.connections_max) {
                return Err(Room { permit, open });
            }
            connection = (0..self.idle.len()).filter(|lane| *lane != own).find_map(|lane| self.take_idle(lane));
        }
        match connection {
            Some(connection) => Ok(Lease::Own(Own { connection, reused: true, permit, pool: Arc::downgrade(self) })),
            // One is being closed just now: whoever has a permit may have a connection.
            None => Err(self.room(permit)),
        }
    }

    /// For a connection in place of one that failed.
    pub(super) fn room(&self, permit: Permit) -> Room {
        Room { permit, open: Open::new(&self.open) }
    }

    pub(super) async fn open(self: &Arc<Self>, room: Room) -> Result<Lease, UpstreamError> {
        let wire = self.connector.connect().await.map_err(|error| self.refused(error))?;
        match &self.shared {
            Some(shared) if wire.is_http2 => {
                let permit = self.permit_of(shared.permits()).await?;
                self.begin(shared, wire, room.open, permit).await
            }
            _ => self.start(wire, room).await,
        }
    }

    /// HTTP/1.1 on a new connection.
    pub(super) async fn start(self: &Arc<Self>, wire: Wire, room: Room) -> Result<Lease, UpstreamError> {
        let Room { permit, open } = room;
        let heard = Arc::clone(&wire.heard);
        let heads = self.config.reply_heads;
        let buffer_bytes_max = READ_BUFFER_BYTES_MAX.max(heads.bytes_max);
        let mut builder = http1::Builder::new();
        builder.max_buf_size(buffer_bytes_max).max_header_size(heads.bytes_max);
        if heads.fields_max != HEADERS_ON_STACK {
            builder.max_headers(heads.fields_max);
        }
        let (sender, connection) = builder
            .handshake(TokioIo::new(wire))
            .await
            .map_err(|error| self.refused(ConnectError::Unreachable(error.to_string())))?;
        let task = tokio::spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                // Whoever waits for an answer has been told; this is the end of an idle connection.
                tracing::debug!(%error, "an upstream connection ended");
            }
        });
        let connection = Connection {
            sender,
            heard,
            ahead_bytes_max: heads.bytes_max + buffer_bytes_max,
            alarm: Alarm::default(),
            task: task.abort_handle(),
            lane: lane::current(),
            _open: open,
        };
        Ok(Lease::Own(Own { connection, reused: false, permit, pool: Arc::downgrade(self) }))
    }

    pub(super) fn refused(&self, error: ConnectError) -> UpstreamError {
        let (upstream, origin) = (self.config.name.clone(), self.config.origin.to_uri_prefix());
        match error {
            ConnectError::Unreachable(why) => UpstreamError::Unreachable { upstream, origin, why },
            ConnectError::Tls(why) => UpstreamError::Tls { upstream, origin, why },
        }
    }

    fn take_idle(&self, lane: usize) -> Option<Connection> {
        let mut idle = self.lock(lane)?;
        while let Some(candidate) = idle.connections.pop() {
            if candidate.connection.sender.is_ready() && candidate.since.elapsed() < self.config.idle_timeout {
                return Some(candidate.connection);
            }
        }
        None
    }

    fn put_idle(self: &Arc<Self>, connection: Connection) {
        let lane = connection.lane;
        let Some(mut idle) = self.lock(lane) else { return };
        idle.connections.push(Idle { connection, since: Instant::now() });
        if !idle.reaper_runs {
            idle.reaper_runs = true;
            tokio::spawn(reap(Arc::downgrade(self), lane, self.config.idle_timeout));
        }
    }

    fn lock(&self, lane: usize) -> Option<MutexGuard<'_, IdleList>> {
        Some(self.idle.get(lane)?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Closes connections of one lane that were idle too long; ends when none is left.
async fn reap(pool: Weak<Pool>, lane: usize, idle_timeout: Duration) {
    loop {
        let oldest = {
            let Some(pool) = pool.upgrade() else { return };
            let Some(mut idle) = pool.lock(lane) else { return };
            idle.connections.retain(|idle| !idle.connection.sender.is_closed() && idle.since.elapsed() < idle_timeout);
            match idle.connections.first() {
                Some(oldest) => oldest.since,
                None => {
                    idle.reaper_runs = false;
                    return;
                }
            }
        };
        sleep_until(oldest + idle_timeout).await;
    }
}

impl Lease {
    pub(super) fn is_reused(&self) -> bool {
        match self {
            Lease::Own(own) => own.reused,
            Lease::Stream(stream) => stream.is_reused(),
        }
    }

    pub(super) fn is_http2(&self) -> bool {
        matches!(self, Lease::Stream(_))
    }

    /// Whether a byte of an answer may have come since the request was handed over.
    pub(super) fn has_heard(&self) -> bool {
        match self {
            Lease::Own(own) => own.has_heard(),
            // The head of an answer is all that can come first on a stream.
            Lease::Stream(_) => false,
        }
    }

    /// For the wait for one answer, and to be given back after it.
    pub(super) fn take_alarm(&mut self) -> Alarm {
        match self {
            Lease::Own(own) => std::mem::take(&mut own.connection.alarm),
            Lease::Stream(_) => Alarm::default(),
        }
    }

    pub(super) fn keep_alarm(&mut self, alarm: Alarm) {
        if let Lease::Own(own) = self {
            own.connection.alarm = alarm;
        }
    }

    /// Hands the request over at once, so that nobody has to carry it who waits for the answer.
    pub(super) fn send(
        &mut self,
        request: Request<SendBody>,
    ) -> impl Future<Output = Result<Answered, Unanswered>> + Send + use<> {
        match self {
            Lease::Own(own) => Either::Left(own.send(request)),
            // What seldom happens is boxed: else every request would carry the room for it.
            Lease::Stream(stream) => Either::Right(Box::pin(stream.send(request))),
        }
    }

    /// The wait is over.
    pub(super) fn answered(&mut self, answer: Result<Answered, Unanswered>) -> Result<Response<Source>, Unanswered> {
        if let Lease::Own(own) = self {
            own.connection.heard.answered();
        }
        let (answer, upload) = answer?;
        if let Lease::Stream(stream) = self {
            stream.keep(upload);
        }
        Ok(answer)
    }

    /// Another protocol is spoken on it from here on.
    pub(super) fn switched(&self) {
        if let Lease::Own(own) = self {
            own.connection.heard.switched();
        }
    }

    /// Keeps the right to another one. `retires`: the connection takes no more requests.
    pub(super) fn into_right(self, retires: bool) -> Option<Right> {
        match self {
            Lease::Own(own) => Some(Right::Connection(own.permit)),
            Lease::Stream(stream) => stream.into_permit(retires).map(Right::Stream),
        }
    }

    /// After a clean end.
    pub(super) fn give_back(self) {
        match self {
            Lease::Own(own) => own.give_back(),
            Lease::Stream(stream) => drop(stream),
        }
    }
}

impl Own {
    /// Whether a byte came since the request was handed over.
    fn has_heard(&self) -> bool {
        self.connection.heard.anything()
    }

    fn send(
        &mut self,
        request: Request<SendBody>,
    ) -> impl Future<Output = Result<Answered, Unanswered>> + Send + use<> {
        let asked = if request.method() == Method::HEAD { Asked::Head } else { Asked::Other };
        let heard = self.connection.heard.clone();
        heard.begin(self.connection.ahead_bytes_max, asked);
        self.connection.sender.try_send_request(request).map(move |sent| {
            heard.answered();
            match sent {
                Ok(answer) => Ok((answer.map(Source::Connection), None)),
                Err(mut failure) => {
                    let unsent = failure.take_message();
                    Err(Unanswered { cause: failure.into_error().into(), unsent })
                }
            }
        })
    }

    /// After a clean end: the connection becomes idle, unless the upstream wants it closed.
    fn give_back(self) {
        let Own { mut connection, permit, pool, .. } = self;
        if connection.sender.is_closed() || connection.heard.is_broken() {
            return;
        }
        if connection.sender.is_ready() {
            if let Some(pool) = pool.upgrade() {
                pool.put_idle(connection);
            }
            return;
        }
        // The connection's task has not yet seen the end that the body has seen.
        tokio::spawn(async move {
            if let Ok(Ok(())) = timeout(SETTLE_TIMEOUT, connection.sender.ready()).await
                && let Some(pool) = pool.upgrade()
            {
                pool.put_idle(connection);
            }
            drop(permit);
        });
    }
}

impl Open {
    fn new(open: &Arc<OpenCount>) -> Open {
        open.count.fetch_add(1, Ordering::AcqRel);
        Open(Arc::clone(open))
    }

    pub(super) fn within(open: &Arc<OpenCount>, max: usize) -> Option<Open> {
        let one_more = |count: usize| (count < max).then_some(count + 1);
        let counted = open.count.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more);
        counted.ok().map(|_| Open(Arc::clone(open)))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::AcqRel);
        self.0.changed.notify_waiters();
    }
}

/// Ends the connection's task at once, with whatever it is still sending.
impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}
