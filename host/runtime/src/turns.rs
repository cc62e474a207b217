//! Turns for guests that run for longer than a tick: on threads of their own, half as many as there are processors, which give
//! way to the threads that serve requests.

use std::any::Any;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread::{self, available_parallelism};
use std::time::{Duration, Instant};

use thread_priority::ThreadPriority;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::yield_now;

use crate::ticker::TICK;

/// The length of a turn, in ticks. Who waits longest comes next.
const TICKS: u32 = 5;
/// Somewhat below the usual 50: niceness 5 on Linux, a third of the usual weight when processors are short. So a thread that
/// serves requests need not wait until such a guest has used up its slice of a processor, which can last 4 ms, and a guest with
/// honest work still gets on with it.
const PRIORITY: u8 = 35;

/// Where guests that run for long are sent. Clones share its threads, which end after the last of them.
#[derive(Clone)]
pub(crate) struct Turns(mpsc::Sender<Box<dyn Turn>>);

pub(crate) type BoxedCall<T> = Pin<Box<dyn Future<Output = T> + Send>>;

trait Turn: Send {
    fn run(self: Box<Self>);
}

/// A call that wants its next turn.
struct Wanted<T> {
    call: BoxedCall<T>,
    /// Of the task that awaits the call.
    waker: Waker,
    runtime: Handle,
    /// What it has had of turns since it last waited for the host.
    lasted: Duration,
    /// The error is the payload of a panic.
    back: oneshot::Sender<Result<Polled<T>, Box<dyn Any + Send>>>,
    turns: Turns,
}

/// What comes back from a turn.
struct Polled<T> {
    call: BoxedCall<T>,
    result: Poll<T>,
    lasted: Duration,
}

/// Whether a plugin's calls take longer than a tick, as far as the last of them tells.
#[derive(Debug, Default)]
pub(crate) struct Pace(AtomicBool);

/// By whom a call is polled, for its guest to know at a tick.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// By a thread that has nothing else to do.
    Apart,
    /// By one that serves requests.
    Serving,
    /// In a turn that has lasted for so many ticks.
    Turn(u32),
    /// The guest has yielded, and wants its next turn.
    Wanted,
}

thread_local! {
    static PLACE: Cell<Place> = const { Cell::new(Place::Apart) };
}

impl Turns {
    /// Errors: the system gives no thread.
    pub(crate) fn start() -> io::Result<Turns> {
        let processors = available_parallelism().map_or(1, NonZeroUsize::get);
        Turns::with_threads((processors / 2).max(1))
    }

    fn with_threads(count: usize) -> io::Result<Turns> {
        let (sender, receiver) = mpsc::channel();
        let receiver = Arc::new(Mutex::new(receiver));
        for number in 0..count {
            let receiver = receiver.clone();
            thread::Builder::new().name(format!("long-call-{number}")).spawn(move || take_turns(&receiver))?;
        }
        Ok(Turns(sender))
    }

    /// Awaits a call: on the threads of its task until its guest wants turns, and again when that waits for the host.
    ///
    /// One that is likely to take long begins with a turn. One whose task has gone ends with its turn.
    pub(crate) async fn run<T: Send + 'static>(&self, pace: &Pace, mut call: BoxedCall<T>) -> T {
        let mut has_run = Duration::ZERO;
        if !pace.is_slow() {
            match poll_fn(|context| serve(call.as_mut(), context)).await {
                Some(output) => return output,
                None => has_run = TICK,
            }
        }
        loop {
            let polled = self.next(call).await;
            has_run += polled.lasted;
            pace.set_slow(has_run >= TICK);
            match polled.result {
                Poll::Ready(output) => return output,
                Poll::Pending => call = polled.call,
            }
            if let Some(output) = poll_fn(|context| serve(call.as_mut(), context)).await {
                return output;
            }
        }
    }

    /// One turn, or several on end.
    async fn next<T: Send + 'static>(&self, call: BoxedCall<T>) -> Polled<T> {
        let waker = poll_fn(|context| Poll::Ready(context.waker().clone())).await;
        let (back, answer) = oneshot::channel();
        let lasted = Duration::ZERO;
        let turn = Wanted { call, waker, runtime: Handle::current(), lasted, back, turns: self.clone() };
        self.0.send(Box::new(turn)).expect("its threads end after it");
        let answer = answer.await.expect("each is answered while somebody waits for it");
        answer.unwrap_or_else(|panicked| resume_unwind(panicked))
    }
}

