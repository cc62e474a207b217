//! One stream of HTTP/2: a task of its own, reset when its client opens no window for it.
//!
//! hyper hands a piece of an answer to h2 as soon as the client has room for one byte of it, and then forgets the stream. Without
//! what is here, a client that opens no window would keep the task and a piece of an answer for as long as it likes.
//!
//! A stream on which another protocol is spoken from here on has a second task in the place of its first: that of its tunnel.

use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http_body::{Body, Frame, SizeHint};
use hyper::rt::Executor;
use tokio::time::{sleep, timeout};

use crate::chain::Tunnel;
use crate::listen::activity::Activity;
use crate::listen::allowance::{Allowance, Closed};
use crate::listen::{ClientInfo, report};

/// Pieces of answers are handed to h2 in this size, in bytes: what it keeps of a stalled stream is bounded by it.
const PIECE_BYTES_MAX: usize = 16 * 1024;
/// The last byte of a longer piece goes apart. That h2 takes it means that the client has room for all before it.
const UNSPLIT_BYTES_MAX: usize = 1024;

const ANSWER: u8 = 0;
const SERVICE: u8 = 1;
const CLIENT: u8 = 2;

/// What a stream waits for.
pub(super) struct Flow {
    /// [`ANSWER`], [`SERVICE`] for more of it, or the [`CLIENT`] to take what there is.
    waits_for: AtomicU8,
    /// Pieces so far.
    pieces: AtomicU32,
    next: Next,
}

/// What the task is for that hyper starts next. It starts a stream's right after it has called the service, and one that sends what
/// a tunnel writes right after it has had the answer with that tunnel.
type Next = Arc<Mutex<Option<Task>>>;

enum Task {
    Stream(Arc<Flow>),
    Tunnel(Tunnel),
}

/// Starts the tasks of one connection's streams.
#[derive(Clone)]
pub(super) struct Streams {
    stall_max: Duration,
    client: ClientInfo,
    activity: Arc<Activity>,
    allowance: Allowance,
    next: Next,
}

/// An answer's body in pieces that suit a window.
pub(super) struct WindowBody<B> {
    body: B,
    flow: Arc<Flow>,
    rest: Bytes,
}

impl Streams {
    pub(super) fn new(
        stall_max: Duration,
        client: ClientInfo,
        activity: Arc<Activity>,
        allowance: Allowance,
    ) -> Streams {
        Streams { stall_max, client, activity, allowance, next: Next::default() }
    }

    /// The task that is started next is that of this stream.
    pub(super) fn announce(&self) -> Arc<Flow> {
        let next = self.next.clone();
        let flow = Arc::new(Flow { waits_for: AtomicU8::new(ANSWER), pieces: AtomicU32::new(0), next });
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(Task::Stream(flow.clone()));
        flow
    }
}

impl Flow {
    /// The task that is started next sends what this tunnel writes.
    pub(super) fn becomes(&self, tunnel: Tunnel) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(Task::Tunnel(tunnel));
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let task = self.next.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (stall_max, client, answering) = (self.stall_max, self.client.clone(), self.activity.begin());
        let (allowance, next) = (self.allowance.clone(), self.next.clone());
        // On the worker of its connection.
        tokio::spawn(async move {
            let served = match task {
                Some(Task::Stream(flow)) => {
                    let served = AssertUnwindSafe(until_stalled(stream, &flow, stall_max)).catch_unwind().await;
                    // Left where the stream was reset before its answer went out: nobody starts it, and both its ends wait.
                    drop(
                        next.lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .take_if(|task| matches!(task, Task::Tunnel(_))),
                    );
                    served
                }
                // Boxed, so that other streams do not carry the room for it.
                Some(Task::Tunnel(tunnel)) => {
                    let tunnel = Box::pin(tunnel_through(stream, tunnel, stall_max));
                    AssertUnwindSafe(tunnel.map(|()| false)).catch_unwind().await
                }
                None => AssertUnwindSafe(stream.map(|()| false)).catch_unwind().await,
            };
            match served {
                Ok(false) => {}
                Ok(true) => {
                    allowance.closed(Closed::SlowReader);
                    report::stream_stalled(&client, stall_max);
                }
                Err(_) => report::connection_panicked(client.address),
            }
            drop(answering);
        });
    }
}

