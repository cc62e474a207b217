//! Builds a generation off the request path. Any failure names its stage and leaves what runs alone.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use sluicegate_runtime::services::Services;
use sluicegate_runtime::{Entry, EntryOptions, MetricKind, Plugin, PluginSpec, Runtime};

use super::Generation;
use super::services::{Book, LocalCounters, LocalKeys, SharedClock};
use thiserror::Error;

use crate::bundled;
use crate::chain::{Chain, ENTRIES_MAX, Ground, Link, OpenExchanges, Plan, Target, credential_fields};
use crate::clock::Clock;
use crate::config::{ChainEntry, Config, Diagnostic, Diagnostics, Place, PluginSource, Route};
use crate::plugin_source::{FETCHES_AT_ONCE, PluginSources, SourceError, Terms};
use crate::router::Router;
use crate::secrets::{Credentials, Redaction};
use crate::state::counters::Counters;
use crate::state::keys::KeyRing;
use crate::telemetry::access_log::AccessLog;
use crate::telemetry::metrics::{MetricKind as DeclaredKind, Metrics, PluginMetric};
use crate::upstream::{Tls, Upstream};

/// What outlives generations.
pub struct Foundation {
    pub runtime: Runtime,
    pub metrics: Arc<Metrics>,
    pub access_log: Arc<AccessLog>,
    pub counters: Arc<Counters>,
    pub clock: Arc<dyn Clock>,
    pub redaction: Redaction,
    pub tls: Tls,
    pub plugin_sources: PluginSources,
    pub open: Arc<OpenExchanges>,
}

/// Where building came to an end; in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Secrets,
    Upstreams,
    /// A plugin could not be had, or is not the one that was pinned.
    Fetch,
    /// Nobody who is trusted vouches for a plugin.
    Signature,
    Plugins,
    Order,
}

impl Stage {
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Secrets => "secrets",
            Stage::Upstreams => "upstreams",
            Stage::Fetch => "fetch",
            Stage::Signature => "signature",
            Stage::Plugins => "plugins",
            Stage::Order => "order",
        }
    }
}

/// Everything that is wrong at one stage.
#[derive(Debug, Error)]
#[error("the configuration cannot be used, stage {}: {diagnostics}", stage.as_str())]
pub struct BuildError {
    pub stage: Stage,
    pub diagnostics: Diagnostics,
}

impl Foundation {
    /// `id`: the generation's number. Nothing of it is visible before this returns.
    pub async fn build(&self, config: &Config, id: u64) -> Result<Generation, BuildError> {
        let credentials = load_credentials(config)?;
        let registered = self.redaction.register(credentials.secrets()).map_err(|error| {
            failed(Stage::Secrets, vec![general(format!("the secrets cannot be kept out of the log: {error}"))])
        })?;
        let upstreams = self.upstreams(config)?;
        let plugins = self.plugins(config, &credentials).await?;
        let mut book = Book::default();
        let mut entries = HashMap::new();
        for (name, (entry, plugin)) in plugins {
            let declared: Vec<PluginMetric> = plugin.setup().metrics.iter().map(declared).collect();
            let declared = self
                .metrics
                .declare(&name, &declared)
                .map_err(|error| failed(Stage::Plugins, vec![entry.place.entry_problem(&error.to_string())]))?;
            book.entries.insert(name.clone(), declared);
            entries.insert(name, Arc::new(self.entry(&entry, plugin, config)));
        }
        let mut plans = HashMap::new();
        for route in &config.routes {
            let upstream = upstreams.get(&route.upstream.name);
            let target = upstream.map(|upstream| Target {
                upstream: upstream.clone(),
                metrics: self.metrics.upstream(&route.upstream.name),
            });
            let chain = config.global_chain.iter().chain(&route.chain);
            let plan = self.plan(Some(route.clone()), chain, target, &entries)?;
            book.routes.insert(route.name.clone(), plan.metrics.clone());
            plans.insert(route.name.clone(), Arc::new(plan));
        }
        let unmatched = self.plan(None, config.global_chain.iter(), None, &entries)?;
        book.routes.insert(String::new(), unmatched.metrics.clone());
        let services = Services {
            keys: Arc::new(LocalKeys { ring: KeyRing::new(&config.keys), clock: self.clock.clone() }),
            counters: Arc::new(LocalCounters { counters: self.counters.clone(), clock: self.clock.clone() }),
            metrics: Arc::new(book),
            clock: Arc::new(SharedClock(self.clock.clone())),
        };
        let ground = Ground {
            generation: id,
            limits: config.limits.clone(),
            services: Arc::new(services),
            credentials,
            access_log: self.access_log.clone(),
            open: self.open.clone(),
            redaction: self.redaction.clone(),
        };
        Ok(Generation {
            id,
            ground: Arc::new(ground),
            router: Router::new(&config.routes),
            plans,
            unmatched: Arc::new(unmatched),
            _registered: registered,
        })
    }

