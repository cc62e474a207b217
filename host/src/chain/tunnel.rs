//! An upgraded connection: bytes go to and fro until both sides have ended, one breaks, or nothing has moved for too long.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::Response;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional_with_sizes};

use super::finish::Finisher;
use super::idle::{Elapsed, Idle};
use super::reply_body::Cut;
use super::run::Run;
use super::upgrade::Place;
use crate::error::{Code, Fault};
use crate::telemetry::metrics::UpgradedOpen;
use crate::telemetry::outcome::Outcome;
use crate::upstream::Switched;

/// In each direction, between a read and its write.
const BUFFER_BYTES: usize = 16 * 1024;

/// Once one side has said its last byte, the other one is not waited for any longer than this without a byte.
const HALF_CLOSED_IDLE_MAX: Duration = Duration::from_secs(10);

/// Both ends of a tunnel, and what lives as long as it.
pub(super) struct Ends {
    /// There once the 101 is written.
    pub(super) client: OnUpgrade,
    pub(super) upstream: Switched,
    pub(super) finisher: Finisher,
    pub(super) idle_max: Duration,
    pub(super) place: Place,
    pub(super) open: UpgradedOpen,
}

/// Travels with a 101 to whoever serves the client's connection, and is run there in its place. Dropped, it closes both ends.
#[derive(Clone)]
pub struct Tunnel(Arc<Mutex<Option<Running>>>);

type Running = Pin<Box<dyn Future<Output = Option<Upgraded>> + Send>>;

impl Tunnel {
    pub(super) fn new(ends: Ends) -> Tunnel {
        Tunnel(Arc::new(Mutex::new(Some(Box::pin(ends.join())))))
    }

    /// Of a response that has one.
    pub fn taken_from<B>(response: &mut Response<B>) -> Option<Tunnel> {
        response.extensions_mut().remove()
    }

    /// Returns when it has ended, with the client's side if that must be reset: it must not take the end for one in good order.
    /// A second call returns at once.
    pub async fn run(&self) -> Option<Upgraded> {
        let running = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        running?.await
    }
}

/// What happens on both sides, as each of them sees it.
#[derive(Default)]
struct Seen {
    moved: AtomicBool,
    /// One side has said its last byte.
    half_closed: AtomicBool,
    client_broke: AtomicBool,
}

/// One side, whose bytes are counted.
struct Side<'a> {
    stream: TokioIo<Upgraded>,
    is_client: bool,
    seen: &'a Seen,
    run: &'a Run,
}

impl Ends {
    async fn join(self) -> Option<Upgraded> {
        let Ends { client, upstream, mut finisher, idle_max, place, open } = self;
        let run = finisher.run().clone();
        // A client that left before the 101 was written is noted as such by the finisher's end.
        let client = client.await.ok()?;
        let (upstream, lease) = match upstream.opened().await {
            Ok(opened) => opened,
            Err(error) => {
                finisher.cut(&Cut::from(&error));
                return Some(client);
            }
        };
        let seen = Seen::default();
        let side = |stream, is_client| Side { stream: TokioIo::new(stream), is_client, seen: &seen, run: &run };
        let (mut client, mut upstream) = (side(client, true), side(upstream, false));
        let ended = between(&mut client, &mut upstream, &seen, &run, idle_max).await;
        let (client, upstream) = (client.stream.into_inner(), upstream.stream.into_inner());
        let is_broken = ended.is_err();
        match ended {
            Ok(()) => finisher.complete(),
            Err(None) => drop(finisher),
            Err(Some(cut)) => finisher.cut(&cut),
        }
        if is_broken {
            lease.reset(upstream);
        }
        drop((place, open));
        is_broken.then_some(client)
    }
}

