//! What is counted and charged, and which configs are refused.

mod config;
mod counting;
mod prices;

use serde_json::Value;
use sluicegate_plugin::testing::{self, Configured, Exchange};

use super::*;

fn policy(config: Value) -> Configured<Meter> {
    testing::configure(config).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// An exchange that has been answered so.
fn answered(status: u16, request_bytes: u64, reply_bytes: u64) -> Exchange {
    let mut exchange = Exchange::new("POST", "/").bytes(request_bytes, reply_bytes);
    exchange.reply(status, &[]);
    exchange
}

fn ended(policy: &Configured<Meter>, exchange: Exchange) -> Exchange {
    let mut exchange = exchange;
    policy.finish(&mut exchange, "complete");
    exchange
}