    fn upstreams(&self, config: &Config) -> Result<HashMap<String, Arc<Upstream>>, BuildError> {
        let mut upstreams = HashMap::new();
        let mut diagnostics = Vec::new();
        for (name, upstream) in &config.upstreams {
            match Upstream::new(upstream.clone(), &self.tls) {
                Ok(upstream) => drop(upstreams.insert(name.clone(), Arc::new(upstream))),
                Err(error) => diagnostics.push(general(error.to_string())),
            }
        }
        if diagnostics.is_empty() { Ok(upstreams) } else { Err(failed(Stage::Upstreams, diagnostics)) }
    }

    /// The plugins that chains name, by name; several are fetched at once.
    async fn fetch<'a>(
        &self,
        config: &'a Config,
        credentials: &Credentials,
    ) -> HashMap<&'a str, Result<Bytes, SourceError>> {
        let of_routes = config.routes.iter().flat_map(|route| &route.chain);
        let names: BTreeSet<&str> =
            config.global_chain.iter().chain(of_routes).map(|entry| entry.plugin.as_str()).collect();
        let terms = Terms { trust: &config.trust, credentials, tls: &self.tls };
        // Named by their type: a compiler that had to infer it could not tell that they may go from thread to thread.
        let fetches: Vec<BoxFuture<'_, _>> =
            names.into_iter().map(|name| self.fetch_one(name, config.plugins.get(name), terms).boxed()).collect();
        let fetched = futures_util::stream::iter(fetches).buffer_unordered(FETCHES_AT_ONCE).collect().await;
        self.plugin_sources.prune(config.plugins.values());
        fetched
    }

    async fn fetch_one<'a>(
        &self,
        name: &'a str,
        source: Option<&PluginSource>,
        terms: Terms<'_>,
    ) -> (&'a str, Result<Bytes, SourceError>) {
        let wasm = match source {
            Some(PluginSource::Bundled(name)) => bundled_plugin(name),
            Some(source) => self.plugin_sources.get(name, source, terms).await,
            None => bundled_plugin(name),
        };
        (name, wasm)
    }

    /// Each entry once, by name, with its loaded plugin.
    async fn plugins(
        &self,
        config: &Config,
        credentials: &Credentials,
    ) -> Result<HashMap<String, (Arc<ChainEntry>, Arc<Plugin>)>, BuildError> {
        let files = self.fetch(config, credentials).await;
        let mut loaded = HashMap::new();
        let mut diagnostics = Vec::new();
        let mut stage = Stage::Plugins;
        let of_routes = config.routes.iter().flat_map(|route| &route.chain);
        for entry in config.global_chain.iter().chain(of_routes) {
            if loaded.contains_key(&entry.name) {
                continue;
            }
            let wasm = match files.get(entry.plugin.as_str()) {
                Some(Ok(wasm)) => wasm.clone(),
                Some(Err(error)) => {
                    let (at, message) = match error {
                        SourceError::Fetch(message) => (Stage::Fetch, message),
                        SourceError::Signature(message) => (Stage::Signature, message),
                    };
                    stage = stage.min(at);
                    diagnostics.push(entry.place.entry_problem(message));
                    continue;
                }
                None => continue,
            };
            match self.runtime.load(spec(entry, wasm)).await {
                Ok(plugin) => drop(loaded.insert(entry.name.clone(), (entry.clone(), plugin))),
                Err(error) if error.problems.is_empty() => {
                    diagnostics
                        .push(entry.place.entry_problem(&format!("plugin `{}`: {}", entry.plugin, error.message)));
                }
                Err(error) => diagnostics.extend(
                    error.problems.iter().map(|problem| entry.place.problem(&problem.pointer, &problem.message)),
                ),
            }
        }
        if diagnostics.is_empty() { Ok(loaded) } else { Err(failed(stage, diagnostics)) }
    }

    fn entry(&self, entry: &ChainEntry, plugin: Arc<Plugin>, config: &Config) -> Entry {
        let options = EntryOptions {
            on_error: entry.on_error,
            breaker: entry.breaker.clone(),
            piece_bytes_max: config.limits.buffer_bytes_max,
        };
        Entry::new(entry.name.as_str().into(), plugin, options)
    }

    fn plan<'a>(
        &self,
        route: Option<Arc<Route>>,
        chain: impl Iterator<Item = &'a Arc<ChainEntry>>,
        target: Option<Target>,
        entries: &HashMap<String, Arc<Entry>>,
    ) -> Result<Plan, BuildError> {
        let name = route.as_ref().map_or("", |route| route.name.as_str());
        let mut links = Vec::new();
        let mut provided: Vec<&str> = Vec::new();
        for entry in chain {
            let Some(ready) = entries.get(&entry.name) else { continue };
            let setup = ready.plugin.setup();
            if let Some(word) = setup.requires.iter().find(|word| !provided.contains(&word.as_str())) {
                let message = format!(
                    "entry `{}` needs the {word} that an entry in front of it provides, and on route `{name}` none does: put \
                     one, such as `api-key` for the identity, before it",
                    entry.name
                );
                return Err(failed(Stage::Order, vec![entry.place.entry_problem(&message)]));
            }
            links.push(Link { entry: ready.clone(), metrics: self.metrics.entry(&entry.name) });
            provided.extend(entries[&entry.name].plugin.setup().provides.iter().map(String::as_str));
            if links.len() > ENTRIES_MAX {
                let message = format!("the chain of route `{name}` has over {ENTRIES_MAX} entries; leave some out");
                return Err(failed(Stage::Order, vec![entry.place.entry_problem(&message)]));
            }
        }
        let places = route.as_ref().map_or(&[][..], |route| &route.credential_places);
        Ok(Plan {
            name: name.into(),
            credential_fields: credential_fields(places),
            metrics: self.metrics.route(route.as_ref().map(|route| route.name.as_str())),
            chain: Chain::new(links),
            target,
            route,
        })
    }
}

