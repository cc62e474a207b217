use std::thread;

use super::*;

fn take(counters: &Counters, key: &str, units: u64, limit: u64, now_ms: u64) -> Taken {
    let claim = Claim { namespace: "limit", bucket: "requests", key, units, limit, window_ms: 1000 };
    counters.take(&[claim], now_ms)[0]
}

fn taken(allowed: bool, remaining: u64, reset_ms: u64) -> Taken {
    Taken { allowed, remaining, reset_ms }
}

#[test]
fn a_window_opens_with_the_first_unit_and_ends_a_window_later() {
    let counters = Counters::new();
    assert_eq!(take(&counters, "k", 0, 2, 4000), taken(true, 2, 1000));
    assert_eq!(take(&counters, "k", 1, 2, 5000), taken(true, 1, 1000));
    assert_eq!(take(&counters, "k", 1, 2, 5900), taken(true, 0, 100));
    assert_eq!(take(&counters, "k", 1, 2, 5999), taken(false, 0, 1));
    assert_eq!(take(&counters, "k", 1, 2, 6000), taken(true, 1, 1000));
}

#[test]
fn units_are_taken_all_or_none() {
    let counters = Counters::new();
    assert_eq!(take(&counters, "k", 4, 3, 0), taken(false, 3, 1000));
    assert_eq!(take(&counters, "k", 2, 3, 0), taken(true, 1, 1000));
    assert_eq!(take(&counters, "k", 2, 3, 0), taken(false, 1, 1000));
    assert_eq!(take(&counters, "k", 1, 3, 0), taken(true, 0, 1000));
    assert_eq!(take(&counters, "k", u64::MAX, u64::MAX, 1), taken(false, u64::MAX - 3, 999));
}

#[test]
fn a_lowered_limit_counts_what_is_used_already() {
    let counters = Counters::new();
    take(&counters, "k", 5, 10, 0);
    assert_eq!(take(&counters, "k", 1, 3, 0), taken(false, 0, 1000));
    assert_eq!(take(&counters, "k", 1, 10, 0), taken(true, 4, 1000));
}

#[test]
fn namespaces_buckets_keys_and_windows_are_kept_apart() {
    let counters = Counters::new();
    for (namespace, bucket, key, window_ms) in [
        ("a", "b", "c", 1000),
        ("ab", "", "c", 1000),
        ("a", "bc", "", 1000),
        ("a", "b", "d", 1000),
        ("a", "b", "c", 2000),
    ] {
        assert!(
            counters.take(&[Claim { namespace, bucket, key, units: 1, limit: 1, window_ms }], 0)[0].allowed,
            "{namespace} {bucket} {key} {window_ms}"
        );
    }
    assert_eq!(counters.entries(), 5);
}

#[test]
fn exactly_the_limit_is_allowed_among_many_threads() {
    const THREADS: u64 = 8;
    const TAKES: u64 = 5000;
    const LIMIT: u64 = 12_345;
    let counters = Counters::new();
    let allowed: u64 = thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    (0..TAKES).filter(|now_ms| take(&counters, "k", 1, LIMIT, now_ms % 1000).allowed).count() as u64
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    assert_eq!(allowed, LIMIT);
}

#[test]
fn at_the_limit_of_entries_new_keys_are_denied_and_counted_and_old_ones_go_on() {
    let counters = Counters::with_entries_max(10);
    for n in 0..10 {
        assert!(take(&counters, &format!("k{n}"), 1, 5, n).allowed);
    }
    // The first of the ten windows ends at 1000.
    assert_eq!(take(&counters, "new", 1, 5, 400), taken(false, 0, 600));
    assert!(take(&counters, "k3", 1, 5, 400).allowed);
    assert_eq!((counters.entries(), counters.denied_when_full()), (10, 1));

    assert!(take(&counters, "new", 1, 5, 1000).allowed, "the first window has ended and made room");
    assert_eq!((counters.entries(), counters.denied_when_full()), (10, 1));
}

