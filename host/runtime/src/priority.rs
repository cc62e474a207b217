//! How the threads that load plugins give way to those that serve requests.

use thread_priority::unix::{
    NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};
use thread_priority::{Error, ThreadPriority};

/// From this size on a component compiles for seconds.
const LONG_WORK_BYTES: usize = 1 << 20;

/// Lowers the calling thread for good, before it loads a component of so many bytes.
///
/// A thread of the lowest priority still runs on to the end of its slice of some 3 ms when one that serves wakes up beside it.
/// Only the policy for idle times gives way at once; but on processors that are never idle it hardly runs at all, so that it is
/// for long work alone: a small plugin is swapped in quickly under any load.
pub(crate) fn give_way(component_bytes: usize) {
    let lowered = match component_bytes >= LONG_WORK_BYTES {
        true => run_when_idle(),
        false => thread_priority::set_current_thread_priority(ThreadPriority::Min),
    };
    // Where the system refuses, serving is slower meanwhile; nothing else is lost.
    if let Err(error) = lowered {
        tracing::debug!("the loader of plugins runs at the usual priority: {error:?}");
    }
}

fn run_when_idle() -> Result<(), Error> {
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy)
}

#[cfg(test)]
mod tests {
    use thread_priority::unix::thread_schedule_policy;

    use super::*;

    fn policy_after(component_bytes: usize) -> ThreadSchedulePolicy {
        let thread = std::thread::spawn(move || {
            give_way(component_bytes);
            thread_schedule_policy()
        });
        thread.join().expect("no panic there").expect("a policy")
    }

    #[test]
    fn only_long_work_waits_for_idle_processors() {
        let normal = |policy| ThreadSchedulePolicy::Normal(policy);
        assert_eq!(policy_after(LONG_WORK_BYTES), normal(NormalThreadSchedulePolicy::Idle));
        assert_eq!(policy_after(LONG_WORK_BYTES - 1), normal(NormalThreadSchedulePolicy::Other));
    }
}
