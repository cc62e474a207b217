//! The upstreams of a route as candidates of its exchanges, and the order in which they are tried.

use std::sync::Arc;

use sluicegate_runtime::{Call, Candidates, Phase, TargetPlan};

use super::model::{ModelExchange, ModelSide};
use super::run::Run;
use super::stop::Stop;
use crate::config::{Feature, ModelTarget};
use crate::telemetry::metrics::UpstreamMetrics;
use crate::upstream::{Health, Upstream};

pub struct Target {
    pub upstream: Arc<Upstream>,
    pub metrics: UpstreamMetrics,
    /// Where it serves a language model.
    pub model: Option<ModelSide>,
}

/// Numbered from 0 in the order of the configuration; none where no route matched.
#[derive(Default)]
pub struct Targets(Box<[Target]>);

impl Targets {
    pub fn new(targets: Vec<Target>) -> Targets {
        Targets(targets.into_boxed_slice())
    }

    pub fn iter(&self) -> impl Iterator<Item = &Target> {
        self.0.iter()
    }

    pub(super) fn get(&self, number: u32) -> Option<&Target> {
        self.0.get(usize::try_from(number).ok()?)
    }

    pub(super) fn name(&self, number: u32) -> Option<String> {
        self.get(number).map(|target| target.upstream.config().name.clone())
    }

    /// All of them as configured, those that rest behind the others.
    fn order(&self) -> Vec<u32> {
        let mut order = Vec::with_capacity(self.0.len());
        let mut resting = Vec::new();
        for (target, number) in self.0.iter().zip(0..) {
            if target.rests_ms() > 0 { &mut resting } else { &mut order }.push(number);
        }
        order.append(&mut resting);
        order
    }

    fn price(&self, figure: impl Fn(&ModelTarget) -> Option<u64>) -> Vec<Option<u64>> {
        self.0.iter().map(|target| target.model.as_ref().and_then(|side| figure(&side.config))).collect()
    }

    fn health<T>(&self, figure: impl Fn(&Health) -> T) -> Vec<T> {
        self.0.iter().map(|target| figure(target.upstream.health())).collect()
    }
}

impl Target {
    /// How long nobody should ask it: its upstream, or all of the provider's credentials.
    fn rests_ms(&self) -> u64 {
        let keys = self.model.as_ref().map_or(0, |side| side.keys.rests_ms());
        self.upstream.health().rests_ms().max(keys)
    }
}

impl Candidates for Targets {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn name(&self, number: u32) -> String {
        Targets::name(self, number).unwrap_or_default()
    }

    fn facts(&self, name: &str) -> Vec<String> {
        let fact = |target: &Target| match name {
            "name" => target.upstream.config().name.clone(),
            "provider" => target.model.as_ref().map(|_| target.upstream.config().name.clone()).unwrap_or_default(),
            "model" => target.model.as_ref().map(|side| side.config.model.clone()).unwrap_or_default(),
            "dialect" => target
                .model
                .as_ref()
                .map(|side| side.config.provider.wire.dialect().as_str())
                .unwrap_or_default()
                .to_owned(),
            _ => String::new(),
        };
        self.0.iter().map(fact).collect()
    }

    fn figures(&self, name: &str) -> Vec<Option<u64>> {
        match name {
            "in-flight" => self.health(|health| Some(health.in_flight())),
            "first-byte-ms" => self.health(Health::first_byte_ms),
            "rests-ms" => self.0.iter().map(|target| Some(target.rests_ms())).collect(),
            "price-input" => self.price(|target| target.input_price),
            "price-output" => self.price(|target| target.output_price),
            "failures-per-thousand" => self.health(Health::failures_per_thousand),
            _ => vec![None; self.0.len()],
        }
    }

    fn capable(&self, feature: &str) -> Vec<u32> {
        let feature = Feature::ALL.into_iter().find(|known| known.as_str() == feature);
        let serves = |target: &Target| {
            feature.is_none_or(|feature| target.model.as_ref().is_none_or(|side| side.config.serves(feature)))
        };
        self.0.iter().zip(0..).filter(|(target, _)| serves(target)).map(|(_, number)| number).collect()
    }
}

impl Run {
    /// Of the model that is called, where the route serves models.
    pub(super) fn targets(&self) -> &Targets {
        self.model.as_deref().and_then(ModelExchange::targets).unwrap_or(&self.plan.targets)
    }

    /// Of the target that answered, or was tried last; empty where there is none.
    pub(super) fn upstream_name(&self) -> String {
        let number = self.log().upstream;
        number.and_then(|number| self.targets().name(number)).unwrap_or_default()
    }

    /// Lets plugins choose where the exchange goes.
    pub(super) async fn route_phase(&self) -> Result<(), Stop> {
        self.exchange.lock().plan = TargetPlan::open(self.targets().order());
        let mut decided = Ok(());
        for position in self.plan.chain.positions(Phase::Route) {
            if let Err(stop) = self.call(*position, Call::Route, false).await {
                decided = Err(stop);
                break;
            }
        }
        self.exchange.lock().plan.close();
        decided
    }
}

#[cfg(test)]
mod tests;
