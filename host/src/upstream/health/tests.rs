use super::*;
use crate::clock::ManualClock;

fn health() -> (Arc<ManualClock>, Arc<Health>) {
    let clock = Arc::new(ManualClock::at_unix_ms(0));
    clock.advance(Duration::from_secs(100));
    (clock.clone(), Arc::new(Health::new(clock)))
}

/// The next attempt fails.
fn fail(health: &Arc<Health>) {
    health.begin().failed();
}

#[test]
fn an_upstream_that_fails_rests_for_a_second_and_twice_as_long_each_time() {
    let (clock, health) = health();
    assert_eq!(health.rests_ms(), 0);
    for seconds in [1, 2, 4, 8, 16, 30, 30, 30] {
        fail(&health);
        assert_eq!(health.rests_ms(), seconds * 1_000);
        clock.advance(Duration::from_secs(seconds));
        assert_eq!(health.rests_ms(), 0);
    }
}

#[test]
fn an_answer_ends_a_rest_and_the_next_one_is_short_again() {
    let (clock, health) = health();
    fail(&health);
    clock.advance(Duration::from_secs(1));
    fail(&health);
    health.begin().answered(Duration::ZERO);
    assert_eq!(health.rests_ms(), 0);
    fail(&health);
    assert_eq!(health.rests_ms(), 1_000);
}

#[test]
fn attempts_that_fail_together_count_as_one() {
    let (clock, health) = health();
    let mut attempts: Vec<UnderWay> = (0..50).map(|_| health.begin()).collect();
    attempts.iter_mut().for_each(UnderWay::failed);
    assert_eq!(health.rests_ms(), 1_000);
    clock.advance(Duration::from_secs(1));
    attempts.iter_mut().for_each(UnderWay::failed);
    assert_eq!(health.rests_ms(), 0, "they began before the rest");
}

#[test]
fn after_a_rest_one_attempt_probes_while_others_see_it_rest() {
    let (clock, health) = health();
    fail(&health);
    clock.advance(Duration::from_millis(1_500));
    assert_eq!(health.rests_ms(), 0);
    let mut probe = health.begin();
    assert_eq!(health.rests_ms(), 1_000);
    let mut other = health.begin();
    other.failed();
    assert_eq!(health.rests_ms(), 1_000);
    probe.failed();
    assert_eq!(health.rests_ms(), 2_000);
    clock.advance(Duration::from_secs(2));
    health.begin().answered(Duration::ZERO);
    assert_eq!(health.rests_ms(), 0);
}

#[test]
fn a_probe_that_ends_without_a_verdict_leaves_the_next_attempt_to_be_one() {
    let (clock, health) = health();
    fail(&health);
    clock.advance(Duration::from_secs(1));
    let given_up = health.begin();
    assert_eq!(health.rests_ms(), 1_000);
    drop(given_up);
    assert_eq!(health.rests_ms(), 0);
    // One that outlives its time ends nothing that others have begun.
    let slow = health.begin();
    clock.advance(Duration::from_secs(1));
    let mut next = health.begin();
    drop(slow);
    assert_eq!(health.rests_ms(), 1_000);
    next.failed();
    drop(next);
    assert_eq!(health.rests_ms(), 2_000, "it stays a failure");
}

#[test]
fn what_is_under_way_is_counted_to_its_end() {
    let (_, health) = health();
    let (mut one, mut other) = (health.begin(), health.begin());
    assert_eq!(health.in_flight(), 2);
    one.failed();
    drop(one);
    other.answered(Duration::ZERO);
    assert_eq!(health.in_flight(), 1);
    drop(other);
    assert_eq!(health.in_flight(), 0);
}

#[test]
fn averages_begin_with_the_first_value_and_forget_old_ones() {
    let (_, health) = health();
    assert_eq!((health.first_byte_ms(), health.failures_per_thousand()), (None, None));
    health.begin().answered(Duration::from_millis(100));
    assert_eq!((health.first_byte_ms(), health.failures_per_thousand()), (Some(100), Some(0)));
    health.begin().answered(Duration::from_millis(200));
    fail(&health);
    assert_eq!((health.first_byte_ms(), health.failures_per_thousand()), (Some(150), Some(333)));
    (0..200).for_each(|_| health.begin().answered(Duration::from_millis(10)));
    assert_eq!((health.first_byte_ms(), health.failures_per_thousand()), (Some(10), Some(0)));
}

#[test]
fn an_answer_that_turns_out_to_be_none_lengthens_the_rest_like_any_failure() {
    let (clock, health) = health();
    for seconds in [1, 2, 4] {
        let mut attempt = health.begin();
        attempt.answered(Duration::ZERO);
        assert_eq!(health.rests_ms(), 0);
        attempt.failed();
        attempt.failed();
        assert_eq!(health.rests_ms(), seconds * 1_000);
        clock.advance(Duration::from_secs(seconds));
    }
    health.begin().answered(Duration::ZERO);
    fail(&health);
    assert_eq!(health.rests_ms(), 1_000);
}
