//! Connections of HTTP/2 to one upstream: many requests go on one at once.
//!
//! A request takes a stream on a connection of its own lane that has room, and opens one where there is none; one of another lane is
//! used where no further one may be opened. Whoever comes while one is being opened waits for that one.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use h2::client::SendRequest;
use h2::{Ping, PingPong};
use http::{Request, Response};
use sluicegate_runtime::lane;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::body::{Progress, SendBody};
use super::connect::{ConnectError, Wire};
use super::error::UpstreamError;
use super::heard::Heard;
use super::pool::{Lease, Open, Permit, Pool, Room};
use super::received::{Answers, lock};
use super::stream::{self, StreamBody, Unanswered, Upload};
use crate::config;

/// What an answer may have on its way that its client has not taken, in bytes. The connection's window has room for that of every
/// stream, so that no slow client holds up another one's answer.
const STREAM_WINDOW_BYTES: u32 = 256 << 10;

/// RFC 9113, 6.9.1.
const WINDOW_BYTES_MAX: u32 = (1 << 31) - 1;

/// What is kept of a request until its upstream takes it, in bytes.
const SEND_BUFFER_BYTES_MAX: usize = 64 << 10;

/// Answers that nobody reads are looked after each time that so many bytes have come.
const GATHER_BYTES: usize = 64 << 10;

/// What small pieces may cost h2 between two such looks, beyond their bytes: some 140,000 of 20 bytes. h2's own measure depends on
/// the window, and with few streams ends a connection on which a few thousand come at once.
const PIECES_BUDGET_BYTES: usize = 32 << 20;

/// A connection on which requests wait is asked after so long without a frame, ...
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// ... and is dead when it says nothing for so long.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) struct Shared {
    /// One for each stream that may be open, over all connections.
    streams: Arc<Semaphore>,
    streams_max: usize,
    by_lane: Box<[Lane]>,
    /// An upstream that may choose has chosen HTTP/1.1, as far as is known.
    prefers_http1: AtomicBool,
}

#[derive(Default)]
struct Lane {
    connections: Mutex<Vec<Arc<Connection>>>,
    /// Held while a connection is opened.
    opening: tokio::sync::Mutex<()>,
}

struct Connection {
    sender: SendRequest<Bytes>,
    life: Arc<Life>,
    /// The upstream takes no more requests on it.
    retired: AtomicBool,
    idle_since: Mutex<Instant>,
    /// None once it is retired: answers that are still on it take nobody's place.
    open: Mutex<Option<Open>>,
}

/// What the task of a connection knows of it; it must not hold the connection, or that would never end.
struct Life {
    /// Requests that are on it.
    streams: AtomicUsize,
    ended: AtomicBool,
    heard: Arc<Heard>,
    answers: Answers,
}

/// Room for one request on a connection. Dropped before the request's end, that is cancelled.
pub(super) struct Stream {
    connection: Arc<Connection>,
    /// Until it is taken for another one.
    permit: Option<Permit>,
    reused: bool,
    /// While the request goes on behind the head of its answer.
    upload: Option<Upload>,
}

impl Shared {
    pub(super) fn new(config: &config::Upstream) -> Shared {
        let all = config.connections_max.saturating_mul(config.streams_max).clamp(1, Semaphore::MAX_PERMITS);
        Shared {
            streams: Arc::new(Semaphore::new(all)),
            streams_max: config.streams_max,
            by_lane: (0..lane::count()).map(|_| Lane::default()).collect(),
            prefers_http1: AtomicBool::new(false),
        }
    }

    /// How many connections are in use, or idle.
    pub(super) fn connections(&self, in_use: bool) -> usize {
        let of_lane = |lane: &Lane| {
            let is_it = |connection: &&Arc<Connection>| !connection.has_ended() && (connection.streams() > 0) == in_use;
            lock(&lane.connections).iter().filter(is_it).count()
        };
        self.by_lane.iter().map(of_lane).sum()
    }

    pub(super) fn permits(&self) -> &Arc<Semaphore> {
        &self.streams
    }

    fn lane(&self, lane: usize) -> Option<&Lane> {
        self.by_lane.get(lane)
    }

    /// On a connection of this lane with room, the one with the most requests: so that others can become idle.
    ///
    /// `queues`: also where the request must wait until the upstream allows one more.
    fn take(&self, lane: usize, queues: bool) -> Option<Arc<Connection>> {
        let mut connections = lock(&self.lane(lane)?.connections);
        loop {
            connections.retain(|connection| connection.is_open());
            let max = |connection: &Connection| match queues {
                true => self.streams_max,
                false => self.streams_max.min(connection.sender.current_max_send_streams()),
            };
            let with_room = connections.iter().filter(|one| one.streams() < max(one));
            let connection = with_room.max_by_key(|one| one.streams())?.clone();
            if connection.takes_requests() {
                connection.life.streams.fetch_add(1, Ordering::AcqRel);
                return Some(connection);
            }
            connection.retire();
        }
    }