#[test]
fn the_default_limit_is_shared_by_the_shards() {
    let counters = Counters::new();
    assert_eq!(counters.shards.len(), SHARDS_MAX);
    assert_eq!(counters.entries_per_shard_max * SHARDS_MAX, ENTRIES_MAX);
}

#[test]
fn ended_windows_are_evicted_a_few_with_each_take() {
    let counters = Counters::with_entries_max(1000);
    for n in 0..1000 {
        take(&counters, &format!("k{n}"), 1, 5, 0);
    }
    take(&counters, "k999", 1, 5, 5000);
    assert!(counters.entries() <= 1000 - EVICTIONS_PER_TAKE_MAX + 1, "{}", counters.entries());
    for _ in 0..20 {
        take(&counters, "k999", 1, 5, 5000);
    }
    assert_eq!(counters.entries(), 1, "the one that is in use");
    assert_eq!(take(&counters, "k999", 0, 30, 5000).remaining, 30 - 5, "five of 21 were allowed");
}

#[test]
fn marks_of_replaced_windows_do_not_pile_up() {
    let counters = Counters::with_entries_max(1000);
    for round in 0..100 {
        for n in 0..500 {
            take(&counters, &format!("k{n}"), 1, 5, round * 1000);
        }
    }
    let shard = lock(&counters.shards[0]);
    assert!(shard.ends.len() <= 2 * shard.windows.len(), "{} {}", shard.ends.len(), shard.windows.len());
}

#[test]
fn a_long_key_takes_no_more_memory_than_a_hash_and_is_still_one_of_its_own() {
    let counters = Counters::new();
    let long = "x".repeat(100_000);
    assert!(take(&counters, &long, 1, 1, 0).allowed);
    assert!(!take(&counters, &long, 1, 1, 0).allowed);
    assert!(take(&counters, &format!("{long}y"), 1, 1, 0).allowed);
    let longest = counters
        .shards
        .iter()
        .flat_map(|shard| lock(shard).windows.keys().map(|name| name.len()).collect::<Vec<_>>())
        .max();
    assert_eq!(longest, Some(32));
}

#[test]
fn several_claims_are_met_together_or_not_at_all() {
    let counters = Counters::new();
    let claim = |key, limit| Claim { namespace: "n", bucket: "b", key, units: 1, limit, window_ms: 1000 };
    let both = [claim("wide", 10), claim("narrow", 1)];
    assert!(counters.take(&both, 0).iter().all(|taken| taken.allowed));
    for _ in 0..3 {
        assert_eq!(counters.take(&both, 1), [taken(true, 9, 999), taken(false, 0, 999)]);
    }
    let unopened = [claim("fresh", 5), claim("narrow", 1)];
    assert_eq!(counters.take(&unopened, 1), [taken(true, 5, 1000), taken(false, 0, 999)]);
    assert_eq!(counters.entries(), 2);
    let twice_the_same = [claim("pair", 1), claim("pair", 1)];
    assert_eq!(counters.take(&twice_the_same, 2), [taken(true, 1, 1000), taken(false, 1, 1000)]);
}

#[test]
fn a_claim_alone_is_met_as_it_is_beside_another() {
    let (alone, beside) = (Counters::new(), Counters::new());
    let other = Claim { namespace: "limit", bucket: "other", key: "k", units: 0, limit: 1, window_ms: 1000 };
    for (units, limit, now_ms) in [
        (0, 3, 0),
        (2, 3, 0),
        (2, 3, 400),
        (0, 3, 400),
        (1, 3, 999),
        (1, 3, 999),
        (1, 2, 1000),
        (5, 9, 1500),
        (7, 9, 1600),
    ] {
        let claim = Claim { bucket: "requests", units, limit, ..other };
        assert_eq!(alone.take(&[claim], now_ms)[0], beside.take(&[claim, other], now_ms)[0], "{units} of {limit}");
    }
}