/// True when the client has taken nothing for too long; the stream is reset by dropping it.
async fn until_stalled(stream: impl Future<Output = ()>, flow: &Flow, stall_max: Duration) -> bool {
    let mut stream = pin!(stream);
    // Of the piece that the client does not take.
    let mut timer = None;
    std::future::poll_fn(|context| {
        if stream.as_mut().poll(context).is_ready() {
            return Poll::Ready(false);
        }
        if flow.waits_for.load(Ordering::Relaxed) != CLIENT {
            timer = None;
            return Poll::Pending;
        }
        let piece = flow.pieces.load(Ordering::Relaxed);
        if timer.as_ref().is_none_or(|(of, _)| *of != piece) {
            timer = Some((piece, Box::pin(sleep(stall_max))));
        }
        match &mut timer {
            Some((_, sleep)) => sleep.as_mut().poll(context).map(|()| true),
            None => Poll::Pending,
        }
    })
    .await
}

/// `sending`: what hyper has made of the stream's way to the client.
async fn tunnel_through(sending: impl Future<Output = ()>, tunnel: Tunnel, stall_max: Duration) {
    let mut sending = Some(Box::pin(sending));
    let mut running = pin!(tunnel.run());
    let to_reset = std::future::poll_fn(|context| {
        // First, so that the tunnel finds at once that the client has reset the stream.
        if sending.as_mut().is_some_and(|sending| sending.as_mut().poll(context).is_ready()) {
            sending = None;
        }
        running.as_mut().poll(context)
    })
    .await;
    match to_reset {
        // Neither way is held any longer, and neither has ended: h2 resets the stream.
        Some(upgraded) => {
            drop(sending);
            drop(upgraded);
        }
        // For what is still to be taken; if it is not, the stream is reset as well.
        None => {
            if let Some(sending) = sending {
                let _ = timeout(stall_max, sending).await;
            }
        }
    }
}

impl<B> WindowBody<B> {
    pub(super) fn new(body: B, flow: Arc<Flow>) -> WindowBody<B> {
        WindowBody { body, flow, rest: Bytes::new() }
    }
}

impl<B: Body<Data = Bytes> + Unpin> WindowBody<B> {
    fn piece(&mut self) -> Bytes {
        let is_last = self.rest.len() <= PIECE_BYTES_MAX && self.body.is_end_stream();
        let length = match is_last && self.rest.len() > UNSPLIT_BYTES_MAX {
            true => self.rest.len() - 1,
            false => self.rest.len().min(PIECE_BYTES_MAX),
        };
        self.flow.waits_for.store(CLIENT, Ordering::Relaxed);
        self.flow.pieces.fetch_add(1, Ordering::Relaxed);
        self.rest.split_to(length)
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for WindowBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.get_mut();
        if !this.rest.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(this.piece()))));
        }
        let polled = Pin::new(&mut this.body).poll_frame(context);
        match polled {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(Ok(match frame.into_data() {
                Ok(bytes) => {
                    this.rest = bytes;
                    Frame::data(this.piece())
                }
                Err(trailers) => trailers,
            }))),
            Poll::Pending => {
                this.flow.waits_for.store(SERVICE, Ordering::Relaxed);
                Poll::Pending
            }
            ended => ended,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, hint) = (self.rest.len() as u64, self.body.size_hint());
        let mut whole = SizeHint::new();
        if let Some(upper) = hint.upper() {
            whole.set_upper(upper.saturating_add(rest));
        }
        whole.set_lower(hint.lower().saturating_add(rest));
        whole
    }
}
