//! Builds a generation off the request path. Any failure names its stage and leaves what runs alone.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use sluicegate_runtime::services::{Keys, Services};
use sluicegate_runtime::{EntryOptions, LoadError, LoadStage, MetricKind, PluginSpec, Runtime, Version};
use thiserror::Error;

use super::Generation;
use super::kept::Kept;
use super::self_test::Bench;
use super::services::{Book, LocalCounters, LocalKeys, SharedClock};
use super::versions::{Loaded, Versions, versions_of};
use crate::bundled;
use crate::chain::{
    Chain, ENTRIES_MAX, GenerationExchanges, Ground, OpenExchanges, Plan, Targets, Traces, credential_fields,
};
use crate::clock::Clock;
use crate::config::{ChainEntry, Config, Diagnostic, Diagnostics, Place, PluginSource, Route, nearest, signature_path};
use crate::plugin_source::{FETCHES_AT_ONCE, PluginSources, Signatures, SourceError, Terms, read_signatures};
use crate::router::Router;
use crate::secrets::{Credentials, Redaction, Registered};
use crate::state::counters::Counters;
use crate::state::keys::KeyRing;
use crate::telemetry::access_log::AccessLog;
use crate::telemetry::metrics::{MetricKind as DeclaredKind, Metrics, PluginMetric};
use crate::upstream::Tls;

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
    pub traces: Arc<Traces>,
    /// What a new generation takes over from those before it.
    pub kept: Kept,
}

/// Where building came to an end; in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Secrets,
    Upstreams,
    /// A plugin could not be had, or is not the one that was pinned.
    Fetch,
    /// Nobody who is trusted vouches for a plugin.
    Signature,
    /// And how far the plugin came.
    Load(LoadStage),
    Metrics,
    /// A plugin fails a test of its entry.
    SelfTest,
    Order,
}

impl Stage {
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Secrets => "secrets",
            Stage::Upstreams => "upstreams",
            Stage::Fetch => "fetch",
            Stage::Signature => "signature",
            Stage::Load(stage) => stage.as_str(),
            Stage::Metrics => "metrics",
            Stage::SelfTest => "self-test",
            Stage::Order => "order",
        }
    }
}

/// Everything that is wrong at one stage.
#[derive(Debug, Error)]
#[error("the configuration cannot be used, stage {}: {diagnostics}", stage.as_str())]
pub struct BuildError {
    pub stage: Stage,
    /// The chain entry that it is about, if it is about one; the first of several.
    pub entry: Option<String>,
    pub diagnostics: Diagnostics,
}

/// A generation that does not serve yet.
pub struct Built {
    pub generation: Generation,
    /// What the files of `plugins` held, by the plugin's name.
    pub plugin_files: BTreeMap<String, PluginFile>,
}

/// A plugin as it stood in a file.
pub struct PluginFile {
    pub wasm: Bytes,
    pub signatures: Option<Signatures>,
}

impl Foundation {
    /// `id`: the generation's number. Nothing of it is visible before this returns.
    pub async fn build(&self, config: &Config, id: u64) -> Result<Built, BuildError> {
        let credentials = load_credentials(config)?;
        let registered = self.redaction.register(credentials.secrets()).map_err(|error| {
            failed(Stage::Secrets, vec![general(format!("the secrets cannot be kept out of the log: {error}"))])
        })?;
        // What is refused is told when its secrets are no longer known, so that they go out of the words before.
        let redactor = self.redaction.current();
        let mut built = self.build_with(config, id, credentials, registered).await;
        for problem in built.as_mut().err().map(|error| &mut error.diagnostics.items).into_iter().flatten() {
            problem.message = redactor.redact(&problem.message).into_owned();
        }
        built
    }

