//! What the admin listener reports of a running gateway. No answer holds a secret.

use std::sync::Arc;

use serde_json::{Value, json};
use sluicegate_runtime::Phase;

use super::Shared;
use super::change::Wanted;
use super::generations::Origin;
use crate::admin::{AdminState, Changing, ConfigChange};
use crate::chain::{ArmError, Canary, ModelPlans, Plan, Target, Targets, TraceLines, TraceRequest};
use crate::config::{Mode, TrustedKey};
use crate::telemetry::access_log::rfc_3339;
use crate::telemetry::metrics::{Live, UpstreamConnections};
use crate::upstream::Upstream;

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
            generation: self.0.generations.current().generation.id,
            generations_live: self.0.generations.count() as u64,
            exchanges_open: foundation.open.count() as u64,
            tasks_alive: self.0.event_loops.iter().map(|one| one.metrics().num_alive_tasks() as u64).sum(),
            upstreams: foundation.kept.upstreams().iter().map(|upstream| connections(upstream)).collect(),
            connections_open: self.0.allowance.connections_open(self.0.listeners.count()) as u64,
            instances_live: foundation.runtime.instances_live() as u64,
            counter_entries: foundation.counters.entries() as u64,
            counter_denied_when_full: foundation.counters.denied_when_full(),
            access_log_dropped: foundation.access_log.dropped(),
            access_log_failed: foundation.access_log.failed(),
        })
    }

    fn summary(&self) -> Value {
        let current = self.0.generations.current();
        let generation = &current.generation;
        let mut routes: Vec<Value> = generation.plans().map(|plan| route(plan)).collect();
        routes.sort_by_key(|route| route["name"].as_str().map(str::to_owned));
        let config = &current.config;
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
        let providers: Vec<Value> = config
            .providers
            .iter()
            .map(|(name, provider)| {
                json!({
                    "name": name,
                    "origin": provider.upstream.origin.to_uri_prefix(),
                    "base_path": provider.upstream.base_path,
                    "dialect": provider.wire.dialect().as_str(),
                    "credentials": provider.credentials,
                })
            })
            .collect();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "generation": generation.id,
            "listen": self.0.listeners.addresses().iter().map(ToString::to_string).collect::<Vec<_>>(),
            "routes": routes,
            "upstreams": upstreams,
            "providers": providers,
            "keys": config.keys.len(),
            "trust": {
                "keys": config.trust.keys.iter().map(TrustedKey::fingerprint).collect::<Vec<_>>(),
                "require_signed": config.trust.require_signed,
            },
        })
    }

    fn status(&self) -> Value {
        let current = self.0.generations.current();
        let same_as = match current.origin {
            Origin::Rollback(id) => Some(id),
            _ => None,
        };
        let refused = self.0.refused.load_full().map(|refused| {
            let mut details = refused.why.details();
            details["time_unix_ms"] = json!(refused.time_unix_ms);
            details
        });
        json!({
            "generation": current.generation.id,
            "origin": current.origin.describe(),
            "same_as": same_as,
            "file": self.0.config_path.display().to_string(),
            "live_generations": self.0.generations.count(),
            "last_refused": refused,
        })
    }

    fn history(&self) -> Value {
        let current = self.0.generations.current().generation.id;
        let kept = self.0.history.as_ref().map(|history| history.list()).unwrap_or_default();
        let newest_first = kept.into_iter().rev().map(|summary| {
            let mut line = json!(summary);
            line["current"] = json!(summary.id == current);
            line
        });
        Value::Array(newest_first.collect())
    }

    fn generations(&self) -> Value {
        self.0.generations.list()
    }

    fn end_generation(&self, id: u64) -> Result<(), String> {
        self.0.generations.end(id).map_err(|error| error.to_string())
    }

    fn change(&self, change: ConfigChange) -> Changing {
        let shared = self.0.clone();
        Box::pin(async move {
            let wanted = match change {
                ConfigChange::Reload => Wanted::File,
                ConfigChange::Text { text, save } => Wanted::Text { text, save },
                ConfigChange::Rollback(id) => Wanted::Earlier(id),
            };
            match shared.change(wanted).await {
                Ok(applied) => Ok(json!({
                    "generation": applied.generation,
                    "previous": applied.previous,
                    "origin": applied.origin.describe(),
                    "note": applied.note,
                })),
                Err(refused) => Err(refused.details()),
            }
        })
    }

    fn trace(&self, request: TraceRequest) -> Result<TraceLines, ArmError> {
        if let Some(wanted) = &request.route {
            let current = self.0.generations.current();
            let mut routes: Vec<&str> = current.generation.plans().map(|plan| plan.name.as_ref()).collect();
            routes.sort_unstable();
            if !routes.contains(&wanted.as_str()) {
                let (wanted, routes) = (wanted.escape_debug(), routes.join(", "));
                return Err(ArmError::Invalid(format!("There is no route `{wanted}`; the routes are: {routes}.")));
            }
        }
        self.0.foundation.traces.arm(request)
    }
}

fn connections(upstream: &Upstream) -> UpstreamConnections {
    UpstreamConnections {
        upstream: upstream.config().name.clone(),
        in_use: upstream.connections_in_use() as u64,
        idle: upstream.connections_idle() as u64,
    }
}

fn canary(canary: &Canary) -> Value {
    let rollback = canary.state.rollback();
    json!({
        "digest": canary.entry.plugin.digest(),
        "phases": canary.entry.phases().iter().map(Phase::as_str).collect::<Vec<_>>(),
        "breaker_open": canary.entry.breaker_is_open(),
        "weight": if rollback.is_some() { 0 } else { canary.weight },
        "sticky": canary.sticky.as_str(),
        "rolled_back": rollback.map(|rollback| {
            json!({ "since": rfc_3339(rollback.since_unix_ms), "why": rollback.why.to_string() })
        }),
    })
}

/// One of a route, as this gateway knows it now.
fn upstream(target: &Target) -> Value {
    let health = target.upstream.health();
    json!({
        "name": target.upstream.config().name,
        "in_flight": health.in_flight(),
        "first_byte_ms": health.first_byte_ms(),
        "rests_ms": health.rests_ms(),
        "failures_per_thousand": health.failures_per_thousand(),
    })
}

/// Of a route that serves models: each with its targets, in the order of the configuration.
fn models(plans: &ModelPlans) -> Value {
    let model = |(name, targets): (&str, &Targets)| {
        let target = |target: &Target| {
            let mut value = upstream(target);
            let side = target.model.as_ref();
            value["model"] = side.map(|side| side.config.model.clone()).into();
            value["credentials_rest_ms"] = side.map(|side| side.keys.rests_ms()).into();
            value
        };
        json!({ "name": name, "targets": targets.iter().map(target).collect::<Vec<_>>() })
    };
    plans.models().map(model).collect()
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
                "mode": if link.shadow.is_some() { Mode::Shadow } else { Mode::Enforce }.as_str(),
                "canary": link.canary.as_ref().map(canary),
                "digest": link.entry.plugin.digest(),
                "isolation": link.entry.isolation().as_str(),
                "phases": phases,
                "breaker_open": link.entry.breaker_is_open(),
            })
        })
        .collect();
    json!({
        "name": plan.name.as_ref(),
        "upstreams": plan.targets.iter().map(upstream).collect::<Vec<_>>(),
        "models": plan.models.as_ref().map(models),
        "chain": chain,
    })
}
