//! What a request costs.

use serde_json::json;

use super::*;
use crate::price::Price;

fn cost(prices: Value, exchange: Exchange) -> Option<String> {
    ended(&policy(json!({ "prices": prices })), exchange).label("cost_nano_usd").map(str::to_owned)
}

#[test]
fn a_request_costs_its_own_price_and_that_of_its_bytes() {
    let prices = json!([{ "request": 1_000, "request_mib": 300, "reply_mib": 700 }]);
    assert_eq!(cost(prices.clone(), answered(200, 0, 0)).as_deref(), Some("1000"));
    assert_eq!(cost(prices, answered(200, 2 << 20, 3 << 20)).as_deref(), Some("3700"));
}

#[test]
fn a_begun_nano_usd_counts_as_a_whole_one_and_once() {
    let prices = json!([{ "request_mib": 1, "reply_mib": 1 }]);
    for (request, reply, expected) in
        [(0, 0, "0"), (1, 0, "1"), (1, 1, "1"), (1 << 19, 1 << 19, "1"), ((1 << 19) + 1, 1 << 19, "2")]
    {
        assert_eq!(cost(prices.clone(), answered(200, request, reply)).as_deref(), Some(expected), "{request} {reply}");
    }
}

#[test]
fn no_sum_is_too_large() {
    let most = Price {
        route: None,
        upstream: None,
        consumer: None,
        status: None,
        request: 1,
        request_mib: u64::MAX,
        reply_mib: u64::MAX,
    };
    let usage = |request_bytes, reply_bytes| Usage {
        request_bytes,
        reply_bytes,
        status: 200,
        outcome: String::new(),
        upstream: String::new(),
    };
    assert_eq!(most.of(&usage(u64::MAX, u64::MAX)), u64::MAX);
    assert_eq!(most.of(&usage(1 << 20, 0)), u64::MAX);
    assert_eq!(most.of(&usage(1 << 19, 0)), (u64::MAX >> 1) + 2);
    assert_eq!(cost(json!([{ "request": u64::MAX }]), answered(200, 0, 0)), Some(u64::MAX.to_string()));
}

#[test]
fn the_first_price_that_matches_is_charged() {
    let prices = json!([
        { "status": "5xx" },
        { "status": "404", "request": 1 },
        { "upstream": "far", "request": 2 },
        { "consumer": "acme", "route": "models", "request": 3 },
        { "route": "models", "request": 4 },
    ]);
    let charged = |exchange| cost(prices.clone(), exchange);
    let ok = || answered(200, 1, 1);
    assert_eq!(charged(answered(503, 1, 1).upstream("far")).as_deref(), Some("0"));
    assert_eq!(charged(answered(700, 1, 1)).as_deref(), Some("0"), "no status that HTTP knows");
    assert_eq!(charged(answered(404, 1, 1)).as_deref(), Some("1"));
    assert_eq!(charged(ok().upstream("far").route("models")).as_deref(), Some("2"));
    assert_eq!(charged(ok().route("models").identity("consumer", "acme")).as_deref(), Some("3"));
    assert_eq!(charged(ok().route("models").identity("consumer", "other")).as_deref(), Some("4"));
    assert_eq!(charged(ok().route("models")).as_deref(), Some("4"));
    assert_eq!(charged(ok().route("images")), None);
}

#[test]
fn what_has_no_price_is_counted_and_has_no_label() {
    let policy = policy(json!({ "prices": [{ "status": "2xx", "request": 5 }] }));
    let (paid, unpaid) = (ended(&policy, answered(204, 0, 0)), ended(&policy, answered(404, 0, 0)));
    assert_eq!((paid.counted("metered_cost_nano_usd"), paid.counted("metered_unpriced_requests")), (5, 0));
    assert_eq!((unpaid.counted("metered_cost_nano_usd"), unpaid.counted("metered_unpriced_requests")), (0, 1));
    assert_eq!(unpaid.label("cost_nano_usd"), None);
}

#[test]
fn a_cost_without_a_place_among_the_labels_is_counted_and_the_log_says_so() {
    let policy = policy(json!({ "prices": [{ "request": 5 }] }));
    let mut exchange = answered(200, 0, 0);
    for number in 0..32 {
        exchange = exchange.labelled(&format!("label-{number}"), "taken");
    }
    let exchange = ended(&policy, exchange);
    assert_eq!((exchange.label("cost_nano_usd"), exchange.counted("metered_cost_nano_usd")), (None, 5));
    assert!(exchange.log()[0].1.contains("lacks `cost_nano_usd`"), "{:?}", exchange.log());
}