    /// The same where no further connection may be opened: of any lane.
    fn take_anywhere(&self, own: usize) -> Option<Arc<Connection>> {
        let lanes = || std::iter::once(own).chain((0..self.by_lane.len()).filter(|lane| *lane != own));
        lanes().find_map(|lane| self.take(lane, false)).or_else(|| lanes().find_map(|lane| self.take(lane, true)))
    }
}

impl Pool {
    /// A stream, or a connection where the upstream speaks HTTP/1.1.
    pub(super) async fn shared_lease(self: &Arc<Self>, progress: &Progress) -> Result<Lease, UpstreamError> {
        let shared = self.shared.as_ref().filter(|shared| !shared.prefers_http1.load(Ordering::Relaxed));
        match shared {
            Some(shared) => {
                let permit = self.permit_of(&shared.streams).await?;
                progress.connecting();
                self.stream(permit).await
            }
            None => {
                let permit = self.permit().await?;
                progress.connecting();
                match self.lease(permit) {
                    Ok(lease) => Ok(lease),
                    Err(room) => self.open(room).await,
                }
            }
        }
    }

    /// With the right to one.
    pub(super) async fn stream(self: &Arc<Self>, permit: Permit) -> Result<Lease, UpstreamError> {
        let own = lane::current();
        let Some((shared, lane)) = self.shared.as_ref().and_then(|shared| Some((shared, shared.lane(own)?))) else {
            return self.open(self.room(permit)).await;
        };
        if let Some(connection) = shared.take(own, false) {
            return Ok(Stream::on(connection, permit, true));
        }
        // Who waits for another one's attempt has no more time for it all: else the last of many would wait for as many timeouts.
        let until = Instant::now() + self.config.connect_timeout;
        let Ok(_opening) = timeout_at(until, lane.opening.lock()).await else { return Err(self.not_opened()) };
        if let Some(connection) = shared.take(own, false) {
            return Ok(Stream::on(connection, permit, true));
        }
        let open = loop {
            let changed = self.open.changed.notified();
            if let Some(open) = Open::within(&self.open, self.config.connections_max) {
                break open;
            }
            if let Some(connection) = shared.take_anywhere(own) {
                return Ok(Stream::on(connection, permit, true));
            }
            // Those of other lanes are just being opened, or closed.
            if timeout_at(until, changed).await.is_err() {
                return Err(self.busy(self.config.connect_timeout));
            }
        };
        let Ok(wire) = timeout_at(until, self.connector.connect()).await else { return Err(self.not_opened()) };
        let wire = wire.map_err(|error| self.refused(error))?;
        if wire.is_http2 {
            return self.begin(shared, wire, open, permit).await;
        }
        shared.prefers_http1.store(true, Ordering::Relaxed);
        // The right to a stream is none to a connection.
        drop((permit, _opening));
        let permit = self.permit().await?;
        self.start(wire, Room { permit, open }).await
    }

    fn not_opened(&self) -> UpstreamError {
        let why = format!("no connection was open within {:?}", self.config.connect_timeout);
        self.refused(ConnectError::Unreachable(why))
    }

