//! `sluicegate schema`: the JSON schema of the configuration file for editors, with what plugins say of their configs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;
use sluicegate_runtime::Inspection;

use crate::bundled;
use crate::config::{self, PluginSource};
use crate::plugin_source::{Patience, PluginSources};

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// That of a file which another one includes.
    #[arg(long)]
    included: bool,
    /// With the plugins that this configuration names, as far as they are on this machine; nothing is fetched.
    #[arg(short, long, value_name = "FILE", conflicts_with = "exchanges")]
    config: Option<PathBuf>,
    /// That of a file of exchanges, which `sluicegate plugin test` reads.
    #[arg(long, conflicts_with = "included")]
    exchanges: bool,
}

pub(super) fn print(options: &Options) -> anyhow::Result<()> {
    let schema = if options.exchanges {
        config::exchanges_schema()
    } else {
        let schema = if options.included { config::included_schema() } else { config::schema() };
        let mut plugins = bundled::config_schemas();
        if let Some(path) = &options.config {
            plugins.extend(named(&config::survey(path)?));
        }
        config::bind(schema, &plugins)
    };
    println!("{}", serde_json::to_string_pretty(&schema)?);
    Ok(())
}

/// Those of the plugins that the configuration names. Why one is missing is said on standard error.
fn named(config: &config::Config) -> BTreeMap<String, Value> {
    let folder = config.data_dir.join("plugins");
    let sources = PluginSources::new(folder.is_dir().then_some(folder), Patience::default());
    let mut schemas = BTreeMap::new();
    for (name, source) in &config.plugins {
        if matches!(source, PluginSource::Bundled(_)) {
            continue;
        }
        let found = match sources.at_hand(name, source, &config.trust) {
            Ok(Some(wasm)) => schema_in(&wasm),
            Ok(None) => Err("it is not kept on this machine; `sluicegate run` and `check` fetch it".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        match found {
            Ok(Some(schema)) => drop(schemas.insert(name.clone(), schema)),
            Ok(None) => {}
            Err(reason) => eprintln!("note: what plugin `{name}` says of its config is not in the schema: {reason}"),
        }
    }
    schemas
}

/// None: it says nothing.
fn schema_in(wasm: &[u8]) -> Result<Option<Value>, String> {
    let text = Inspection::of(wasm)?.config_schema;
    let parsed = text.as_deref().map(serde_json::from_str).transpose();
    parsed.map_err(|error| format!("its schema is not valid JSON: {error}"))
}
