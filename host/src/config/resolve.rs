//! From the configuration as written to the configuration as meant: every reference found, every default filled in.

mod chains;
mod edge;
pub mod exchanges;
mod keys;
mod listen;
mod models;
mod plugins;
mod rollout;
mod routes;
mod upstreams;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::bundled::BUNDLED;
use super::diagnostic::{Mistake, Report};
use super::mask::looks_presented;
use super::model::{Config, Inputs};
use super::near::nearest;
use super::raw::RawConfig;
use super::raw::spot::Spot;
use super::raw::text::Name;
use super::texts::Texts;

pub use chains::{granted, isolation, limits};
pub use edge::collide;

/// The names in all files, also of what has mistakes of its own: a reference to that is no second mistake.
pub struct Declared {
    credentials: BTreeSet<String>,
    upstreams: BTreeSet<String>,
    providers: BTreeSet<String>,
    models: BTreeSet<String>,
    plugins: BTreeSet<String>,
    /// `NAME.KEY` for what each plugin says of itself.
    plugin_keys: BTreeSet<String>,
    chains: BTreeSet<String>,
}

impl Declared {
    pub fn of(documents: &[Spanned<DeTable<'_>>]) -> Declared {
        let names = |section: &str| -> BTreeSet<String> {
            let sections =
                documents.iter().filter_map(|document| document.get_ref().get(section)?.get_ref().as_table());
            sections.flat_map(|table| table.keys()).map(|name| name.get_ref().to_string()).collect()
        };
        let mut plugins = names("plugins");
        plugins.extend(BUNDLED.iter().map(|plugin| plugin.name.to_owned()));
        let sections = documents.iter().filter_map(|document| document.get_ref().get("plugins")?.get_ref().as_table());
        let declared = sections.flat_map(|table| table.iter());
        let plugin_keys = declared.flat_map(|(name, plugin)| keys_of(name.get_ref(), plugin.get_ref())).collect();
        Declared {
            plugin_keys,
            credentials: names("credentials"),
            upstreams: names("upstreams"),
            providers: names("providers"),
            models: names("models"),
            plugins,
            chains: names("chains"),
        }
    }
}

fn keys_of(name: &str, table: &DeValue<'_>) -> Vec<String> {
    match table {
        DeValue::Table(table) => table.keys().map(|key| format!("{name}.{}", key.get_ref())).collect(),
        _ => Vec::new(),
    }
}

/// What every part needs.
struct Context<'a> {
    declared: &'a Declared,
    /// The folder that relative paths start from.
    base_dir: &'a Path,
    texts: &'a Texts,
    /// What has been named so far.
    inputs: Inputs,
    report: &'a mut Report,
}

/// None, or a value that is of no use, when mistakes were reported.
pub fn resolve(raw: RawConfig, declared: &Declared, texts: &Texts, report: &mut Report) -> Option<Config> {
    let inputs = texts.inputs(raw.include.iter().map(|item| &**item));
    let mut context = Context { declared, base_dir: texts.folder(), texts, inputs, report };
    let context = &mut context;
    let data_dir = context.path(&raw.data_dir);
    let listeners = listen::listeners(raw.listen, context);
    let admin = raw.admin.and_then(|admin| edge::admin(&admin, &data_dir, &listeners, context));
    let access_log = edge::access_log(&raw.access_log, context);
    let credentials = upstreams::credentials(raw.credentials, context);
    let reply_heads = edge::reply_heads(&raw.limits);
    let upstreams = upstreams::upstreams(raw.upstreams, &credentials, reply_heads, context);
    let providers = models::providers(raw.providers, &upstreams, &credentials, reply_heads, context);
    let models = models::models(raw.models, &providers, context);
    let keys = keys::keys(raw.keys, context);
    let plugins = plugins::plugins(raw.plugins.0, &credentials, context);
    let trust = plugins::trust(raw.trust, context);
    let mut chains = chains::Chains::new(&plugins);
    chains.declare(raw.chains, context);
    let global_chain = raw.global_chain.map(|name| (chains.named(&name, context), name.value));
    let global_name = global_chain.as_ref().map(|(_, name)| name.0.clone());
    let routes = routes::routes(
        raw.routes,
        &routes::Places { upstreams: &upstreams, models: &models },
        &mut chains,
        global_name.as_deref(),
        context,
    );
    Some(Config {
        listeners,
        admin,
        access_log: access_log?,
        data_dir,
        workers: edge::workers(raw.workers),
        limits: edge::limits(&raw.limits),
        credentials,
        upstreams,
        providers,
        keys,
        plugins,
        trust,
        global_chain: global_chain.map(|(entries, _)| entries).unwrap_or_default(),
        routes,
        inputs: std::mem::take(&mut context.inputs),
    })
}

impl Context<'_> {
    /// Relative to the folder of the configuration file, unless absolute.
    fn path(&self, text: &str) -> PathBuf {
        self.base_dir.join(text)
    }

    /// The path of a file that must be there, or of the one that stands in for it.
    fn file(
        &mut self,
        text: &Spot<impl std::ops::Deref<Target = str>>,
        stand_in: Option<&PathBuf>,
        help: &str,
    ) -> PathBuf {
        let named = self.path(text);
        self.inputs.files.insert(named.clone());
        let path = stand_in.cloned().unwrap_or(named);
        let problem = match std::fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => "is a directory, not a file",
            Ok(_) => return path,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => "does not exist",
            Err(_) => "cannot be reached",
        };
        self.report
            .add(Mistake::Relation, &text.span, format!("this file {problem}"))
            .help(format!("{help}; relative paths start from the folder of the configuration file"));
        path
    }

    /// Reports names that stand in a list twice.
    fn each_once(&mut self, what: &str, names: &[Spot<Name>]) {
        exchanges::each_once(what, names, self.report);
    }

    /// Reports a name that refers to nothing. `what` is one word, `section` the table that would declare it.
    fn unknown(&mut self, what: &str, name: &Spot<Name>, known: &BTreeSet<String>, section: &str) {
        // Who takes the name of a credential for the credential itself must not find it in a log.
        let message = match looks_presented(&name.0) {
            true => format!("there is no {what} of this name"),
            false => format!("there is no {what} `{}`", name.0),
        };
        let help = match nearest(name, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => format!("declare it under `{section}`"),
            None => {
                let names: Vec<String> = known.iter().take(20).map(|name| format!("`{name}`")).collect();
                format!("declare it under `{section}`, or name one of {}", names.join(", "))
            }
        };
        self.report.add(Mistake::Relation, &name.span, message).label("not declared").help(help);
    }
}
