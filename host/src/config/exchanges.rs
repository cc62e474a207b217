//! Reads a file of exchanges that a plugin is tried on: the keys of self-tests, the same checks, errors with their places.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use toml::de::Deserializer;

use super::diagnostic::{Diagnostics, Mistake, Report};
use super::model::{Exchanges, Trial, TrialKey, key_names};
use super::near::nearest;
use super::place::Place;
use super::raw::exchanges::{RawExchange, RawExchanges, RawTrialKey};
use super::raw::spot::Span;
use super::resolve::{self, exchanges};
use super::shape::{self, Patterns};
use super::source::Source;
use super::texts::{TextFile, Texts};
use super::{read, schema, syntax};

/// Exchanges in one file, as the schema has it.
pub const EXCHANGES_MAX: usize = 256;

/// Reads and checks the file at `path`.
///
/// # Errors
/// All mistakes in the file. What only the plugin can find wrong is none of them.
pub fn load_exchanges(path: &Path) -> Result<Exchanges, Diagnostics> {
    parse_exchanges(path, read::exchanges(path)?)
}

/// Checks a text as if it stood in the file at `path`.
///
/// # Errors
/// As for [`load_exchanges`].
pub fn parse_exchanges(path: &Path, text: String) -> Result<Exchanges, Diagnostics> {
    understand(path, text, |exchanges, report| {
        if exchanges.trials.is_empty() && report.is_empty() {
            report
                .add_without_place(Mistake::Relation, "the file has no exchange")
                .help("write `[[exchanges]]`, and below it `name = \"…\"` and what the request is");
        }
    })
}

/// Checks the file at `path` for those who need no exchange in it.
///
/// # Errors
/// As for [`load_exchanges`], but that a file without any exchange is none.
pub fn check_exchanges(path: &Path) -> Result<(), Diagnostics> {
    understand(path, read::exchanges(path)?, |_, _| ()).map(drop)
}

/// `further`: what else is checked.
fn understand(
    path: &Path,
    text: String,
    further: impl FnOnce(&Exchanges, &mut Report),
) -> Result<Exchanges, Diagnostics> {
    let texts = Texts { files: vec![TextFile { path: path.to_owned(), text }], plugin_files: BTreeMap::new() };
    let mut report = Report::new(Source::new(&texts.files));
    let exchanges = check(&texts, &mut report);
    if let Some(exchanges) = &exchanges {
        further(exchanges, &mut report);
    }
    match exchanges {
        Some(exchanges) if report.is_empty() => Ok(exchanges),
        None if report.is_empty() => {
            report.add_without_place(Mistake::Shape, "the exchanges cannot be understood");
            Err(report.into_diagnostics())
        }
        _ => Err(report.into_diagnostics()),
    }
}

fn check(texts: &Texts, report: &mut Report) -> Option<Exchanges> {
    let mut document = syntax::parse(texts, report)?.into_iter().next()?;
    let schema = schema::exchanges_schema();
    shape::check("the file of exchanges", &schema, &mut document, &mut Patterns::default(), report);
    match RawExchanges::deserialize(Deserializer::from(document)) {
        Ok(raw) => Some(resolve(raw, report)),
        Err(error) => {
            report.add(Mistake::Shape, &error.span().unwrap_or(0..0), "this cannot be understood here");
            None
        }
    }
}

fn resolve(raw: RawExchanges, report: &mut Report) -> Exchanges {
    let keys = keys(raw.keys, report);
    let config = raw.config.map_or_else(nothing, |config| config.into_parts());
    Exchanges {
        grants: raw.grants.map(resolve::granted),
        isolation: raw.isolation.map(resolve::isolation),
        limits: resolve::limits(&raw.limits),
        trials: trials(raw.exchanges, &config, &keys, report),
        keys,
    }
}

/// A config that nobody has written.
fn nothing() -> (Value, BTreeMap<String, Span>) {
    (Value::Object(Default::default()), BTreeMap::new())
}

fn keys(raw: Vec<RawTrialKey>, report: &mut Report) -> Vec<TrialKey> {
    let mut names: BTreeMap<String, Span> = BTreeMap::new();
    let mut keys = Vec::new();
    for (number, key) in raw.into_iter().enumerate() {
        if let Some(first) = names.get(&key.name.0) {
            let message = format!("two keys have the name `{}`", key.name.0);
            let found = report.add(Mistake::Relation, &key.name.span, message);
            found.also(first, "first here").help("give one of them another name");
        }
        names.entry(key.name.0.clone()).or_insert(key.name.span.clone());
        keys.push(TrialKey {
            name: key.name.value.0,
            // Twelve letters and digits, as every id has; the same in each run.
            id: format!("test{number:08}"),
            consumer: key.consumer.0,
            scopes: key.scopes.into_iter().map(|scope| scope.0).collect(),
            revoked: key.revoked,
        });
    }
    keys
}

fn trials(
    raw: Vec<RawExchange>,
    config: &(Value, BTreeMap<String, Span>),
    keys: &[TrialKey],
    report: &mut Report,
) -> Vec<Arc<Trial>> {
    let mut names: BTreeMap<String, Span> = BTreeMap::new();
    let mut trials = Vec::new();
    for one in raw {
        let name = &one.name;
        if let Some(first) = names.get(&name.0) {
            let found = report.add(Mistake::Relation, &name.span, "two exchanges have the same name");
            found.also(first, "first here").help("give one of them another name: `--only` finds it by that");
        }
        names.entry(name.0.clone()).or_insert(name.span.clone());
        for (field, value) in &one.request.headers.0 {
            refuse_unknown_keys(value, &field.span, keys, report);
        }
        let (config, values) = one.config.map_or_else(|| config.clone(), |config| config.into_parts());
        let place = Place::new(&report.source, name.span.clone(), values);
        let expect = one.expect.map(|expect| exchanges::expect(expect, &one.request, one.reply.is_some(), report));
        let exchange = exchanges::exchange(one.name, one.request, one.identity, one.reply, report);
        trials.push(Arc::new(Trial { exchange, config, expect, place }));
    }
    trials
}

fn refuse_unknown_keys(value: &str, field: &Span, keys: &[TrialKey], report: &mut Report) {
    let known: BTreeSet<&str> = keys.iter().map(|key| key.name.as_str()).collect();
    for name in key_names(value).filter(|name| !known.contains(name)) {
        let found = report.add(Mistake::Relation, field, format!("there is no key {}", shape::quoted(name)));
        match nearest(name, known.iter().copied()) {
            Some(near) => found.help(format!("did you mean `{near}`?")),
            None => found.help("declare it under `[[keys]]`, with a `name` and a `consumer`"),
        };
    }
}