    async fn build_with(
        &self,
        config: &Config,
        id: u64,
        credentials: Credentials,
        registered: Registered,
    ) -> Result<Built, BuildError> {
        let places = self.places(config, &credentials)?;
        let (plugins, plugin_files) = self.plugins(config, &credentials).await?;
        let keys: Arc<dyn Keys> = Arc::new(LocalKeys { ring: KeyRing::new(&config.keys), clock: self.clock.clone() });
        let bench = Bench { generation: id, keys: keys.clone(), clock: self.clock.clone() };
        known_upstreams(&plugins, config)?;
        self_tests(&bench, &plugins, config).await?;
        let mut book = Book::default();
        let mut entries = HashMap::new();
        for ((name, version), (entry, plugin)) in plugins {
            let declared: Vec<PluginMetric> = plugin.setup().metrics.iter().map(declared).collect();
            let declared = self
                .metrics
                .declare(&name, version, &declared)
                .map_err(|error| failed_entry(Stage::Metrics, &entry, &error.to_string()))?;
            book.insert(&name, version, declared);
            let ready = self.kept.entry(&name, version, plugin, options(&entry, config));
            entries.entry(name).or_insert_with(Versions::default).put(&self.kept, &entry, version, ready);
        }
        let mut plans = HashMap::new();
        for route in &config.routes {
            let (targets, models) = places.of_route(route, &self.metrics);
            let chain = config.global_chain.iter().chain(&route.chain);
            let mut plan = self.plan(Some(route.clone()), chain, targets, &entries)?;
            plan.models = models;
            book.routes.insert(route.name.clone(), plan.metrics.clone());
            plans.insert(route.name.clone(), Arc::new(plan));
        }
        let unmatched = self.plan(None, config.global_chain.iter(), Targets::default(), &entries)?;
        book.routes.insert(String::new(), unmatched.metrics.clone());
        let services = Services {
            keys,
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
            open: Arc::new(GenerationExchanges::new(self.open.clone())),
            redaction: self.redaction.clone(),
            registered,
            traces: self.traces.clone(),
        };
        let generation = Generation {
            id,
            ground: Arc::new(ground),
            router: Router::new(&config.routes),
            plans,
            unmatched: Arc::new(unmatched),
        };
        Ok(Built { generation, plugin_files })
    }

    /// The plugins that chains name, by name; several are fetched at once.
    async fn fetch<'a>(
        &self,
        config: &'a Config,
        credentials: &Credentials,
    ) -> HashMap<&'a str, Result<Bytes, SourceError>> {
        let of_routes = config.routes.iter().flat_map(|route| &route.chain);
        let names: BTreeSet<&str> = config
            .global_chain
            .iter()
            .chain(of_routes)
            .flat_map(versions_of)
            .map(|(_, entry)| entry.plugin.as_str())
            .collect();
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

    /// Each version of each entry once, with its loaded plugin; and the files that they came from, by the plugin's name.
    async fn plugins(
        &self,
        config: &Config,
        credentials: &Credentials,
    ) -> Result<(Loaded, BTreeMap<String, PluginFile>), BuildError> {
        let files = self.fetch(config, credentials).await;
        let mut loaded = Loaded::new();
        // Several routes may have an entry: it is tried, and refused, once.
        let mut tried = HashSet::new();
        let mut diagnostics = Vec::new();
        // Of the first failure.
        let mut failed_at: Option<(Stage, String)> = None;
        let of_routes = config.routes.iter().flat_map(|route| &route.chain);
        for (version, entry) in config.global_chain.iter().chain(of_routes).flat_map(versions_of) {
            let key = (entry.name.clone(), version);
            if !tried.insert(key.clone()) {
                continue;
            }
            let wasm = match files.get(entry.plugin.as_str()) {
                Some(Ok(wasm)) => wasm.clone(),
                Some(Err(error)) => {
                    let (stage, message) = match error {
                        SourceError::Fetch(message) => (Stage::Fetch, message),
                        SourceError::Signature(message) => (Stage::Signature, message),
                    };
                    failed_at.get_or_insert((stage, entry.name.clone()));
                    diagnostics.push(entry.place.entry_problem(message));
                    continue;
                }
                None => continue,
            };
            match self.runtime.load(spec(entry, version, wasm)).await {
                Ok(plugin) => drop(loaded.insert(key, (entry.clone(), plugin))),
                Err(error) => {
                    failed_at.get_or_insert((Stage::Load(error.stage), entry.name.clone()));
                    diagnostics.extend(load_problems(entry, &error));
                }
            }
        }
        match failed_at {
            None => {
                let kept = files.into_iter().filter_map(|(name, wasm)| {
                    let signature = match config.plugins.get(name)? {
                        PluginSource::File { path, signature, .. } => {
                            signature.clone().unwrap_or_else(|| signature_path(path))
                        }
                        PluginSource::Bundled(_) | PluginSource::Remote(_) => return None,
                    };
                    let signatures = read_signatures(&signature).ok().flatten();
                    Some((name.to_owned(), PluginFile { wasm: wasm.ok()?, signatures }))
                });
                Ok((loaded, kept.collect()))
            }
            Some((stage, entry)) => Err(BuildError { entry: Some(entry), ..failed(stage, diagnostics) }),
        }
    }

    fn plan<'a>(
        &self,
        route: Option<Arc<Route>>,
        chain: impl Iterator<Item = &'a Arc<ChainEntry>>,
        targets: Targets,
        entries: &HashMap<String, Versions>,
    ) -> Result<Plan, BuildError> {
        let name = route.as_ref().map_or("", |route| route.name.as_str());
        let mut links = Vec::new();
        let mut provided: Vec<&str> = Vec::new();
        for entry in chain {
            let Some(ready) = entries.get(&entry.name) else { continue };
            if let Some(word) = ready.requires().find(|word| !provided.contains(word)) {
                let message = format!(
                    "entry `{}` needs the {word} that an entry in front of it provides, and on route `{name}` none does: put \
                     one, such as `api-key` for the identity, before it",
                    entry.name
                );
                return Err(failed_entry(Stage::Order, entry, &message));
            }
            if ready.is_sticky_by_consumer() && !provided.contains(&"identity") {
                let message = format!(
                    "the canary of entry `{}` is sticky by consumer, and on route `{name}` no entry in front of it provides the \
                     identity: put one, such as `api-key`, before it, or write `sticky = \"request\"`",
                    entry.name
                );
                return Err(failed_entry(Stage::Order, entry, &message));
            }
            links.extend(ready.link(&self.metrics));
            provided.extend(ready.provides());
            if links.len() > ENTRIES_MAX {
                let message = format!("the chain of route `{name}` has over {ENTRIES_MAX} entries; leave some out");
                return Err(failed_entry(Stage::Order, entry, &message));
            }
        }
        let places = route.as_ref().map_or(&[][..], |route| &route.credential_places);
        Ok(Plan {
            name: name.into(),
            credential_fields: credential_fields(places),
            metrics: self.metrics.route(route.as_ref().map(|route| route.name.as_str())),
            chain: Chain::new(links),
            targets: Arc::new(targets),
            models: None,
            route,
        })
    }
}