/// The error: why it did not come to an end in good order; none when it is the client that left.
async fn between(
    client: &mut Side<'_>,
    upstream: &mut Side<'_>,
    seen: &Seen,
    run: &Run,
    idle_max: Duration,
) -> Result<(), Option<Cut>> {
    let mut copying = pin!(copy_bidirectional_with_sizes(client, upstream, BUFFER_BYTES, BUFFER_BYTES));
    let mut idle = Idle::new(idle_max, run.deadline, run.ground.open.clone());
    let mut waits_for_rest = false;
    poll_fn(|context| {
        if let Some(elapsed) = idle.is_over() {
            return Poll::Ready(Err(Some(elapsed_cut(elapsed))));
        }
        if let Poll::Ready(copied) = copying.as_mut().poll(context) {
            return Poll::Ready(match copied {
                Ok(_) => Ok(()),
                Err(_) if seen.client_broke.load(Ordering::Relaxed) => Err(None),
                Err(error) => Err(Some(broken(&error))),
            });
        }
        if seen.moved.swap(false, Ordering::Relaxed) {
            idle.reset();
        }
        if !waits_for_rest && seen.half_closed.load(Ordering::Relaxed) {
            waits_for_rest = true;
            idle = Idle::new(idle_max.min(HALF_CLOSED_IDLE_MAX), run.deadline, run.ground.open.clone());
        }
        match ready!(idle.poll_elapsed(context)) {
            // Whoever has ended has said all; the rest that did not come is not missed.
            Elapsed::Silence if waits_for_rest => Poll::Ready(Ok(())),
            elapsed => Poll::Ready(Err(Some(elapsed_cut(elapsed)))),
        }
    })
    .await
}

fn elapsed_cut(elapsed: Elapsed) -> Cut {
    match elapsed {
        Elapsed::Silence => {
            let message = "no byte moved on the upgraded connection for too long";
            Cut::of_tunnel(Outcome::TimedOut, Code::UpgradeIdle.fault(), Code::UpgradeIdle, message.to_owned())
        }
        elapsed => Cut::timed_out(elapsed),
    }
}

fn broken(error: &io::Error) -> Cut {
    let message = format!("the upstream broke the upgraded connection: {error}");
    Cut::of_tunnel(Outcome::UpstreamCut, Fault::Upstream, Code::UpstreamBroken, message)
}

impl Side<'_> {
    fn note_error(&self) {
        if self.is_client {
            self.seen.client_broke.store(true, Ordering::Relaxed);
        }
    }
}

impl AsyncRead for Side<'_> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let side = self.get_mut();
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut side.stream).poll_read(context, buffer));
        match (&read, buffer.filled().len() - before) {
            (Err(_), _) => side.note_error(),
            (Ok(()), 0) => {
                // hyper takes a stream of HTTP/2 that was reset for one that has ended. Writing to it tells them apart.
                if let Poll::Ready(Err(error)) = Pin::new(&mut side.stream).poll_flush(context) {
                    side.note_error();
                    return Poll::Ready(Err(error));
                }
                side.seen.half_closed.store(true, Ordering::Relaxed);
            }
            (Ok(()), count) => {
                side.seen.moved.store(true, Ordering::Relaxed);
                if side.is_client {
                    side.run.exchange.request_bytes.fetch_add(count as u64, Ordering::Relaxed);
                }
            }
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for Side<'_> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let side = self.get_mut();
        let written = ready!(Pin::new(&mut side.stream).poll_write(context, bytes));
        match &written {
            Err(_) => side.note_error(),
            Ok(count) => {
                side.seen.moved.store(true, Ordering::Relaxed);
                if side.is_client {
                    side.run.exchange.add_reply_bytes(*count);
                }
            }
        }
        Poll::Ready(written)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let side = self.get_mut();
        let flushed = ready!(Pin::new(&mut side.stream).poll_flush(context));
        flushed.as_ref().err().into_iter().for_each(|_| side.note_error());
        Poll::Ready(flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let side = self.get_mut();
        let shut = ready!(Pin::new(&mut side.stream).poll_shutdown(context));
        shut.as_ref().err().into_iter().for_each(|_| side.note_error());
        Poll::Ready(shut)
    }
}

impl fmt::Debug for Tunnel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Tunnel")
    }
}
