//! The metrics.

use serde_json::json;

use super::*;

#[test]
fn bytes_and_classes_of_status_are_counted() {
    let policy = policy(json!({}));
    for (status, name) in [
        (101, "metered_requests_1xx"),
        (200, "metered_requests_2xx"),
        (304, "metered_requests_3xx"),
        (429, "metered_requests_4xx"),
        (599, "metered_requests_5xx"),
        (999, "metered_requests_5xx"),
    ] {
        let exchange = ended(&policy, answered(status, 10, 200));
        assert_eq!(exchange.counted(name), 1, "{status}");
        let counted = (exchange.counted("metered_request_bytes"), exchange.counted("metered_reply_bytes"));
        assert_eq!((counted, exchange.label("cost_nano_usd")), ((10, 200), None));
    }
    let unanswered = ended(&policy, Exchange::new("GET", "/"));
    assert_eq!(unanswered.counted("metered_requests_unanswered"), 1);
}

#[test]
fn outcomes_other_than_the_usual_are_counted() {
    let policy = policy(json!({}));
    for outcome in ["client_gone", "upstream_cut", "rejected", "timed_out", "failed"] {
        let mut exchange = answered(200, 0, 0);
        policy.finish(&mut exchange, outcome);
        assert_eq!(exchange.counted(&format!("metered_outcomes_{outcome}")), 1);
    }
}

#[test]
fn callers_that_are_named_have_metrics_of_their_own_and_the_others_share_one() {
    for by in ["consumer", "key", "team"] {
        let policy = policy(json!({
            "prices": [{ "request": 7 }],
            "callers": { "by": by, "names": ["Acme GmbH", "beta"] },
        }));
        for (name, word) in [("Acme GmbH", "acme_gmbh"), ("beta", "beta"), ("gamma", "others")] {
            let exchange = ended(&policy, answered(200, 0, 0).identity(by, name));
            let counted = |metric: &str| exchange.counted(&format!("{metric}_of_{word}"));
            assert_eq!((counted("metered_requests"), counted("metered_cost_nano_usd")), (1, 7), "{by} {name}");
        }
        let unknown = ended(&policy, answered(200, 0, 0));
        assert_eq!(unknown.counted("metered_requests_of_others"), 1);
    }
}

#[test]
fn every_metric_that_is_written_is_declared() {
    let names: Vec<String> = (0..7).map(|number| format!("caller-{number}")).collect();
    let policy =
        policy(json!({ "prices": [{ "status": "2xx", "request": 7 }], "callers": { "by": "team", "names": names } }));
    let declared: Vec<&str> = policy.setup().metrics.iter().map(|metric| metric.name.as_str()).collect();
    assert_eq!(declared.len(), 31, "at most 32");
    for name in ["metered_requests_of_caller_6", "metered_cost_nano_usd_of_others", "metered_unpriced_requests"] {
        assert!(declared.contains(&name), "{declared:?}");
    }
    for (status, outcome) in
        [(200, "complete"), (0, "client_gone"), (100, "failed"), (400, "rejected"), (504, "timed_out")]
    {
        let mut exchange = answered(status, 1, 1).identity("team", "caller-6");
        policy.finish(&mut exchange, outcome);
        let counted: u64 = declared.iter().map(|name| exchange.counted(name)).sum();
        // A request, its two bytes, its caller, its outcome unless it is the usual one, and its cost twice or that there is none.
        let expected = if status == 200 { 4 + 14 } else { 4 + 1 + 1 };
        assert_eq!(counted, expected, "{status}");
    }
}