/// A name that is misspelt in an entry's config is found here, and not by the requests that would go there.
fn known_upstreams(plugins: &Loaded, config: &Config) -> Result<(), BuildError> {
    let mut diagnostics = Vec::new();
    let mut at: Option<&ChainEntry> = None;
    // Two versions of an entry may name the same one.
    let mut said = BTreeSet::new();
    for (entry, plugin) in plugins.values() {
        let unknown = plugin
            .setup()
            .upstreams
            .iter()
            .filter(|name| !config.upstreams.contains_key(*name) && !config.providers.contains_key(*name));
        for name in unknown.filter(|name| said.insert((&entry.name, *name))) {
            let help = match nearest(name, config.upstreams.keys().chain(config.providers.keys()).map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "declare it under `upstreams` or `providers`".to_owned(),
            };
            let message = format!(
                "entry `{}` names the upstream `{name}`, which this configuration does not have: {help}",
                entry.name
            );
            diagnostics.push(entry.place.entry_problem(&message));
            at.get_or_insert(entry);
        }
    }
    match at {
        Some(entry) => Err(BuildError { entry: Some(entry.name.clone()), ..failed(Stage::Upstreams, diagnostics) }),
        None => Ok(()),
    }
}

/// What the plugin finds wrong with its config has places in the file; anything else stands at the entry.
pub(super) fn load_problems(entry: &ChainEntry, error: &LoadError) -> Vec<Diagnostic> {
    match error.problems.is_empty() {
        true => vec![entry.place.entry_problem(&format!("plugin `{}`: {}", entry.plugin, error.message))],
        false => error.problems.iter().map(|problem| entry.place.problem(&problem.pointer, &problem.message)).collect(),
    }
}

fn failed_entry(stage: Stage, entry: &ChainEntry, message: &str) -> BuildError {
    BuildError { entry: Some(entry.name.clone()), ..failed(stage, vec![entry.place.entry_problem(message)]) }
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

/// Before the first plugin that fails, no metric is declared and nothing else is begun.
async fn self_tests(bench: &Bench, plugins: &Loaded, config: &Config) -> Result<(), BuildError> {
    let mut diagnostics = Vec::new();
    let mut first = None;
    for (entry, plugin) in plugins.values() {
        let problems = bench.run(entry, plugin, &options(entry, config)).await;
        if !problems.is_empty() {
            first.get_or_insert(entry.name.clone());
        }
        diagnostics.extend(problems);
    }
    match first {
        None => Ok(()),
        Some(entry) => Err(BuildError { entry: Some(entry), ..failed(Stage::SelfTest, diagnostics) }),
    }
}

fn options(entry: &ChainEntry, config: &Config) -> EntryOptions {
    EntryOptions {
        on_error: entry.on_error,
        breaker: entry.breaker.clone(),
        piece_bytes_max: config.limits.buffer_bytes_max,
    }
}

pub(super) fn spec(entry: &ChainEntry, version: Version, wasm: Bytes) -> PluginSpec {
    PluginSpec {
        entry: entry.name.as_str().into(),
        version,
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
pub(super) fn failed(stage: Stage, diagnostics: Vec<Diagnostic>) -> BuildError {
    let nothing_said = || Diagnostics { items: vec![general("it cannot be used".to_owned())], dropped: 0 };
    BuildError { stage, entry: None, diagnostics: Diagnostics::of(diagnostics).unwrap_or_else(nothing_said) }
}

pub(super) fn general(message: String) -> Diagnostic {
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
