//! The OS thread that advances the engine's epoch, so that no guest can hold a thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use wasmtime::EngineWeak;

/// The length of one tick: how long a guest runs before it yields.
pub(crate) const TICK: Duration = Duration::from_millis(1);
/// After so many ticks that found no call under way the thread sleeps until the next call.
const IDLE_TICKS_MAX: u32 = 200;

#[derive(Debug, Default)]
struct Shared {
    /// Calls under way, those that wait for the host or for their turn included: a guest that comes back to its thread after a
    /// long wait must meet a tick like any other.
    calls: AtomicUsize,
    asleep: AtomicBool,
    stop: AtomicBool,
}

/// One call under way: while there is any, ticks come.
#[derive(Debug)]
pub(crate) struct Ticking(Arc<Shared>);

/// Ends its thread when dropped.
#[derive(Debug)]
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
    join: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(crate) fn start(engine: EngineWeak) -> std::io::Result<Ticker> {
        let shared = Arc::new(Shared::default());
        let join = thread::Builder::new().name("epoch-ticker".into()).spawn({
            let shared = shared.clone();
            move || run(&shared, &engine)
        })?;
        Ok(Ticker { thread: join.thread().clone(), shared, join: Some(join) })
    }

    /// A guest is about to run.
    pub(crate) fn tick(&self) -> Ticking {
        self.shared.calls.fetch_add(1, Ordering::SeqCst);
        if self.shared.asleep.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
        Ticking(self.shared.clone())
    }
}

impl Drop for Ticking {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::SeqCst);
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
        match shared.calls.load(Ordering::SeqCst) {
            0 => idle_ticks += 1,
            _ => idle_ticks = 0,
        }
        if idle_ticks > IDLE_TICKS_MAX {
            shared.asleep.store(true, Ordering::SeqCst);
            // A call that began before `asleep` was set has not seen it: look again before sleeping.
            if shared.calls.load(Ordering::SeqCst) == 0 && !shared.stop.load(Ordering::SeqCst) {
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
        let ticker = Ticker::start(engine.weak()).unwrap();
        let asleep = || ticker.shared.asleep.load(Ordering::SeqCst);
        let wait_until_asleep = || {
            while !asleep() {
                thread::sleep(TICK);
            }
        };
        wait_until_asleep();
        let waiting_for_the_host = ticker.tick();
        // Far longer than it takes to fall asleep.
        for _ in 0..2 * IDLE_TICKS_MAX {
            thread::sleep(TICK);
        }
        assert!(!asleep());
        drop(waiting_for_the_host);
        wait_until_asleep();
    }
}
