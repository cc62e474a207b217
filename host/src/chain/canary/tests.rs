use std::time::Duration;

use super::*;

fn policy() -> RollbackPolicy {
    RollbackPolicy { failures: 3, rejections_percent: 20, exchanges_min: 10, window: Duration::from_secs(10) }
}

fn at(ms: u64) -> Now {
    Now { monotonic_ms: ms, unix_ms: 1_700_000_000_000 + ms }
}

fn consumers(weight: u8) -> Vec<usize> {
    (0..10_000).filter(|number| is_chosen("audit", &format!("consumer-{number}"), weight)).collect()
}

#[test]
fn a_weight_is_the_share_of_consumers_that_meet_the_canary() {
    assert_eq!((consumers(0).len(), consumers(100).len()), (0, 10_000));
    for weight in [1, 5, 50, 95] {
        let (count, wanted) = (consumers(weight).len() as i64, i64::from(weight) * 100);
        assert!((count - wanted).abs() < 150, "{count} of 10,000 at {weight} percent");
    }
}

#[test]
fn a_higher_weight_keeps_those_who_met_the_canary_before() {
    let (few, more) = (consumers(5), consumers(20));
    assert!(few.iter().all(|consumer| more.contains(consumer)));
}

#[test]
fn two_entries_do_not_choose_the_same_consumers() {
    let chosen = |entry: &str| (0..10_000).filter(|n| is_chosen(entry, &n.to_string(), 50)).collect::<Vec<_>>();
    let (one, other) = (chosen("one"), chosen("other"));
    let both = one.iter().filter(|number| other.binary_search(number).is_ok()).count();
    assert!((2_300..2_700).contains(&both), "{both} of 10,000 in both");
}

#[test]
fn the_choice_is_the_same_in_every_gateway() {
    let chosen: Vec<usize> = (0..200).filter(|n| is_chosen("audit", &n.to_string(), 5)).collect();
    assert_eq!(chosen, consumers_of_a_release());
}

/// What the first release chose. Another result would move consumers when a gateway is replaced by a newer one.
fn consumers_of_a_release() -> Vec<usize> {
    vec![14, 16, 32, 37, 118, 141, 148, 192]
}

#[test]
fn the_last_failure_of_the_threshold_rolls_back_and_the_one_before_does_not() {
    let state = CanaryState::new(policy());
    assert_eq!(state.note(Version::Canary, Event::Failed, at(0)), None);
    assert_eq!(state.note(Version::Canary, Event::Failed, at(1)), None);
    let rollback = state.note(Version::Canary, Event::Failed, at(2)).unwrap();
    assert_eq!(rollback.since_unix_ms, 1_700_000_000_002);
    assert_eq!(rollback.why.to_string(), "the canary failed 3 times within 10000 ms");
    assert_eq!(state.rollback(), Some(rollback));
    assert_eq!(state.note(Version::Canary, Event::Failed, at(3)), None, "it is said once");
}

#[test]
fn failures_of_the_stable_version_and_those_outside_the_window_do_not_count() {
    let state = CanaryState::new(policy());
    for second in 0..100 {
        assert_eq!(state.note(Version::Stable, Event::Failed, at(second * 1_000)), None);
        assert_eq!(state.note(Version::Canary, Event::Failed, at(second * 6_000)), None);
    }
}

#[test]
fn rejections_are_compared_with_the_stable_versions_once_both_have_met_enough() {
    let state = CanaryState::new(policy());
    for _ in 0..9 {
        assert_eq!(state.note(Version::Canary, Event::Met, at(0)), None);
        assert_eq!(state.note(Version::Canary, Event::Rejected, at(0)), None);
    }
    for _ in 0..20 {
        assert_eq!(state.note(Version::Stable, Event::Met, at(0)), None);
    }
    let rollback = state.note(Version::Canary, Event::Met, at(0)).unwrap();
    assert_eq!(rollback.why.to_string(), "the canary rejected 9 of 10 exchanges, the stable version 0 of 20");
}

#[test]
fn a_canary_that_rejects_little_more_than_the_stable_version_stays() {
    let state = CanaryState::new(policy());
    for number in 0..100 {
        for version in [Version::Stable, Version::Canary] {
            assert_eq!(state.note(version, Event::Met, at(number)), None);
        }
        // 50 percent of the stable version's, 69 of the canary's.
        if number % 2 == 0 {
            assert_eq!(state.note(Version::Stable, Event::Rejected, at(number)), None);
        }
    }
    for _ in 0..69 {
        assert_eq!(state.note(Version::Canary, Event::Rejected, at(100)), None);
    }
    assert!(state.note(Version::Canary, Event::Rejected, at(100)).is_some(), "70 percent are 20 points more");
}

#[test]
fn the_figures_forget_what_is_older_than_the_window() {
    let state = CanaryState::new(policy());
    for _ in 0..50 {
        state.note(Version::Canary, Event::Met, at(0));
        state.note(Version::Canary, Event::Rejected, at(0));
    }
    for _ in 0..50 {
        assert_eq!(state.note(Version::Stable, Event::Met, at(11_500)), None);
        assert_eq!(state.note(Version::Canary, Event::Met, at(11_500)), None);
    }
}
