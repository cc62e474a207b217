//! The OS thread that advances the engine's epoch, so that no guest can hold a thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use wasmtime::EngineWeak;

/// The length of one tick: how long a guest runs before it yields.
pub(crate) const TICK: Duration = Duration::from_millis(1);
/// After so many ticks without a guest at work the thread sleeps until the next call.
const IDLE_TICKS_MAX: u32 = 200;

#[derive(Debug, Default)]
struct Shared {
    /// A guest was called, or was still running at a tick.
    busy: AtomicBool,
    asleep: AtomicBool,
    stop: AtomicBool,
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
        let shared = Arc::new(Shared::default());
        let join = thread::Builder::new().name("epoch-ticker".into()).spawn({
            let shared = shared.clone();
            move || run(&shared, &engine)
        })?;
        Ok(Ticker { thread: join.thread().clone(), shared, join: Some(join) })
    }

    /// Says that a guest is about to run. Costs two loads while ticks are on.
    pub(crate) fn wake(&self) {
        if !self.shared.busy.load(Ordering::SeqCst) {
            self.shared.busy.store(true, Ordering::SeqCst);
        }
        if self.shared.asleep.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
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
        match shared.busy.swap(false, Ordering::SeqCst) {
            true => idle_ticks = 0,
            false => idle_ticks += 1,
        }
        if idle_ticks > IDLE_TICKS_MAX {
            shared.asleep.store(true, Ordering::SeqCst);
            // A call that began before `asleep` was set has set `busy`: look again before sleeping.
            if !shared.busy.load(Ordering::SeqCst) && !shared.stop.load(Ordering::SeqCst) {
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
