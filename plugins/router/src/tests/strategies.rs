//! The order that each strategy makes.

use std::collections::BTreeMap;

use super::*;
use crate::choice::is_trial;
use crate::order::{Order, Random, Seat};
use serde_json::{Value, json};

fn three() -> Exchange {
    Exchange::new("GET", "/").targets(["a", "b", "c"])
}

fn named(strategy: &str, names: [&str; 3]) -> Value {
    json!({ "strategy": strategy, "targets": names.map(|name| json!({ "upstream": name })) })
}

#[test]
fn priority_has_the_order_of_the_config_and_those_that_rest_last() {
    let policy = policy(named("priority", ["c", "a", "b"]));
    assert_eq!(routed(&policy, three()), ["c", "a", "b"]);
    let resting = three().figure("rests-ms", [Some(0), Some(0), Some(9)]);
    assert_eq!(routed(&policy, resting), ["a", "b", "c"]);
    let all_resting = three().figure("rests-ms", [Some(1), Some(1), Some(9)]);
    assert_eq!(routed(&policy, all_resting), ["c", "a", "b"]);
}

#[test]
fn an_upstream_that_is_not_named_is_left_out_and_one_that_the_route_lacks_is_passed_over() {
    let policy = policy(named("priority", ["c", "elsewhere", "a"]));
    assert_eq!(routed(&policy, three()), ["c", "a"]);
}

#[test]
fn where_the_route_has_none_of_those_named_nothing_is_left_and_the_log_says_so() {
    let policy = policy(json!({ "targets": [{ "upstream": "elsewhere" }] }));
    let mut exchange = three();
    policy.route(&mut exchange);
    assert!(exchange.plan().is_empty());
    assert!(exchange.log()[0].1.contains("none of the upstreams"), "{:?}", exchange.log());
}

#[test]
fn what_a_plugin_in_front_took_out_of_the_plan_stays_out() {
    let first = policy(json!({ "targets": [{ "upstream": "b" }, { "upstream": "a" }] }));
    let second = policy(named("least-busy", ["c", "a", "b"]));
    let mut exchange = three().figure("in-flight", [Some(1), Some(2), Some(0)]);
    first.route(&mut exchange);
    assert_eq!(routed(&second, exchange), ["a", "b"]);
}

#[test]
fn the_least_busy_and_the_quickest_come_first_and_the_unknown_before_them() {
    let busy = |values| three().figure("in-flight", values);
    let all = policy(json!({ "strategy": "least-busy" }));
    assert_eq!(routed(&all, busy([Some(2), Some(0), Some(1)])), ["b", "c", "a"]);
    assert_eq!(routed(&all, busy([Some(1), Some(1), Some(1)])), ["a", "b", "c"]);
    let some = policy(named("least-busy", ["c", "b", "a"]));
    assert_eq!(routed(&some, busy([Some(1), Some(1), Some(1)])), ["c", "b", "a"]);
    let resting = busy([Some(0), Some(5), Some(6)]).figure("rests-ms", [Some(1), None, Some(0)]);
    assert_eq!(routed(&all, resting), ["b", "c", "a"]);

    let quick = policy(json!({ "strategy": "lowest-latency" }));
    let exchange = three().figure("first-byte-ms", [Some(30), Some(4), Some(9)]);
    assert_eq!(routed(&quick, exchange), ["b", "c", "a"]);
    let exchange = three().figure("first-byte-ms", [Some(30), Some(4), None]);
    assert_eq!(routed(&quick, exchange), ["c", "b", "a"]);
}

#[test]
fn one_request_in_64_goes_by_lot_past_the_quickest() {
    let trials = (0..64_000).filter(|lot| is_trial(*lot)).count();
    assert!((900..1_100).contains(&trials), "{trials}");
}

