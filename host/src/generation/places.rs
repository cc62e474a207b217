//! Where requests can go: the upstreams of a configuration, its providers of models, and what of them a route leads to.

use std::collections::HashMap;
use std::sync::Arc;

use super::build::{BuildError, Foundation, Stage, failed, general};
use crate::chain::{Keys, ModelPlans, ModelSide, Target, Targets};
use crate::config::{Config, ModelTarget, Route};
use crate::secrets::Credentials;
use crate::telemetry::metrics::Metrics;
use crate::upstream::Upstream;

pub(super) struct Places {
    /// Those of providers among them, by the provider's name.
    upstreams: HashMap<String, Arc<Upstream>>,
    /// The credentials of each provider.
    keys: HashMap<String, Arc<Keys>>,
}

impl Foundation {
    pub(super) fn places(&self, config: &Config, credentials: &Credentials) -> Result<Places, BuildError> {
        let mut upstreams = HashMap::new();
        let mut diagnostics = Vec::new();
        let of_providers = config.providers.iter().map(|(name, provider)| (name, &provider.upstream));
        for (name, upstream) in config.upstreams.iter().chain(of_providers) {
            let new = || Upstream::new(upstream.clone(), &self.tls, self.clock.clone());
            match self.kept.upstream(upstream, new) {
                Ok(upstream) => drop(upstreams.insert(name.clone(), upstream)),
                Err(error) => diagnostics.push(general(error.to_string())),
            }
        }
        if !diagnostics.is_empty() {
            return Err(failed(Stage::Upstreams, diagnostics));
        }
        let keys = config.providers.iter().map(|(name, provider)| {
            let rest = |credential: &String| {
                (credential.clone(), self.kept.rest(name, credential, credentials.digest(credential)))
            };
            let keys = Keys::new(provider.credentials.iter().map(rest).collect(), self.clock.clone());
            (name.clone(), Arc::new(keys))
        });
        Ok(Places { upstreams, keys: keys.collect() })
    }
}

impl Places {
    /// The upstreams of a route, or the targets of its models.
    pub(super) fn of_route(&self, route: &Route, metrics: &Metrics) -> (Targets, Option<ModelPlans>) {
        let targets = route.upstreams.iter().filter_map(|upstream| self.target(&upstream.name, metrics));
        let models = route.models.as_ref().map(|models| {
            ModelPlans::new(models, |targets| {
                Targets::new(targets.iter().filter_map(|target| self.model_target(target, metrics)).collect())
            })
        });
        (Targets::new(targets.collect()), models)
    }

    fn target(&self, name: &str, metrics: &Metrics) -> Option<Target> {
        let upstream = self.upstreams.get(name)?.clone();
        Some(Target { upstream, metrics: metrics.upstream(name), model: None })
    }

    fn model_target(&self, config: &ModelTarget, metrics: &Metrics) -> Option<Target> {
        let name = &config.provider.upstream.name;
        let model = Some(ModelSide { config: config.clone(), keys: self.keys.get(name)?.clone() });
        Some(Target { model, ..self.target(name, metrics)? })
    }
}
