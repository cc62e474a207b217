//! Canaries and self-tests of chain entries.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::chains::granted;
use super::{Context, exchanges};
use crate::config::bundled::bundled;
use crate::config::diagnostic::Mistake;
use crate::config::model::{Canary, ChainEntry, PluginSource, RollbackPolicy, SelfTest, Sticky};
use crate::config::raw::rollout::{RawCanary, RawSelfTest, RawSticky};
use crate::config::raw::spot::Span;

/// The second version of `entry`, which has no canary yet. None, and reported, when its plugin is not declared.
pub fn canary(
    raw: RawCanary,
    entry: &ChainEntry,
    plugins: &BTreeMap<String, PluginSource>,
    context: &mut Context<'_>,
) -> Option<Canary> {
    let mut second = entry.clone();
    if let Some(plugin) = raw.plugin {
        let is_known = plugins.contains_key(&plugin.0);
        if !is_known && !context.declared.plugins.contains(&plugin.0) {
            context.unknown("plugin", &plugin, &context.declared.plugins, "[plugins.NAME]");
        }
        // What the bundled plugin of the entry needs is of no use to another.
        if plugin.0 != entry.plugin
            && let Some(bundled) = bundled(&plugin.0)
        {
            second.grants = bundled.grants.iter().map(|grant| (*grant).to_owned()).collect();
        }
        second.place = entry.place.with_entry(plugin.span.clone());
        second.plugin = plugin.value.0;
        is_known.then_some(())?;
    }
    if let Some(config) = raw.config {
        let (config, values) = config.into_parts();
        second.config = config;
        second.place = second.place.with_values(values);
    }
    if let Some(grants) = raw.grants {
        second.grants = granted(grants);
    }
    if let Some(tests) = raw.self_tests {
        second.self_tests = self_tests(tests, context);
    }
    Some(Canary {
        entry: Arc::new(second),
        weight: raw.weight,
        sticky: match raw.sticky {
            RawSticky::Request => Sticky::Request,
            RawSticky::Consumer => Sticky::Consumer,
        },
        rollback: RollbackPolicy {
            failures: raw.rollback.traps,
            rejections_percent: raw.rollback.rejections_percent,
            exchanges_min: raw.rollback.exchanges_min,
            window: Duration::from_millis(raw.rollback.window_ms),
        },
    })
}

pub fn self_tests(raw: Vec<RawSelfTest>, context: &mut Context<'_>) -> Vec<Arc<SelfTest>> {
    let mut names: BTreeMap<String, Span> = BTreeMap::new();
    let mut tests = Vec::new();
    for test in raw {
        if let Some(first) = names.get(&test.name.0) {
            context
                .report
                .add(Mistake::Relation, &test.name.span, "two self-tests of this entry have the same name")
                .also(first, "first here")
                .help("give one of them another name: a failure is reported by it");
        }
        names.entry(test.name.0.clone()).or_insert(test.name.span.clone());
        let RawSelfTest { name, request, identity, reply, expect } = test;
        let expect = exchanges::expect(expect, &request, reply.is_some(), context.report);
        let exchange = exchanges::exchange(name, request, identity, reply, context.report);
        tests.push(Arc::new(SelfTest { exchange, expect }));
    }
    tests
}

/// Reported where the canary stands: a shadow serves nobody, so there is nothing to share.
pub fn refuse_canary_of_shadow(canary: &Span, context: &mut Context<'_>) {
    context
        .report
        .add(Mistake::Relation, canary, "an entry with `mode = \"shadow\"` cannot have a canary")
        .help("take out the canary, or the mode; a shadow serves no request, so it has none to share");
}
