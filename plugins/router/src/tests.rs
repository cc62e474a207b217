//! Where requests go, and which configs are refused.

mod calls;
mod config;
mod rules;
mod strategies;

use serde_json::Value;
use sluicegate_plugin::testing::{self, Configured, Exchange};

use super::*;

fn policy(config: Value) -> Configured<Router> {
    testing::configure(config).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// The plan that the policy leaves behind.
fn routed(policy: &Configured<Router>, exchange: Exchange) -> Vec<String> {
    let mut exchange = exchange;
    assert_eq!(policy.route(&mut exchange), Decision::Proceed);
    exchange.plan().into_iter().map(str::to_owned).collect()
}
