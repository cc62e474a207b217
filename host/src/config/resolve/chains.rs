//! Chains: each entry is made once, and shared by every route that names its chain.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::{Context, rollout};
use crate::config::bundled::bundled;
use crate::config::diagnostic::Mistake;
use crate::config::model::{BreakerPolicy, ChainEntry, Isolation, Mode, OnError, PluginLimits, PluginSource};
use crate::config::place::Place;
use crate::config::raw::chain::{RawChain, RawEntry, RawGrant, RawIsolation, RawMember, RawOnError, RawPluginLimits};
use crate::config::raw::rollout::RawMode;
use crate::config::raw::spot::{Named, Span, Spot};
use crate::config::raw::text::Name;

type Entries = Vec<Arc<ChainEntry>>;

pub struct Chains<'a> {
    plugins: &'a BTreeMap<String, PluginSource>,
    named: BTreeMap<String, Entries>,
    /// Where each entry got its name.
    names: BTreeMap<String, Span>,
}

impl<'a> Chains<'a> {
    pub fn new(plugins: &'a BTreeMap<String, PluginSource>) -> Chains<'a> {
        Chains { plugins, named: BTreeMap::new(), names: BTreeMap::new() }
    }

    pub fn declare(&mut self, raw: Named<Vec<RawEntry>>, context: &mut Context<'_>) {
        for (name, entries) in raw.0 {
            let entries = entries.into_iter().filter_map(|entry| self.entry(entry, context)).collect();
            self.named.insert(name.value.0, entries);
        }
    }

    /// Empty, and reported, when there is no such chain.
    pub fn named(&self, name: &Spot<Name>, context: &mut Context<'_>) -> Entries {
        let found = self.named.get(&name.0).cloned();
        if found.is_none() && !context.declared.chains.contains(&name.0) {
            context.unknown("chain", name, &context.declared.chains, "[[chains.NAME]]");
        }
        found.unwrap_or_default()
    }

    /// A route's own chain. The global chain runs in front of it, so it may not come again.
    pub fn of_route(&mut self, raw: Spot<RawChain>, global: Option<&str>, context: &mut Context<'_>) -> Entries {
        let span = raw.span;
        let members = match raw.value {
            RawChain::Name(name) => vec![Spot { value: RawMember::Name(name), span }],
            RawChain::Members(members) => members,
        };
        let mut entries = Vec::new();
        let mut seen = BTreeSet::new();
        for member in members {
            match member.value {
                RawMember::Name(name) => {
                    let name = Spot { value: name, span: member.span };
                    if global == Some(&*name.0) {
                        context
                            .report
                            .add(Mistake::Relation, &name.span, format!("chain `{}` would run twice", name.0))
                            .help("remove it here: the global chain already runs in front of every route");
                    } else if !seen.insert(name.0.clone()) {
                        context
                            .report
                            .add(Mistake::Relation, &name.span, format!("chain `{}` would run twice", name.0))
                            .help("name it once");
                    } else {
                        entries.extend(self.named(&name, context));
                    }
                }
                RawMember::Entry(entry) => entries.extend(self.entry(*entry, context)),
            }
        }
        entries
    }

    fn entry(&mut self, raw: RawEntry, context: &mut Context<'_>) -> Option<Arc<ChainEntry>> {
        let source = self.plugins.get(&raw.plugin.0);
        if source.is_none() && !context.declared.plugins.contains(&raw.plugin.0) {
            context.unknown("plugin", &raw.plugin, &context.declared.plugins, "[plugins.NAME]");
        }
        let place = raw.plugin.span.clone();
        let name = self.entry_name(raw.name, &raw.plugin, context);
        let bundled = bundled(&raw.plugin.0);
        let usual = if bundled.is_some() { Isolation::Pooled } else { Isolation::Request };
        let isolation = raw.isolation.map_or(usual, isolation);
        let on_error = match raw.on_error {
            RawOnError::Deny => OnError::Deny,
            RawOnError::Allow => OnError::Allow,
        };
        let grants: BTreeSet<String> = match (raw.grants, bundled) {
            (Some(grants), _) => granted(grants),
            (None, Some(bundled)) => bundled.grants.iter().map(|grant| (*grant).to_owned()).collect(),
            (None, None) => BTreeSet::new(),
        };
        let (config, values) = match raw.config {
            Some(config) => config.into_parts(),
            None => (Value::Object(Default::default()), BTreeMap::new()),
        };
        source?;
        let mut entry = ChainEntry {
            name,
            plugin: raw.plugin.value.0,
            isolation,
            on_error,
            grants,
            config,
            limits: limits(&raw.limits),
            breaker: BreakerPolicy {
                failures: raw.breaker.traps,
                window: Duration::from_millis(raw.breaker.window_ms),
                backoff: Duration::from_millis(raw.breaker.backoff_ms),
            },
            mode: match raw.mode {
                RawMode::Enforce => Mode::Enforce,
                RawMode::Shadow => Mode::Shadow,
            },
            canary: None,
            self_tests: rollout::self_tests(raw.self_tests, context),
            place: Place::new(&context.report.source, place, values),
        };
        if let Some(canary) = raw.canary {
            if entry.mode == Mode::Shadow {
                rollout::refuse_canary_of_shadow(&canary.span, context);
            }
            entry.canary = rollout::canary(canary.value, &entry, self.plugins, context);
        }
        Some(Arc::new(entry))
    }

    /// The name that is given, or the plugin's; unique in the file.
    fn entry_name(&mut self, given: Option<Spot<Name>>, plugin: &Spot<Name>, context: &mut Context<'_>) -> String {
        let is_given = given.is_some();
        let name = given.unwrap_or_else(|| plugin.clone());
        if let Some(first) = self.names.get(&name.0) {
            let found =
                context.report.add(Mistake::Relation, &name.span, format!("two entries have the name `{}`", name.0));
            found.also(first, "first here");
            match is_given {
                true => found.help("give one of them another name: logs, metrics and counters go by it"),
                false => found.help(format!(
                    "give this one a name of its own, such as `name = \"{}-2\"`; without it, it has the plugin's",
                    name.0
                )),
            };
        }
        self.names.entry(name.0.clone()).or_insert(name.span);
        name.value.0
    }
}

pub fn isolation(raw: RawIsolation) -> Isolation {
    match raw {
        RawIsolation::Request => Isolation::Request,
        RawIsolation::Pooled => Isolation::Pooled,
    }
}

pub fn limits(raw: &RawPluginLimits) -> PluginLimits {
    PluginLimits {
        memory_bytes_max: raw.memory_bytes_max,
        cpu_max: Duration::from_millis(raw.cpu_max_ms),
        wall_max: Duration::from_millis(raw.wall_max_ms),
        host_calls_max: raw.host_calls_max,
    }
}

/// The names of the interfaces, as the contract has them.
pub fn granted(grants: Vec<RawGrant>) -> BTreeSet<String> {
    grants.into_iter().map(RawGrant::interface).map(str::to_owned).collect()
}
