//! How many pages the system has given to a thread.
//!
//! Whoever writes to a page for the first time is given it, which is counted for the thread that writes: getrusage(2), `ru_minflt`, and
//! `ru_majflt` where it comes from a disk. So what a guest may have written to has not grown where the count has not.

use std::cell::Cell;
use std::sync::OnceLock;
use std::thread::{self, ThreadId};

use nix::sys::prctl;
use nix::sys::resource::{UsageWho, getrusage};

/// A moment in the life of one thread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    thread: ThreadId,
    number: u64,
}

/// Pages that a thread had been given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Given {
    thread: ThreadId,
    pages: i64,
}

/// What one thread knows of itself.
struct Clock {
    thread: ThreadId,
    now: Cell<u64>,
    read_at: Cell<u64>,
    pages: Cell<i64>,
}

thread_local! {
    static CLOCK: Clock = Clock {
        thread: thread::current().id(),
        now: Cell::new(0),
        read_at: Cell::new(0),
        pages: Cell::new(0),
    };
}

impl Moment {
    pub(crate) fn now() -> Moment {
        CLOCK.with(|clock| Moment { thread: clock.thread, number: clock.next() })
    }
}

impl Given {
    /// All that the thread of a moment had been given by then, and perhaps later ones. One question to the system serves for all
    /// moments before it.
    ///
    /// None to another thread, and where the system does not count.
    pub(crate) fn until(moment: Moment) -> Option<Given> {
        if !are_counted() {
            return None;
        }
        CLOCK.with(|clock| {
            if clock.thread != moment.thread {
                return None;
            }
            if clock.read_at.get() <= moment.number {
                clock.pages.set(counted()?);
                clock.read_at.set(clock.next());
            }
            Some(Given { thread: clock.thread, pages: clock.pages.get() })
        })
    }

    pub(crate) fn is_of(self, moment: Moment) -> bool {
        self.thread == moment.thread
    }
}

impl Clock {
    fn next(&self) -> u64 {
        self.now.set(self.now.get() + 1);
        self.now.get()
    }
}

/// To the thread that asks.
fn counted() -> Option<i64> {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).ok()?;
    Some(usage.minor_page_faults() + usage.major_page_faults())
}

/// Systems that only look like Linux may answer and count nothing; and one that joins small pages to large ones gives pages to nobody,
/// which this process does without.
pub(crate) fn are_counted() -> bool {
    static COUNTED: OnceLock<bool> = OnceLock::new();
    *COUNTED.get_or_init(|| prctl::set_thp_disable(true).is_ok() && a_page_counts() == Some(true))
}

fn a_page_counts() -> Option<bool> {
    // So long that the allocator always asks the system for pages that nobody has touched: mallopt(3), M_MMAP_THRESHOLD.
    let mut memory: Vec<u8> = Vec::new();
    memory.try_reserve_exact(64 << 20).ok()?;
    let before = counted()?;
    memory.resize(64 << 10, 1);
    std::hint::black_box(&memory);
    Some(counted()? > before)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes to a page that nobody has touched.
    fn touch() -> Vec<u8> {
        let mut memory = vec![0u8; 64 << 20];
        std::hint::black_box(&mut memory)[32 << 20] = 1;
        memory
    }

    #[test]
    fn a_page_that_is_written_to_for_the_first_time_is_told() {
        let began = Moment::now();
        let before = Given::until(began).expect("this system counts");
        let memory = touch();
        // One question serves for all moments before it, and only for those.
        assert_eq!(Given::until(began), Some(before));
        let after = Given::until(Moment::now()).unwrap();
        assert_ne!(before, after);
        assert!(after.is_of(began));
        drop(memory);
    }

    #[test]
    fn one_that_was_written_to_before_is_not() {
        let mut memory = touch();
        let before = Given::until(Moment::now());
        std::hint::black_box(&mut memory)[32 << 20] = 2;
        assert_eq!(Given::until(Moment::now()), before);
    }

    #[test]
    fn another_thread_is_told_nothing() {
        let moment = Moment::now();
        let elsewhere =
            thread::spawn(move || (Given::until(moment), Given::until(Moment::now()).map(|own| own.is_of(moment))));
        assert_eq!(elsewhere.join().unwrap(), (None, Some(false)));
    }
}
