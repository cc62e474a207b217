//! Handles that are leaked, forged or outlived, waits in WASI, and what WASI tells of time and chance.

use serde_json::Value;
use sluicegate_tests::guests;

use super::{ends, gateway, is_whole, told};
use crate::support::{Origin, refusal};

const ROOMY: &str = "cpu_max_ms = 10_000, wall_max_ms = 60_000";
const GRANTS: &str = ", \"clock\", \"random\"";

#[tokio::test]
async fn handles_that_are_never_dropped_end_at_their_limit() {
    ends("leak-handles", "host_calls", ROOMY).await;
}

#[tokio::test]
async fn a_handle_that_is_dropped_twice_ends_its_guest() {
    ends("drop-twice", "host_calls", ROOMY).await;
}

#[tokio::test]
async fn a_handle_that_is_used_after_its_drop_ends_its_guest() {
    ends("use-after-drop", "host_calls", ROOMY).await;
}

#[tokio::test]
async fn a_handle_that_was_made_up_ends_its_guest() {
    ends("forge-handle", "host_calls", ROOMY).await;
}

#[tokio::test]
async fn a_handle_of_another_kind_ends_its_guest() {
    ends("wrong-handle", "host_calls", ROOMY).await;
}

#[tokio::test]
async fn a_sleep_in_wasi_ends_at_the_wall_limit() {
    ends("sleep", "wall", "cpu_max_ms = 20, wall_max_ms = 100").await;
}

#[tokio::test]
async fn more_random_bytes_than_there_is_memory_end_their_guest() {
    ends("many-random", "host_calls", ROOMY).await;
}

#[tokio::test]
async fn time_and_chance_of_wasi_follow_the_grants_also_in_an_instance_that_is_used_again() {
    let origin = Origin::start().await;
    let entry = |isolation: &str, grants: &str| {
        format!("isolation = \"{isolation}\", grants = [\"metrics\"{grants}], config = {{ heads_only = true }}")
    };
    let (bare, bare_fresh) = (entry("pooled", ""), entry("request", ""));
    let (timed, timed_fresh) = (entry("pooled", GRANTS), entry("request", GRANTS));
    let entries = [("bare", &*bare), ("bare-fresh", &*bare_fresh), ("timed", &*timed), ("timed-fresh", &*timed_fresh)];
    let gateway = gateway(&origin, "", &entries);
    let mut told_by = std::collections::BTreeMap::<String, Vec<Value>>::new();
    for count in 1..=3 {
        for name in ["bare", "bare-fresh", "timed", "timed-fresh"] {
            assert!(is_whole(&told(&gateway, name, "head=tell-time").await), "{name}, {count}");
        }
    }
    for line in gateway.wait_for_log(12) {
        let route = line["route"].as_str().expect("its route").to_owned();
        told_by.entry(route).or_default().push(line["labels"].clone());
    }
    let text = |labels: &Value, name: &str| labels[name].as_str().expect("a label").to_owned();
    for name in ["bare", "bare-fresh"] {
        for labels in &told_by[name] {
            assert_eq!((text(labels, "wall-seconds"), text(labels, "monotonic")), ("0".into(), "0".into()), "{name}");
        }
    }
    // A fresh instance begins its constant anew; a warm one goes on in it, and so would everybody's.
    let chances = |name: &str| told_by[name].iter().map(|labels| text(labels, "chance")).collect::<Vec<_>>();
    assert!(chances("bare-fresh").windows(2).all(|pair| pair[0] == pair[1]), "{:?}", chances("bare-fresh"));
    assert_eq!(chances("bare")[0], chances("bare-fresh")[0]);
    for name in ["timed", "timed-fresh"] {
        for labels in &told_by[name] {
            let seconds: u64 = text(labels, "wall-seconds").parse().expect("a number");
            assert!(seconds > 1_700_000_000, "{name}: {labels}");
        }
        let chances = chances(name);
        assert!(chances.windows(2).all(|pair| pair[0] != pair[1]), "{name}: {chances:?}");
        assert_ne!(chances[0], told_by["bare"][0]["chance"].as_str().expect("a label"), "{name}");
    }
}

#[test]
fn handles_that_go_wrong_in_configure_are_refused_before_a_request_is_served() {
    for act in ["leak-handles", "drop-twice", "use-after-drop", "forge-handle", "wrong-handle"] {
        let entry = format!("grants = [\"metrics\"], isolation = \"pooled\", config = {{ configure = \"{act}\" }}");
        let said = refusal(guests::BRUTE, &entry);
        assert!(said.contains("`configure` failed: host_calls: "), "{act}: {said}");
    }
}
