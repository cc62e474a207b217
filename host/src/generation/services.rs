//! Lends the host's state to plugins, as the runtime's traits want it.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use sluicegate_runtime::Version;
use sluicegate_runtime::services::{
    Claim, Clock as PluginClock, Counters as PluginCounters, KeyFailure, KeyOwner, Keys, PluginMetrics, Taken, Waiting,
};

use crate::clock::Clock;
use crate::state::counters::{self, Counters};
use crate::state::keys::{self, KeyRing};
use crate::telemetry::metrics::{PluginMetrics as Declared, RouteMetrics};

/// The keys of one generation: a revocation is seen by the first request of the next.
pub(super) struct LocalKeys {
    pub(super) ring: KeyRing,
    pub(super) clock: Arc<dyn Clock>,
}

impl Keys for LocalKeys {
    fn identify<'a>(&'a self, presented: &'a [u8]) -> Waiting<'a, Result<KeyOwner, KeyFailure>> {
        let owner = self.ring.identify(presented, self.clock.now_unix_seconds());
        let owner = owner.map(|owner| KeyOwner {
            key_id: owner.key_id.clone(),
            consumer: owner.consumer.clone(),
            scopes: owner.scopes.clone(),
        });
        Box::pin(std::future::ready(owner.map_err(|failure| match failure {
            keys::KeyFailure::Malformed => KeyFailure::Malformed,
            keys::KeyFailure::Unknown => KeyFailure::Unknown,
            keys::KeyFailure::Expired => KeyFailure::Expired,
            keys::KeyFailure::Revoked => KeyFailure::Revoked,
        })))
    }
}

/// Counters in this process; they outlive generations.
pub(super) struct LocalCounters {
    pub(super) counters: Arc<Counters>,
    pub(super) clock: Arc<dyn Clock>,
}

impl PluginCounters for LocalCounters {
    fn take<'a>(&'a self, namespace: &'a str, claims: &'a [Claim]) -> Waiting<'a, Vec<Taken>> {
        let claims: Vec<counters::Claim<'_>> = claims
            .iter()
            .map(|claim| counters::Claim {
                namespace,
                bucket: &claim.bucket,
                key: &claim.key,
                units: claim.units,
                limit: claim.limit,
                window_ms: claim.window_ms,
            })
            .collect();
        let taken = self.counters.take(&claims, self.clock.monotonic_ms()).into_iter();
        let taken = taken.map(|one| Taken { allowed: one.allowed, remaining: one.remaining, reset_ms: one.reset_ms });
        Box::pin(std::future::ready(taken.collect()))
    }
}

/// The metrics that the entries of one generation declared.
#[derive(Default)]
pub(super) struct Book {
    /// By entry, in the order of [`Version::ALL`].
    entries: ByName<[Option<Declared>; Version::ALL.len()]>,
    pub(super) routes: ByName<RouteMetrics>,
}

/// By names of the config, which nobody chooses in order to make them collide.
pub(super) type ByName<T> = HashMap<String, T, BuildHasherDefault<Fnv>>;

/// FNV-1a of 64 bits: for the few bytes of a name it is done before a hash that withstands attacks has begun.
pub(super) struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Fnv {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        self.0 = bytes.iter().fold(self.0, step);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Book {
    pub(super) fn insert(&mut self, entry: &str, version: Version, declared: Declared) {
        if let Some(place) = self.entries.entry(entry.to_owned()).or_default().get_mut(version as usize) {
            *place = Some(declared);
        }
    }

    fn declared(&self, entry: &str, version: Version) -> Option<&Declared> {
        self.entries.get(entry)?.get(version as usize)?.as_ref()
    }
}

impl PluginMetrics for Book {
    fn add(&self, entry: &str, version: Version, route: &str, name: &str, by: u64) {
        if let (Some(declared), Some(route)) = (self.declared(entry, version), self.routes.get(route)) {
            declared.add(route, name, by);
        }
    }

    fn observe(&self, entry: &str, version: Version, route: &str, name: &str, value: f64) {
        if let (Some(declared), Some(route)) = (self.declared(entry, version), self.routes.get(route)) {
            declared.observe(route, name, value);
        }
    }
}

pub(super) struct SharedClock(pub(super) Arc<dyn Clock>);

impl PluginClock for SharedClock {
    fn now_unix_ms(&self) -> u64 {
        self.0.now_unix_ms()
    }

    fn monotonic_ns(&self) -> u64 {
        self.0.monotonic_ns()
    }
}
