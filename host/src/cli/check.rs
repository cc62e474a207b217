//! `sluicegate check`: everything that `run` would find wrong, without opening an address. It sends nothing but what fetches
//! plugins that servers have.

use std::collections::BTreeSet;

use super::{ConfigFile, logging, tokio_runtime};
use crate::config::{self, Config, PluginSource};
use crate::generation::Generation;
use crate::listen::Terms;
use crate::secrets::{Redaction, Secret};
use crate::server;
use crate::telemetry::access_log::AccessLog;

pub(super) fn check(options: &ConfigFile) -> anyhow::Result<()> {
    let config = options.load()?;
    let redaction = Redaction::new();
    logging::start(&redaction, "warn")?;
    Terms::of_all(&config.listeners, &config.limits)?;
    tokio_runtime()?.block_on(trial(&config, redaction))?;
    for credential in config.credentials.values() {
        // Where it will run, the secret may well be there.
        if let Err(error) = Secret::read(&credential.source) {
            eprintln!("note: credential `{}` cannot be read here: {error}", credential.name);
        }
    }
    println!(
        "{}: ok; {}, {}{}, {}",
        options.config.display(),
        count(config.routes.len(), "route"),
        count(config.upstreams.len(), "upstream"),
        match config.providers.len() {
            0 => String::new(),
            providers => format!(", {}", count(providers, "provider")),
        },
        count(config.keys.len(), "key")
    );
    Ok(())
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// A generation that will never serve: its plugins are loaded and configured. Only the credentials that fetch plugins are
/// read, and only those that are here.
pub(super) async fn trial(config: &Config, redaction: Redaction) -> anyhow::Result<Generation> {
    let silent = AccessLog::open(&config::AccessLog::Off, std::sync::Arc::new(|text| text.into()))?;
    let foundation = server::foundation(config, redaction, silent)?;
    let fetching: BTreeSet<&str> = config.plugins.values().filter_map(credential).collect();
    let credentials = config
        .credentials
        .iter()
        .filter(|(name, credential)| fetching.contains(name.as_str()) && Secret::read(&credential.source).is_ok())
        .map(|(name, credential)| (name.clone(), credential.clone()))
        .collect();
    Ok(foundation.build(&Config { credentials, ..config.clone() }, 0).await?.generation)
}

fn credential(source: &PluginSource) -> Option<&str> {
    match source {
        PluginSource::Remote(plugin) => plugin.access.credential.as_deref(),
        PluginSource::Bundled(_) | PluginSource::File { .. } => None,
    }
}
