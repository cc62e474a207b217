//! The OS thread that advances the engine's epoch, so that no guest can hold a thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use wasmtime::EngineWeak;

use crate::lane;

/// The length of one tick: how long a guest runs before it yields.
pub(crate) const TICK: Duration = Duration::from_millis(1);
/// The same while no call takes so long: to tick is a thread to wake, on a processor that would serve requests.
const CALM_TICK: Duration = Duration::from_millis(4);
/// After so long without a call that takes longer than a tick, they come seldom.
const CALM_AFTER: Duration = Duration::from_millis(100);
/// After so long without a call under way the thread sleeps until the next call.
const IDLE_MAX: Duration = Duration::from_millis(200);

#[derive(Debug)]
struct Shared {
    /// Calls under way, those that wait for the host or for their turn included: a guest that comes back to its thread after a
    /// long wait must meet a tick like any other. By the lane where each began, so that calls on different cores do not meet here.
    calls: Box<[Count]>,
    asleep: AtomicBool,
    /// A call has turned out to take longer than a tick since the last one.
    long: AtomicBool,
    /// Ticks come seldom.
    calm: AtomicBool,
    stop: AtomicBool,
}

/// Aligned to what one core takes from another at once, with its neighbour.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Count(AtomicUsize);

/// The calls of one instance, of which one at most is under way: while any is, ticks come.
#[derive(Debug)]
pub(crate) struct Ticking {
    ticker: Arc<Ticker>,
    /// Where the call that is under way is counted.
    lane: Option<usize>,
}

/// Ends its thread when dropped.
#[derive(Debug)]
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
    join: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(crate) fn start(engine: EngineWeak) -> std::io::Result<Ticker> {
        let calls = (0..lane::count()).map(|_| Count::default()).collect();
        let shared = Arc::new(Shared {
            calls,
            asleep: AtomicBool::new(false),
            long: AtomicBool::new(false),
            calm: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        });
        let join = thread::Builder::new().name("epoch-ticker".into()).spawn({
            let shared = shared.clone();
            move || run(&shared, &engine)
        })?;
        Ok(Ticker { thread: join.thread().clone(), shared, join: Some(join) })
    }
}

impl Ticking {
    pub(crate) fn new(ticker: Arc<Ticker>) -> Ticking {
        Ticking { ticker, lane: None }
    }

    /// A guest is about to run.
    pub(crate) fn begin(&mut self) {
        self.end();
        let lane = lane::current();
        if let Some(calls) = self.ticker.shared.calls.get(lane) {
            calls.0.fetch_add(1, Ordering::SeqCst);
            self.lane = Some(lane);
        }
        if self.ticker.shared.asleep.load(Ordering::SeqCst) {
            self.ticker.thread.unpark();
        }
    }

    /// The call takes longer than a tick: from now on all of them come.
    pub(crate) fn turns_out_long(&self) {
        let Ticker { shared, thread, .. } = self.ticker.as_ref();
        shared.long.store(true, Ordering::SeqCst);
        if shared.calm.swap(false, Ordering::SeqCst) {
            thread.unpark();
        }
    }

