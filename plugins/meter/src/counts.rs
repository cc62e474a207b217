//! The metrics of all requests. The gateway puts entry, version and route beside each.

use sluicegate_plugin::exchange::Usage;
use sluicegate_plugin::{MetricKind, Setup, metrics};

use crate::price::class;

pub const COST: &str = "metered_cost_nano_usd";
pub const UNPRICED: &str = "metered_unpriced_requests";
const REQUEST_BYTES: &str = "metered_request_bytes";
const REPLY_BYTES: &str = "metered_reply_bytes";

/// By class of the status, from 1xx; last those without an answer.
const CLASSES: [(&str, &str); 6] = [
    ("metered_requests_1xx", "Requests answered with 1xx"),
    ("metered_requests_2xx", "Requests answered with 2xx"),
    ("metered_requests_3xx", "Requests answered with 3xx"),
    ("metered_requests_4xx", "Requests answered with 4xx"),
    ("metered_requests_5xx", "Requests answered with 5xx"),
    ("metered_requests_unanswered", "Requests without an answer"),
];

/// Of requests that did not end as they should: the usual case costs no call of the host.
const OUTCOMES: [(&str, &str, &str); 5] = [
    ("client_gone", "metered_outcomes_client_gone", "Requests whose client was gone before the end"),
    ("upstream_cut", "metered_outcomes_upstream_cut", "Requests whose upstream broke its answer off"),
    ("rejected", "metered_outcomes_rejected", "Requests that the gateway or a plugin answered"),
    ("timed_out", "metered_outcomes_timed_out", "Requests that took too long"),
    ("failed", "metered_outcomes_failed", "Requests that a fault of the gateway or of a plugin ended"),
];

/// `priced`: there are prices.
pub fn declare(setup: &mut Setup, priced: bool) {
    let mut counter = |name: &str, help: &str| {
        setup.metric(name, MetricKind::Counter, help);
    };
    for (name, help) in CLASSES {
        counter(name, help);
    }
    for (_, name, help) in OUTCOMES {
        counter(name, help);
    }
    counter(REQUEST_BYTES, "Bytes of request bodies as received");
    counter(REPLY_BYTES, "Bytes of answer bodies as sent");
    if priced {
        counter(COST, "Cost of requests in nano-USD");
        counter(UNPRICED, "Requests for which there is no price");
    }
}

pub fn count(usage: &Usage) {
    let [answered @ .., unanswered] = &CLASSES;
    let of_class = usize::from(class(usage.status)).checked_sub(1).and_then(|place| answered.get(place));
    metrics::add(of_class.unwrap_or(unanswered).0, 1);
    if let Some((_, name, _)) = OUTCOMES.iter().find(|(outcome, ..)| *outcome == usage.outcome) {
        metrics::add(name, 1);
    }
    for (name, bytes) in [(REQUEST_BYTES, usage.request_bytes), (REPLY_BYTES, usage.reply_bytes)] {
        if bytes > 0 {
            metrics::add(name, bytes);
        }
    }
}