fn load_credentials(config: &Config) -> Result<Credentials, BuildError> {
    Credentials::load(&config.credentials).map_err(|errors| {
        let sentence =
            |(name, error): &(String, crate::secrets::SecretError)| general(format!("credential `{name}`: {error}"));
        failed(Stage::Secrets, errors.iter().map(sentence).collect())
    })
}

fn bundled_plugin(name: &str) -> Result<Bytes, SourceError> {
    let missing = || SourceError::Fetch(format!("there is no plugin `{name}`"));
    bundled::bundled(name).map(Bytes::from_static).ok_or_else(missing)
}

fn spec(entry: &ChainEntry, wasm: Bytes) -> PluginSpec {
    PluginSpec {
        entry: entry.name.as_str().into(),
        wasm,
        config: entry.config.clone(),
        grants: entry.grants.clone(),
        isolation: entry.isolation,
        limits: entry.limits.clone(),
    }
}

fn declared(metric: &sluicegate_runtime::MetricSpec) -> PluginMetric {
    let kind = match metric.kind {
        MetricKind::Counter => DeclaredKind::Counter,
        MetricKind::Histogram => DeclaredKind::Histogram,
    };
    PluginMetric { name: metric.name.clone(), kind, help: metric.help.clone() }
}

/// There is always at least one.
fn failed(stage: Stage, diagnostics: Vec<Diagnostic>) -> BuildError {
    let nothing_said = || Diagnostics { items: vec![general("it cannot be used".to_owned())], dropped: 0 };
    BuildError { stage, diagnostics: Diagnostics::of(diagnostics).unwrap_or_else(nothing_said) }
}

fn general(message: String) -> Diagnostic {
    Place::unknown().entry_problem(&message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn building_can_go_on_in_any_thread() {
        fn build<'a>(foundation: &'a Foundation, config: &'a Config) -> impl Future + Send + use<'a> {
            foundation.build(config, 1)
        }
        // That it compiles is the test.
        let _ = build;
    }
}
