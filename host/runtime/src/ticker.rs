//! The OS thread that advances the engine's epoch, so that no guest can hold a thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use wasmtime::EngineWeak;

use crate::lane;

/// The length of one tick: how long a guest runs before it yields.
pub(crate) const TICK: Duration = Duration::from_millis(1);
/// After so many ticks that found no call under way the thread sleeps until the next call.
const IDLE_TICKS_MAX: u32 = 200;

#[derive(Debug)]
struct Shared {
    /// Calls under way, those that wait for the host or for their turn included: a guest that comes back to its thread after a
    /// long wait must meet a tick like any other. By the lane where each began, so that calls on different cores do not meet here.
    calls: Box<[Count]>,
    asleep: AtomicBool,
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
        let shared = Arc::new(Shared { calls, asleep: AtomicBool::new(false), stop: AtomicBool::new(false) });
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

fn run(shared: &Shared, engine: &EngineWeak) {
    let mut idle_ticks = 0;
    while !shared.stop.load(Ordering::SeqCst) {
        match shared.is_idle() {
            true => idle_ticks += 1,
            false => idle_ticks = 0,
        }
        if idle_ticks > IDLE_TICKS_MAX {
            shared.asleep.store(true, Ordering::SeqCst);
            // A call that began before `asleep` was set has not seen it: look again before sleeping.
            if shared.is_idle() && !shared.stop.load(Ordering::SeqCst) {
                thread::park();
            }
            shared.asleep.store(false, Ordering::SeqCst);
            idle_ticks = 0;
        }
        thread::sleep(TICK);
        match engine.upgrade() {
            Some(engine) => engine.increment_epoch(),
            None => return,
        }
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
        for _ in 0..2 * IDLE_TICKS_MAX {
            thread::sleep(TICK);
        }
        assert!(!asleep());
        waiting_for_the_host.end();
        wait_until_asleep();
    }
}
