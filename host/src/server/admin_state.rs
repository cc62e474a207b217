//! What the admin listener reports of a running gateway. No answer holds a secret.

use std::sync::Arc;

use serde_json::{Value, json};
use sluicegate_runtime::Phase;

use super::Shared;
use crate::admin::AdminState;
use crate::chain::Plan;
use crate::config::TrustedKey;
use crate::telemetry::metrics::Live;

pub(super) struct State(pub(super) Arc<Shared>);

impl AdminState for State {
    fn ready(&self) -> Result<(), String> {
        match self.0.watch.is_draining() {
            true => Err("The gateway is draining and will end.".to_owned()),
            false => Ok(()),
        }
    }

    fn metrics_text(&self) -> String {
        let foundation = &self.0.foundation;
        foundation.metrics.text(&Live {
            generation: self.0.generation.load().id,
            connections_open: self.0.allowance.connections_open(self.0.config.listeners.len()) as u64,
            instances_live: foundation.runtime.instances_live() as u64,
            counter_entries: foundation.counters.entries() as u64,
            counter_denied_when_full: foundation.counters.denied_when_full(),
            access_log_dropped: foundation.access_log.dropped(),
            access_log_failed: foundation.access_log.failed(),
        })
    }

    fn summary(&self) -> Value {
        let generation = self.0.generation.load();
        let mut routes: Vec<Value> = generation.plans().map(|plan| route(plan)).collect();
        routes.sort_by_key(|route| route["name"].as_str().map(str::to_owned));
        let config = &self.0.config;
        let upstreams: Vec<Value> = config
            .upstreams
            .values()
            .map(|upstream| {
                json!({
                    "name": upstream.name,
                    "origin": upstream.origin.to_uri_prefix(),
                    "base_path": upstream.base_path,
                    "credential": upstream.credential,
                })
            })
            .collect();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "generation": generation.id,
            "listen": self.0.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "routes": routes,
            "upstreams": upstreams,
            "keys": config.keys.len(),
            "trust": {
                "keys": config.trust.keys.iter().map(TrustedKey::fingerprint).collect::<Vec<_>>(),
                "require_signed": config.trust.require_signed,
            },
        })
    }
}

fn route(plan: &Plan) -> Value {
    let chain: Vec<Value> = plan
        .chain
        .links()
        .iter()
        .map(|link| {
            let phases: Vec<&str> = link.entry.phases().iter().map(Phase::as_str).collect();
            json!({
                "name": link.entry.name.as_ref(),
                "digest": link.entry.plugin.digest(),
                "isolation": link.entry.isolation().as_str(),
                "phases": phases,
                "breaker_open": link.entry.breaker_is_open(),
            })
        })
        .collect();
    json!({
        "name": plan.name.as_ref(),
        "upstream": plan.route.as_ref().map(|route| route.upstream.name.as_str()),
        "chain": chain,
    })
}
