//! What a new generation takes over from those before it: entries with their breakers, canaries with their figures, upstreams
//! with their connections, credentials of providers with their rests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use sluicegate_runtime::{Entry, EntryOptions, Plugin, Version};

use crate::chain::{CanaryState, Rest};
use crate::config::{self, RollbackPolicy, Sticky};
use crate::upstream::Upstream;

/// Finds by name what a live generation uses, and keeps nothing alive by itself.
#[derive(Default)]
pub struct Kept {
    entries: Mutex<HashMap<(String, Version), Weak<Entry>>>,
    canaries: Mutex<HashMap<String, KeptCanary>>,
    upstreams: Mutex<HashMap<String, KeptUpstream>>,
    /// By provider and credential.
    rests: Mutex<HashMap<(String, String), KeptRest>>,
}

struct KeptCanary {
    /// The stable version and the canary.
    versions: [Weak<Entry>; 2],
    weight: u8,
    sticky: Sticky,
    policy: RollbackPolicy,
    state: Weak<CanaryState>,
}

struct KeptRest {
    /// Of the credential's value.
    digest: Option<[u8; 32]>,
    rest: Weak<Rest>,
}

struct KeptUpstream {
    /// Of the files that it was made from, as they were.
    files: Vec<[u8; SHA256_OUTPUT_LEN]>,
    upstream: Weak<Upstream>,
}

impl Kept {
    /// By name, as they were asked for last.
    pub fn upstreams(&self) -> Vec<Arc<Upstream>> {
        lock(&self.upstreams).values().filter_map(|kept| kept.upstream.upgrade()).collect()
    }

    /// The same entry as before if nothing about it has changed: its breaker stays as it is.
    pub(super) fn entry(&self, name: &str, version: Version, plugin: Arc<Plugin>, options: EntryOptions) -> Arc<Entry> {
        let key = (name.to_owned(), version);
        let mut entries = lock(&self.entries);
        entries.retain(|_, entry| entry.strong_count() > 0);
        let before = entries.get(&key).and_then(Weak::upgrade);
        if let Some(entry) = before.filter(|entry| Arc::ptr_eq(&entry.plugin, &plugin) && entry.options == options) {
            return entry;
        }
        let entry = Arc::new(Entry::new(name.into(), plugin, options));
        entries.insert(key, Arc::downgrade(&entry));
        entry
    }

    /// The same figures as before if nothing about the entry has changed: a canary that was taken out of service stays out.
    /// `versions`: the stable one and the canary.
    pub(super) fn canary(&self, versions: [&Arc<Entry>; 2], config: &config::Canary) -> Arc<CanaryState> {
        let mut canaries = lock(&self.canaries);
        canaries.retain(|_, kept| kept.state.strong_count() > 0);
        let name = versions[0].name.to_string();
        if let Some(kept) = canaries.get(&name)
            && kept.versions.iter().zip(versions).all(|(kept, now)| kept.as_ptr() == Arc::as_ptr(now))
            && (kept.weight, kept.sticky, &kept.policy) == (config.weight, config.sticky, &config.rollback)
            && let Some(state) = kept.state.upgrade()
        {
            return state;
        }
        let state = Arc::new(CanaryState::new(config.rollback.clone()));
        let kept = KeptCanary {
            versions: versions.map(Arc::downgrade),
            weight: config.weight,
            sticky: config.sticky,
            policy: config.rollback.clone(),
            state: Arc::downgrade(&state),
        };
        canaries.insert(name, kept);
        state
    }

    /// The same rest as before for a credential of a provider that has the same value: it is as used up as it was.
    pub(super) fn rest(&self, provider: &str, credential: &str, digest: Option<[u8; 32]>) -> Arc<Rest> {
        let mut rests = lock(&self.rests);
        rests.retain(|_, kept| kept.rest.strong_count() > 0);
        let key = (provider.to_owned(), credential.to_owned());
        let before = rests.get(&key).filter(|kept| kept.digest == digest).and_then(|kept| kept.rest.upgrade());
        before.unwrap_or_else(|| {
            let rest = Arc::new(Rest::default());
            rests.insert(key, KeptRest { digest, rest: Arc::downgrade(&rest) });
            rest
        })
    }

    /// The same upstream as before if nothing about it has changed: its connections stay open.
    pub(super) fn upstream<E>(
        &self,
        config: &config::Upstream,
        make: impl FnOnce() -> Result<Upstream, E>,
    ) -> Result<Arc<Upstream>, E> {
        // What cannot be read is the maker's to report.
        let files =
            config.files().map(|path| std::fs::read(path).map(|bytes| sha256(&bytes)).unwrap_or_default()).collect();
        let mut upstreams = lock(&self.upstreams);
        upstreams.retain(|_, kept| kept.upstream.strong_count() > 0);
        let before = upstreams.get(&config.name).filter(|kept| kept.files == files);
        let before = before.and_then(|kept| kept.upstream.upgrade());
        if let Some(upstream) = before.filter(|upstream| upstream.config() == config) {
            return Ok(upstream);
        }
        let upstream = Arc::new(make()?);
        upstreams.insert(config.name.clone(), KeptUpstream { files, upstream: Arc::downgrade(&upstream) });
        Ok(upstream)
    }
}

fn sha256(bytes: &[u8]) -> [u8; SHA256_OUTPUT_LEN] {
    let mut whole = [0; SHA256_OUTPUT_LEN];
    whole.copy_from_slice(digest(&SHA256, bytes).as_ref());
    whole
}

fn lock<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}
