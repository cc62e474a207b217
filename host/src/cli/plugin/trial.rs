//! A plugin and the exchanges that it is tried on: found, read, and loaded as a chain entry would be.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use sluicegate_runtime::{BreakerPolicy, EngineOptions, EntryOptions, Isolation, OnError, Plugin, Runtime};

use super::subject::Subject;
use crate::clock::SystemClock;
use crate::config::{self, ChainEntry, Diagnostics, Exchanges, GatewayKey, Mode, Trial};
use crate::generation::self_test::{Bench, load};
use crate::server::INSTANCE_MEMORY_BYTES_MAX;
use crate::state::keys::generate_with_id;

/// The file's name unless one is given.
const FILE_NAME: &str = "exchanges.toml";
/// Plugin instances alive at once.
const INSTANCES_MAX: u32 = 128;
/// Bytes that a plugin may make of a piece of a body: the gateway's own limit unless configured.
const PIECE_BYTES_MAX: u64 = 10 << 20;

/// What `test` and `bench` are given.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct TrialOptions {
    /// The WebAssembly component, or the name of a bundled plugin; NAME.wasm of the crate in this folder unless given.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// The exchanges; exchanges.toml beside FILE or in this folder unless given.
    #[arg(long, value_name = "FILE")]
    exchanges: Option<PathBuf>,
    /// Only the exchange of this name. May be given several times.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
}

/// Ready to be driven.
pub(super) struct Trials {
    pub(super) subject: Subject,
    /// Those that were asked for, with keys in their fields.
    pub(super) trials: Vec<Arc<Trial>>,
    pub(super) bench: Bench,
    /// Keys, which nothing that is printed may show.
    pub(super) secrets: Vec<String>,
    isolation: Option<Isolation>,
    grants: BTreeSet<String>,
    limits: config::PluginLimits,
    runtime: Runtime,
    /// Kept, so that each config is loaded once.
    loaded: Vec<Arc<Plugin>>,
}

impl Trials {
    /// `usual`: the exchanges where there is no file of them and none was asked for.
    pub(super) fn ready(options: &TrialOptions, usual: Option<&str>) -> anyhow::Result<Trials> {
        let subject = Subject::find(options.file.as_deref())?;
        let exchanges = match (path(options, &subject), usual) {
            (Some(path), _) => config::load_exchanges(&path)?,
            (None, Some(usual)) => config::parse_exchanges(Path::new("(without a file)"), usual.to_owned())?,
            (None, None) => bail!(
                "there is no {FILE_NAME} {}: write one, as docs/exchanges.md says, or name another with `--exchanges`",
                subject.path.as_ref().map_or("in this folder", |_| "beside the plugin or in this folder")
            ),
        };
        let keys = Keys::make(&exchanges)?;
        let trials = chosen(&exchanges, &options.only)?.into_iter().map(|trial| keys.filled_in(trial)).collect();
        let runtime = Runtime::new(EngineOptions {
            instances_max: INSTANCES_MAX,
            memory_bytes_max: INSTANCE_MEMORY_BYTES_MAX,
            ..EngineOptions::default()
        })
        .context("the plugin runtime does not start")?;
        Ok(Trials {
            trials,
            bench: Bench::new(keys.stored, Arc::new(SystemClock::new())),
            secrets: keys.by_name.into_values().collect(),
            isolation: exchanges.isolation,
            grants: exchanges.grants.unwrap_or_else(|| subject.inspection.grants.clone()),
            limits: exchanges.limits,
            runtime,
            loaded: Vec::new(),
            subject,
        })
    }

    /// With the trial's config, in the isolation that the file names; else `request`, or `pooled` for what cannot be frozen.
    pub(super) async fn plugin(&mut self, trial: &Trial) -> Result<Arc<Plugin>, Diagnostics> {
        if let Some(isolation) = self.isolation {
            return self.plugin_in(trial, isolation).await;
        }
        let pooled = self.plugin_in(trial, Isolation::Pooled).await?;
        match pooled.frozen() {
            // The image is shared: nothing is compiled again.
            Ok(()) => self.plugin_in(trial, Isolation::Request).await,
            Err(_) => Ok(pooled),
        }
    }

    pub(super) async fn plugin_in(&mut self, trial: &Trial, isolation: Isolation) -> Result<Arc<Plugin>, Diagnostics> {
        let plugin = load(&self.runtime, &self.entry(trial, isolation), self.subject.wasm.clone()).await?;
        self.loaded.push(plugin.clone());
        Ok(plugin)
    }

    /// As an entry of a chain would have it.
    fn entry(&self, trial: &Trial, isolation: Isolation) -> ChainEntry {
        ChainEntry {
            name: self.subject.name.clone(),
            plugin: self.subject.name.clone(),
            isolation,
            on_error: OnError::Deny,
            grants: self.grants.clone(),
            config: trial.config.clone(),
            limits: self.limits.clone(),
            breaker: BreakerPolicy::default(),
            mode: Mode::Enforce,
            canary: None,
            self_tests: Vec::new(),
            place: trial.place.clone(),
        }
    }
}

/// What `fresh` is given for each entry.
pub(super) fn entry_options() -> EntryOptions {
    EntryOptions { on_error: OnError::Deny, breaker: BreakerPolicy::default(), piece_bytes_max: PIECE_BYTES_MAX }
}

/// The file that was named, or the usual one where it is there.
fn path(options: &TrialOptions, subject: &Subject) -> Option<PathBuf> {
    if let Some(path) = &options.exchanges {
        return Some(path.clone());
    }
    let beside = subject.path.as_deref().and_then(Path::parent).map(|folder| folder.join(FILE_NAME));
    beside.into_iter().chain([PathBuf::from(FILE_NAME)]).find(|path| path.is_file())
}

fn chosen(exchanges: &Exchanges, only: &[String]) -> anyhow::Result<Vec<Arc<Trial>>> {
    let named = |name: &String| exchanges.trials.iter().any(|trial| trial.exchange.name == *name);
    if let Some(unknown) = only.iter().find(|name| !named(name)) {
        let names: Vec<String> = exchanges.trials.iter().map(|trial| format!("\"{}\"", trial.exchange.name)).collect();
        bail!("there is no exchange \"{}\"; there is {}", unknown.escape_debug(), names.join(", "));
    }
    let is_chosen = |trial: &&Arc<Trial>| only.is_empty() || only.contains(&trial.exchange.name);
    Ok(exchanges.trials.iter().filter(is_chosen).cloned().collect())
}

/// Keys that live as long as the command.
struct Keys {
    by_name: BTreeMap<String, String>,
    stored: Vec<GatewayKey>,
}

impl Keys {
    fn make(exchanges: &Exchanges) -> anyhow::Result<Keys> {
        let mut keys = Keys { by_name: BTreeMap::new(), stored: Vec::new() };
        for wanted in &exchanges.keys {
            let key = generate_with_id(wanted.id.clone())?;
            keys.stored.push(GatewayKey {
                id: key.id.clone(),
                sha256: key.sha256,
                consumer: wanted.consumer.clone(),
                scopes: wanted.scopes.clone(),
                expires: None,
                revoked: wanted.revoked,
            });
            keys.by_name.insert(wanted.name.clone(), key.key);
        }
        Ok(keys)
    }

    fn filled_in(&self, trial: Arc<Trial>) -> Arc<Trial> {
        let exchange = trial.exchange.with_keys(&self.by_name);
        Arc::new(Trial { exchange, ..(*trial).clone() })
    }
}
