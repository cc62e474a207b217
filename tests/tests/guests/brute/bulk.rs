//! What runs for long in one instruction, in calls and loops by turns, or deep: it ends in every phase, and its request alone.

use super::ends;

#[tokio::test]
async fn a_loop_of_memory_fill_over_all_memory_ends_at_the_cpu_limit() {
    ends("fill", "cpu", "cpu_max_ms = 20, wall_max_ms = 60_000").await;
}

#[tokio::test]
async fn a_loop_of_memory_copy_over_all_memory_ends_at_the_cpu_limit() {
    ends("copy", "cpu", "cpu_max_ms = 20, wall_max_ms = 60_000").await;
}

#[tokio::test]
async fn host_calls_and_loops_by_turns_end_at_the_cpu_limit() {
    ends("alternate", "cpu", "cpu_max_ms = 20, wall_max_ms = 60_000, host_calls_max = 1_000_000_000").await;
}

#[tokio::test]
async fn host_calls_and_loops_by_turns_end_at_the_wall_limit_where_that_comes_first() {
    ends("alternate", "wall", "cpu_max_ms = 60_000, wall_max_ms = 100, host_calls_max = 1_000_000_000").await;
}

#[tokio::test]
async fn recursion_through_host_calls_ends_at_the_stack() {
    ends("deep-calls", "stack", "cpu_max_ms = 10_000, wall_max_ms = 60_000").await;
}

#[tokio::test]
async fn a_call_of_the_host_while_the_host_waits_for_room_is_refused_at_the_first_level() {
    ends("reenter", "trap", "cpu_max_ms = 10_000, wall_max_ms = 60_000").await;
}