    /// HTTP/2 on a new connection, for one request and for those that come.
    pub(super) async fn begin(
        self: &Arc<Self>,
        shared: &Shared,
        wire: Wire,
        open: Open,
        permit: Permit,
    ) -> Result<Lease, UpstreamError> {
        let lane = lane::current();
        let window = u64::from(STREAM_WINDOW_BYTES) * shared.streams_max as u64;
        let heads = self.config.reply_heads;
        let life = Arc::new(Life {
            streams: AtomicUsize::new(1),
            ended: AtomicBool::new(false),
            heard: Arc::clone(&wire.heard),
            answers: Answers::default(),
        });
        let (sender, mut connection) = h2::client::Builder::new()
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(u32::try_from(window).unwrap_or(WINDOW_BYTES_MAX).min(WINDOW_BYTES_MAX))
            .max_header_list_size(u32::try_from(heads.bytes_max).unwrap_or(u32::MAX))
            .max_send_buffer_size(SEND_BUFFER_BYTES_MAX)
            .data_frame_budget(PIECES_BUDGET_BYTES)
            .handshake::<_, Bytes>(wire)
            .await
            .map_err(|error| self.refused(ConnectError::Unreachable(error.to_string())))?;
        let of_task = Arc::clone(&life);
        let ping_pong = connection.ping_pong();
        tokio::spawn(async move {
            let mut gathered = 0;
            let driving = poll_fn(|context| {
                let polled = Pin::new(&mut connection).poll(context);
                of_task.gather(&mut gathered);
                polled
            });
            let result = tokio::select! {
                result = driving => result.map_err(|error| error.to_string()),
                () = of_task.silence(ping_pong, PING_INTERVAL, PING_TIMEOUT) => Err("it gave no sign of life".to_owned()),
            };
            of_task.ended.store(true, Ordering::Release);
            if let Err(error) = result {
                // Whoever waits for an answer has been told; this is the end of an idle connection.
                tracing::debug!(%error, "an upstream connection ended");
            }
        });
        let connection = Arc::new(Connection {
            sender,
            life,
            retired: AtomicBool::new(false),
            idle_since: Mutex::new(Instant::now()),
            open: Mutex::new(Some(open)),
        });
        if let Some(lane) = shared.lane(lane) {
            lock(&lane.connections).push(connection.clone());
        }
        self.open.changed.notify_waiters();
        tokio::spawn(close_when_idle(Arc::downgrade(self), lane, Arc::downgrade(&connection)));
        Ok(Stream::on(connection, permit, false))
    }
}

/// Takes a connection out of its lane's list once it was idle too long, or takes no more requests.
async fn close_when_idle(pool: Weak<Pool>, lane: usize, connection: Weak<Connection>) {
    loop {
        let due = {
            let (Some(pool), Some(connection)) = (pool.upgrade(), connection.upgrade()) else { return };
            let Some(lane) = pool.shared.as_ref().and_then(|shared| shared.lane(lane)) else { return };
            let mut connections = lock(&lane.connections);
            let now = Instant::now();
            let due = match connection.streams() {
                0 => *lock(&connection.idle_since) + pool.config.idle_timeout,
                _ => now + pool.config.idle_timeout,
            };
            if due <= now || !connection.is_open() {
                connections.retain(|other| !Arc::ptr_eq(other, &connection));
                return;
            }
            due
        };
        sleep_until(due).await;
    }
}

impl Connection {
    fn retire(&self) {
        self.retired.store(true, Ordering::Release);
        drop(lock(&self.open).take());
    }

    fn is_open(&self) -> bool {
        !self.retired.load(Ordering::Acquire) && !self.has_ended()
    }

    /// False once the upstream has said otherwise, or the connection is broken.
    fn takes_requests(&self) -> bool {
        !matches!(self.sender.clone().ready().now_or_never(), Some(Err(_)))
    }

    fn has_ended(&self) -> bool {
        self.life.ended.load(Ordering::Acquire)
    }

    fn streams(&self) -> usize {
        self.life.streams.load(Ordering::Acquire)
    }
}

impl Life {
    /// `before`: the bytes at the last time.
    fn gather(&self, before: &mut usize) {
        let bytes = self.heard.bytes();
        // They may have begun anew.
        *before = (*before).min(bytes);
        if bytes - *before >= GATHER_BYTES {
            *before = bytes;
            self.answers.gather();
        }
    }

    /// Returns when an upstream that is asked something says nothing for so long, and nothing to a ping either.
    async fn silence(&self, ping_pong: Option<PingPong>, interval: Duration, pong_max: Duration) {
        let Some(mut ping_pong) = ping_pong else { return std::future::pending().await };
        loop {
            sleep(interval).await;
            let is_asked = self.streams.load(Ordering::Acquire) > 0;
            // What is wrong with the connection itself is told by its own future.
            if is_asked
                && !self.heard.anything_new()
                && timeout(pong_max, ping_pong.ping(Ping::opaque())).await.is_err()
            {
                return;
            }
        }
    }
}

impl Stream {
    fn on(connection: Arc<Connection>, permit: Permit, reused: bool) -> Lease {
        Lease::Stream(Stream { connection, permit: Some(permit), reused, upload: None })
    }

    pub(super) fn is_reused(&self) -> bool {
        self.reused
    }

    pub(super) async fn send(&mut self, request: Request<SendBody>) -> Result<Response<StreamBody>, Unanswered> {
        let (answer, upload) =
            stream::send(self.connection.sender.clone(), request, &self.connection.life.answers).await?;
        self.upload = upload;
        Ok(answer)
    }

    /// Keeps the right to another one. `retires`: the connection takes no more requests.
    pub(super) fn into_permit(mut self, retires: bool) -> Option<Permit> {
        if retires {
            self.connection.retire();
        }
        self.permit.take()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        *lock(&self.connection.idle_since) = Instant::now();
        self.connection.life.streams.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests;
