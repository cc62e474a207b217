//! The versions of each chain entry: which there are, and how they become one link of a chain.

use std::collections::BTreeMap;
use std::sync::Arc;

use sluicegate_runtime::{Entry, Plugin, Version};

use super::kept::Kept;
use crate::chain::{Canary, CanaryState, Link, Room};
use crate::config::{self, ChainEntry, Mode, Sticky};
use crate::telemetry::metrics::Metrics;

/// Each version of each entry once, by name: how it is configured, and its plugin. In order, so that errors have one.
pub(super) type Loaded = BTreeMap<(String, Version), (Arc<ChainEntry>, Arc<Plugin>)>;

/// The versions of one entry, ready. All routes share them.
#[derive(Default)]
pub(super) struct Versions {
    /// The stable version or the shadow.
    first: Option<Arc<Entry>>,
    room: Option<Arc<Room>>,
    canary: Option<CanaryVersion>,
}

struct CanaryVersion {
    config: config::Canary,
    entry: Option<Arc<Entry>>,
    state: Arc<CanaryState>,
}

/// An entry as each of its versions has it.
pub(super) fn versions_of(entry: &Arc<ChainEntry>) -> impl Iterator<Item = (Version, &Arc<ChainEntry>)> {
    let first = if entry.mode == Mode::Shadow { Version::Shadow } else { Version::Stable };
    let canary = entry.canary.as_ref().map(|canary| (Version::Canary, &canary.entry));
    std::iter::once((first, entry)).chain(canary)
}

impl Versions {
    /// `config`: of this version. The stable one comes before its canary.
    pub(super) fn put(&mut self, kept: &Kept, config: &ChainEntry, version: Version, entry: Arc<Entry>) {
        match version {
            Version::Canary => {
                if let (Some(stable), Some(canary)) = (&self.first, &mut self.canary) {
                    canary.state = kept.canary([stable, &entry], &canary.config);
                    canary.entry = Some(entry);
                }
            }
            Version::Stable | Version::Shadow => {
                self.first = Some(entry);
                self.room = (version == Version::Shadow).then(Arc::default);
                self.canary = config.canary.clone().map(|config| {
                    let state = Arc::new(CanaryState::new(config.rollback.clone()));
                    CanaryVersion { config, entry: None, state }
                });
            }
        }
    }

    /// What an entry in front must provide, for any of the versions.
    pub(super) fn requires(&self) -> impl Iterator<Item = &str> {
        self.entries().flat_map(|entry| entry.plugin.setup().requires.iter().map(String::as_str))
    }

    /// What entries behind can rely on, whichever version serves. A shadow provides nothing: what it writes stays on its copy.
    pub(super) fn provides(&self) -> impl Iterator<Item = &str> {
        let stable = self.first.iter().filter(|_| self.room.is_none());
        let words = stable.flat_map(|entry| entry.plugin.setup().provides.iter().map(String::as_str));
        words.filter(|word| self.entries().all(|entry| entry.plugin.setup().provides.iter().any(|one| one == word)))
    }

    pub(super) fn is_sticky_by_consumer(&self) -> bool {
        self.canary.as_ref().is_some_and(|canary| canary.config.sticky == Sticky::Consumer)
    }

    pub(super) fn link(&self, metrics: &Metrics) -> Option<Link> {
        let entry = self.first.clone()?;
        let canary = self.canary.as_ref().and_then(|canary| {
            Some(Canary {
                entry: canary.entry.clone()?,
                metrics: metrics.entry(&entry.name, Version::Canary),
                weight: canary.config.weight,
                sticky: canary.config.sticky,
                state: canary.state.clone(),
            })
        });
        let metrics = metrics.entry(&entry.name, entry.version());
        Some(Link { entry, metrics, canary, shadow: self.room.clone() })
    }

    fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.first.iter().chain(self.canary.iter().filter_map(|canary| canary.entry.as_ref()))
    }
}
