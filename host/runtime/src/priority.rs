//! How threads that load plugins give way to those that serve requests.

use std::panic::resume_unwind;
use std::thread;

use thread_priority::unix::{
    NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};
use thread_priority::{Error, ThreadPriority};

/// From this size on a component compiles for seconds.
pub(crate) const LONG_WORK_BYTES: usize = 1 << 20;

/// Gives the calling thread the lowest priority, for good.
pub(crate) fn give_way() {
    note(thread_priority::set_current_thread_priority(ThreadPriority::Min));
}

/// Does long work on a thread that runs only where a processor has nothing else to do, and waits for it.
///
/// A thread of the lowest priority still runs on to the end of its slice of some 3 ms when one that serves wakes up beside it.
/// Only the policy for idle times gives way at once; but on processors that are never idle it hardly runs at all, so that it is
/// for long work alone: a small plugin is swapped in quickly under any load.
pub(crate) fn when_idle<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let on_idle_thread = || {
        note(run_when_idle());
        work()
    };
    thread::scope(|scope| scope.spawn(on_idle_thread).join().unwrap_or_else(|panic| resume_unwind(panic)))
}

fn run_when_idle() -> Result<(), Error> {
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy)
}

/// Where the system refuses, serving is slower meanwhile; nothing else is lost.
fn note(lowered: Result<(), Error>) {
    if let Err(error) = lowered {
        tracing::debug!("the loader of plugins runs at the usual priority: {error:?}");
    }
}

#[cfg(test)]
mod tests {
    use thread_priority::unix::thread_schedule_policy;

    use super::*;

    #[test]
    fn long_work_waits_for_idle_processors_and_its_caller_does_not_become_like_it() {
        let normal = |policy| ThreadSchedulePolicy::Normal(policy);
        assert_eq!(when_idle(thread_schedule_policy), Ok(normal(NormalThreadSchedulePolicy::Idle)));
        assert_eq!(thread_schedule_policy(), Ok(normal(NormalThreadSchedulePolicy::Other)));
    }

    #[test]
    fn what_panics_there_panics_here() {
        let panicked = std::panic::catch_unwind(|| when_idle(|| panic!("told to")));
        assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"told to"));
    }
}