    pub(crate) fn end(&mut self) {
        if let Some(calls) = self.lane.take().and_then(|lane| self.ticker.shared.calls.get(lane)) {
            calls.0.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Shared {
    fn is_idle(&self) -> bool {
        self.calls.iter().all(|calls| calls.0.load(Ordering::SeqCst) == 0)
    }
}

impl Drop for Ticking {
    fn drop(&mut self) {
        self.end();
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.thread.unpark();
        if let Some(join) = self.join.take()
            && join.join().is_err()
        {
            tracing::error!("the epoch ticker had panicked");
        }
    }
}

/// How often ticks are needed, as far as the last of them tell.
#[derive(Debug, Default)]
struct Rhythm {
    /// So long without a call under way.
    idle: Duration,
    /// So long without a call that takes longer than a tick.
    calm: Duration,
}

impl Rhythm {
    fn is_calm(&self) -> bool {
        self.calm >= CALM_AFTER
    }

    /// To the next tick.
    fn pause(&self) -> Duration {
        if self.is_calm() { CALM_TICK } else { TICK }
    }

    /// A call has turned out to be long.
    fn hurry(&mut self) {
        self.calm = Duration::ZERO;
    }

    /// Behind a tick: whether no call is under way.
    fn ticked(&mut self, is_idle: bool) {
        let pause = self.pause();
        self.idle = if is_idle { self.idle + pause } else { Duration::ZERO };
        self.calm += pause;
    }
}

fn run(shared: &Shared, engine: &EngineWeak) {
    let mut rhythm = Rhythm::default();
    while !shared.stop.load(Ordering::SeqCst) {
        if rhythm.idle > IDLE_MAX {
            shared.asleep.store(true, Ordering::SeqCst);
            // A call that began before `asleep` was set has not seen it: look again before sleeping.
            if shared.is_idle() && !shared.stop.load(Ordering::SeqCst) {
                thread::park();
            }
            shared.asleep.store(false, Ordering::SeqCst);
            rhythm.idle = Duration::ZERO;
        }
        shared.calm.store(rhythm.is_calm(), Ordering::SeqCst);
        // Asked once the calm is told: a call that turns out long from here on sees it, and wakes this thread.
        if shared.long.swap(false, Ordering::SeqCst) {
            rhythm.hurry();
            shared.calm.store(false, Ordering::SeqCst);
        }
        let (pause, began) = (rhythm.pause(), Instant::now());
        thread::park_timeout(pause);
        // Whoever wakes it has met a tick just now, and has a whole one before the next.
        if began.elapsed() < pause {
            thread::sleep(TICK);
        }
        match engine.upgrade() {
            Some(engine) => engine.increment_epoch(),
            None => return,
        }
        rhythm.ticked(shared.is_idle());
    }
}

#[cfg(test)]
mod tests {
    use wasmtime::Engine;

    use super::*;

    #[test]
    fn it_sleeps_when_no_call_is_under_way_and_never_during_one() {
        let engine = Engine::default();
        let ticker = Arc::new(Ticker::start(engine.weak()).unwrap());
        let mut waiting_for_the_host = Ticking::new(ticker.clone());
        let asleep = || ticker.shared.asleep.load(Ordering::SeqCst);
        let wait_until_asleep = || {
            while !asleep() {
                thread::sleep(TICK);
            }
        };
        wait_until_asleep();
        waiting_for_the_host.begin();
        // Far longer than it takes to fall asleep.
        for _ in 0..2 * IDLE_MAX.as_millis() {
            thread::sleep(TICK);
        }
        assert!(!asleep());
        waiting_for_the_host.end();
        wait_until_asleep();
    }

    #[test]
    fn it_ticks_often_while_calls_are_long_and_seldom_otherwise() {
        let mut rhythm = Rhythm::default();
        let pauses = |rhythm: &mut Rhythm, long: bool| -> Vec<u128> {
            let pause = |_| {
                rhythm.ticked(false);
                if long {
                    rhythm.hurry();
                }
                rhythm.pause().as_millis()
            };
            (0..102).map(pause).collect()
        };
        assert_eq!(pauses(&mut rhythm, true), [1; 102]);
        assert_eq!(pauses(&mut rhythm, false), [[1; 99].as_slice(), &[4; 3]].concat());
        assert_eq!(pauses(&mut rhythm, true), [1; 102]);
    }

    #[test]
    fn a_long_call_ends_the_calm_for_a_while() {
        let engine = Engine::default();
        let ticker = Arc::new(Ticker::start(engine.weak()).unwrap());
        let mut call = Ticking::new(ticker.clone());
        call.begin();
        let is_calm = || ticker.shared.calm.load(Ordering::SeqCst);
        let wait_for = |calm: bool| {
            while is_calm() != calm {
                thread::sleep(TICK / 10);
            }
        };
        for _ in 0..2 {
            wait_for(true);
            let began = Instant::now();
            call.turns_out_long();
            wait_for(false);
            wait_for(true);
            assert!(began.elapsed() >= CALM_AFTER, "{:?}", began.elapsed());
        }
    }
}