impl Pace {
    pub(crate) fn is_slow(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn set_slow(&self, slow: bool) {
        self.0.store(slow, Ordering::Relaxed);
    }
}

/// On a thread that serves requests. Comes out with None when the guest wants its turn.
fn serve<T>(call: Pin<&mut (dyn Future<Output = T> + Send)>, context: &mut Context<'_>) -> Poll<Option<T>> {
    match poll_at(Place::Serving, call, context) {
        (Poll::Ready(output), _) => Poll::Ready(Some(output)),
        (Poll::Pending, true) => Poll::Ready(None),
        (Poll::Pending, false) => Poll::Pending,
    }
}

/// What a guest must wait for at a tick; None if it goes on.
///
/// `first`: of its call. That comes at any time, also in a short call, which need not wait for those that are long.
pub(crate) fn at_tick(first: bool) -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> {
    match PLACE.get() {
        Place::Turn(ticks) if ticks < TICKS => {
            PLACE.set(Place::Turn(ticks + 1));
            None
        }
        Place::Apart => Some(Box::pin(yield_now())),
        Place::Serving if first => Some(Box::pin(yield_now())),
        Place::Serving | Place::Turn(_) | Place::Wanted => {
            PLACE.set(Place::Wanted);
            let mut has_yielded = false;
            // Nobody has to be woken: whoever polls it sees what it wants.
            Some(Box::pin(poll_fn(move |_| match std::mem::replace(&mut has_yielded, true) {
                false => Poll::Pending,
                true => Poll::Ready(()),
            })))
        }
    }
}

/// Whether the thread that asks serves requests, so that what it polls has not waited for a turn.
pub(crate) fn is_serving() -> bool {
    PLACE.get() == Place::Serving
}

/// With whether the guest wants its next turn.
fn poll_at<T>(
    place: Place,
    call: Pin<&mut (dyn Future<Output = T> + Send)>,
    context: &mut Context<'_>,
) -> (Poll<T>, bool) {
    let outer = PLACE.replace(place);
    let polled = call.poll(context);
    (polled, PLACE.replace(outer) == Place::Wanted)
}

impl<T: Send + 'static> Turn for Wanted<T> {
    fn run(mut self: Box<Self>) {
        if self.back.is_closed() {
            return;
        }
        // Timers and sockets that the call makes are the runtime's.
        let runtime = self.runtime.clone();
        let _entered = runtime.enter();
        let mut context = Context::from_waker(&self.waker);
        let began = Instant::now();
        let polled = catch_unwind(AssertUnwindSafe(|| poll_at(Place::Turn(0), self.call.as_mut(), &mut context)));
        self.lasted += began.elapsed();
        // Whoever waits for an answer may be gone.
        match polled {
            Ok((Poll::Pending, true)) => drop(self.turns.0.clone().send(self)),
            Ok((result, _)) => drop(self.back.send(Ok(Polled { call: self.call, result, lasted: self.lasted }))),
            Err(panicked) => drop(self.back.send(Err(panicked))),
        }
    }
}

/// The life of one thread.
fn take_turns(turns: &Mutex<mpsc::Receiver<Box<dyn Turn>>>) {
    let priority = PRIORITY.try_into().map_or(ThreadPriority::Min, ThreadPriority::Crossplatform);
    if let Err(error) = thread_priority::set_current_thread_priority(priority) {
        tracing::debug!("plugin calls that take long run at the usual priority: {error:?}");
    }
    let next = || turns.lock().unwrap_or_else(PoisonError::into_inner).recv();
    while let Ok(turn) = next() {
        turn.run();
    }
}

#[cfg(test)]
mod tests;
