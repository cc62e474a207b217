//! Which of the threads that serve requests this is, so that what they keep warm need not be shared among them.

use std::cell::Cell;
use std::num::NonZeroUsize;
use std::sync::OnceLock;
use std::thread::available_parallelism;

thread_local! {
    static LANE: Cell<usize> = const { Cell::new(0) };
}

/// Says that this thread is the one with a number. Threads that do not say so share lane 0 with the first of them.
pub fn enter(number: usize) {
    LANE.set(number % count());
}

/// Less than [`count`].
pub fn current() -> usize {
    LANE.get()
}

/// As many as there are processors when it is first asked for.
pub fn count() -> usize {
    static COUNT: OnceLock<usize> = OnceLock::new();
    *COUNT.get_or_init(|| available_parallelism().map_or(1, NonZeroUsize::get))
}