#[test]
fn shares_are_in_proportion_to_the_weights_and_those_without_come_last() {
    let weights = [5, 3, 0, 2];
    let mut first = [0_u32; 4];
    let rounds = 20_000;
    for round in 0..rounds {
        let mut order = Order::default();
        for (place, target) in (0..4).enumerate() {
            order.push(Seat { target, place, ..Seat::default() });
        }
        order.draw(Random::new(round * 7_919), |seat| weights[seat.place]);
        order.sort();
        let targets: Vec<u32> = order.seats().iter().map(|seat| seat.target).collect();
        assert_eq!(targets[3], 2, "without weight");
        first[targets[0] as usize] += 1;
        let mut sorted = targets;
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 1, 2, 3], "each once");
    }
    for (found, weight) in first.iter().zip(weights) {
        let expected = rounds as f64 * weight as f64 / 10.0;
        assert!((f64::from(*found) - expected).abs() < 300.0, "{first:?}");
    }
}

#[test]
fn what_rests_is_behind_whatever_its_weight() {
    let policy = policy(json!({
        "strategy": "weighted",
        "targets": [{ "upstream": "a", "weight": 1_000_000 }, { "upstream": "b" }, { "upstream": "c", "weight": 0 }],
    }));
    let exchange = three().figure("rests-ms", [Some(1), None, None]);
    assert_eq!(routed(&policy, exchange), ["b", "c", "a"]);
}

#[test]
fn a_caller_stays_where_he_is_and_a_lost_upstream_moves_only_its_own() {
    let policy = policy(json!({ "strategy": "sticky", "by": "consumer" }));
    assert_eq!(policy.setup().requires, ["identity"]);
    let plan = |consumer: &str, targets: Exchange| routed(&policy, targets.identity("consumer", consumer));
    let mut shares = BTreeMap::new();
    for number in 0..3_000 {
        let consumer = format!("consumer-{number}");
        let whole = plan(&consumer, three());
        assert_eq!(whole, plan(&consumer, three()), "the same again");
        *shares.entry(whole[0].clone()).or_insert(0) += 1;
        // The order of the config does not matter, and without one of them the others keep theirs.
        assert_eq!(whole, plan(&consumer, Exchange::new("GET", "/").targets(["c", "a", "b"])));
        let rest: Vec<String> = whole.iter().filter(|name| *name != "b").cloned().collect();
        assert_eq!(rest, plan(&consumer, Exchange::new("GET", "/").targets(["a", "c"])));
        // One that rests is behind, and the others keep their order, too.
        let resting = plan(&consumer, three().figure("rests-ms", [None, Some(5), None]));
        assert_eq!((&resting[..2], resting[2].as_str()), (&rest[..], "b"));
    }
    assert!(shares.values().all(|share| (900..1_100).contains(share)), "{shares:?}");
}

#[test]
fn named_upstreams_keep_a_caller_where_all_of_the_routes_would() {
    let by_header =
        |targets: Value| policy(json!({ "strategy": "sticky", "by": "header:X-Session", "targets": targets }));
    let all = by_header(json!([]));
    let some = by_header(json!([{ "upstream": "b" }, { "upstream": "c" }, { "upstream": "a" }]));
    for session in ["1", "2", "3", "4", "5"] {
        let exchange = || three().header("x-session", session);
        assert_eq!(routed(&all, exchange()), routed(&some, exchange()), "{session}");
    }
}

#[test]
fn without_a_value_to_keep_by_requests_go_by_lot() {
    let policy = policy(json!({ "strategy": "sticky", "by": "header:x-session" }));
    let mut firsts = BTreeMap::new();
    let mut exchange = three();
    for _ in 0..32 {
        policy.route(&mut exchange);
        *firsts.entry(exchange.plan()[0].to_owned()).or_insert(0) += 1;
        exchange = exchange.targets(["a", "b", "c"]);
    }
    assert_eq!(firsts.len(), 3, "{firsts:?}");
}

#[test]
fn seats_past_the_sixteenth_are_left_out() {
    let mut order = Order::default();
    (0..20).for_each(|target| order.push(Seat { target, ..Seat::default() }));
    assert_eq!(order.seats().len(), 16);
}
