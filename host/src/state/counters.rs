//! Counters that all instances and generations share: so many units of a quota in a window of time, exact under concurrency.
//!
//! A window opens with the first unit taken and ends `window_ms` later; then the count begins anew. Namespace, bucket, key
//! and window length together name a counter, so an entry that changes its window starts afresh and one that changes its
//! limit does not.
//!
//! Entries are bounded. What has ended is evicted with each take; where all that is kept is still open, a new counter is
//! not begun: the take is denied and counted, because the other choice would let a flood of keys lift every limit.

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};

/// Counters kept at once, unless told otherwise; some 200 bytes each with names of the usual length.
pub const ENTRIES_MAX: usize = 1_000_000;
/// A longer name is kept as its SHA-256, so that a client cannot choose how much memory a counter takes.
pub const NAME_BYTES_MAX: usize = 256;
/// Ended windows looked at in one take, so that no request pays for thousands that ended together.
const EVICTIONS_PER_TAKE_MAX: usize = 64;
const SHARDS_MAX: usize = 64;
const ENTRIES_PER_SHARD_MIN: usize = 1024;

/// All counters of the gateway.
#[derive(Debug)]
pub struct Counters {
    shards: Vec<Mutex<Shard>>,
    /// Seeded anew in each process: a client cannot aim at one shard.
    hasher: RandomState,
    entries_per_shard_max: usize,
    denied_when_full: AtomicU64,
}

/// What is wanted of one counter.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    pub namespace: &'a str,
    pub bucket: &'a str,
    pub key: &'a str,
    pub units: u64,
    pub limit: u64,
    pub window_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Whether this claim can be met. Units were taken only if every claim of the call can be.
    pub allowed: bool,
    pub remaining: u64,
    /// Until the window ends; the whole window where none is open yet.
    pub reset_ms: u64,
}

/// One lock's share of the counters.
#[derive(Debug, Default)]
struct Shard {
    windows: HashMap<Arc<[u8]>, Window>,
    /// Each window once, the first to end on top. A window that was replaced leaves its mark behind until that comes up.
    ends: BinaryHeap<Reverse<(u64, Arc<[u8]>)>>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    used: u64,
    ends_ms: u64,
}

/// Of a counter that cannot be kept.
const NOTHING: Taken = Taken { allowed: false, remaining: 0, reset_ms: 0 };

impl Counters {
    pub fn new() -> Counters {
        Counters::with_entries_max(ENTRIES_MAX)
    }

    /// Each shard keeps an equal share, so the limit is met within a few per cent; with few entries there is one shard.
    pub fn with_entries_max(entries_max: usize) -> Counters {
        let shards = (entries_max / ENTRIES_PER_SHARD_MIN).clamp(1, SHARDS_MAX);
        Counters {
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            entries_per_shard_max: (entries_max / shards).max(1),
            denied_when_full: AtomicU64::new(0),
        }
    }

    /// Takes all claims or none, atomically; one result a claim. `now_ms` is monotonic. No units: a look without taking.
    ///
    /// Looks at all claims before it changes anything, so that a refusal leaves no trace.
    pub fn take(&self, claims: &[Claim<'_>], now_ms: u64) -> Vec<Taken> {
        match claims {
            [claim] => vec![self.take_one(claim, now_ms)],
            _ => self.take_all(claims, now_ms),
        }
    }

    /// As most calls have it: no other claim has to be met with it.
    fn take_one(&self, claim: &Claim<'_>, now_ms: u64) -> Taken {
        let (place, name) = self.place(claim);
        let Some(shard) = self.shards.get(place) else { return NOTHING };
        let mut shard = lock(shard);
        shard.evict(now_ms);
        if let Some(window) = shard.windows.get_mut(name.as_slice()).filter(|window| window.ends_ms > now_ms) {
            return window.take(claim, now_ms);
        }
        match self.look(&shard, claim, &name, 0, now_ms) {
            looked if looked.allowed => shard.take(claim, &name, now_ms),
            looked => looked,
        }
    }

    fn take_all(&self, claims: &[Claim<'_>], now_ms: u64) -> Vec<Taken> {
        let named: Vec<(usize, Vec<u8>)> = claims.iter().map(|claim| self.place(claim)).collect();
        let mut shards = self.lock(named.iter().map(|(place, _)| *place));
        shards.values_mut().for_each(|shard| shard.evict(now_ms));
        let mut wanted: HashMap<&[u8], u64> = HashMap::new();
        let mut looked = Vec::with_capacity(claims.len());
        for (claim, (place, name)) in claims.iter().zip(&named) {
            let Some(shard) = shards.get(place) else { continue };
            let before = wanted.entry(name).or_default();
            looked.push(self.look(shard, claim, name, *before, now_ms));
            *before = before.saturating_add(claim.units);
        }
        if !looked.iter().all(|taken| taken.allowed) {
            return looked;
        }
        let take = |(claim, (place, name)): (&Claim<'_>, &(usize, Vec<u8>))| match shards.get_mut(place) {
            Some(shard) => shard.take(claim, name, now_ms),
            None => NOTHING,
        };
        claims.iter().zip(&named).map(take).collect()
    }

    /// Whether a claim can be met once `before` units of the same counter are taken by others of its call.
    fn look(&self, shard: &Shard, claim: &Claim<'_>, name: &[u8], before: u64, now_ms: u64) -> Taken {
        let window = shard.windows.get(name);
        let open = window.filter(|window| window.ends_ms > now_ms);
        let remaining = claim.limit.saturating_sub(open.map_or(0, |window| window.used));
        let reset_ms = open.map_or(claim.window_ms.max(1), |window| window.ends_ms - now_ms);
        let allowed = claim.units <= remaining.saturating_sub(before);
        let is_new = window.is_none() && claim.units > 0;
        if allowed && is_new && shard.windows.len() >= self.entries_per_shard_max {
            self.denied_when_full.fetch_add(1, Ordering::Relaxed);
            let first_end = shard.ends.peek().map_or(now_ms, |Reverse((ends_ms, _))| *ends_ms);
            return Taken { allowed: false, remaining: 0, reset_ms: first_end.saturating_sub(now_ms) };
        }
        Taken { allowed, remaining, reset_ms }
    }

    /// Counters kept now, also those whose window has ended and that nobody has asked for since.
    pub fn entries(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).windows.len()).sum()
    }

    /// Takes denied because no counter could be begun.
    pub fn denied_when_full(&self) -> u64 {
        self.denied_when_full.load(Ordering::Relaxed)
    }

    fn place(&self, claim: &Claim<'_>) -> (usize, Vec<u8>) {
        let name = counter_name(claim.namespace, claim.bucket, claim.key, claim.window_ms);
        // The high bits choose the shard; the map inside hashes with a seed of its own.
        ((self.hasher.hash_one(name.as_slice()) >> 32) as usize % self.shards.len(), name)
    }

    /// In ascending order, so that two calls never wait for each other.
    fn lock(&self, places: impl Iterator<Item = usize>) -> BTreeMap<usize, MutexGuard<'_, Shard>> {
        let places: BTreeSet<usize> = places.collect();
        places.into_iter().filter_map(|place| Some((place, lock(self.shards.get(place)?)))).collect()
    }
}

impl Default for Counters {
    fn default() -> Counters {
        Counters::new()
    }
}

impl Shard {
    fn evict(&mut self, now_ms: u64) {
        for _ in 0..EVICTIONS_PER_TAKE_MAX {
            let Some(Reverse((ends_ms, _))) = self.ends.peek() else { return };
            if *ends_ms > now_ms {
                return;
            }
            let Some(Reverse((ends_ms, name))) = self.ends.pop() else { return };
            if let Entry::Occupied(entry) = self.windows.entry(name)
                && entry.get().ends_ms == ends_ms
            {
                entry.remove();
            }
        }
    }

    /// Of a claim that can be met.
    fn take(&mut self, claim: &Claim<'_>, name: &[u8], now_ms: u64) -> Taken {
        if let Some(window) = self.windows.get_mut(name).filter(|window| window.ends_ms > now_ms) {
            return window.take(claim, now_ms);
        }
        let Claim { units, limit, window_ms, .. } = *claim;
        if units == 0 {
            return Taken { allowed: true, remaining: limit, reset_ms: window_ms.max(1) };
        }
        let ends_ms = now_ms.saturating_add(window_ms.max(1));
        self.open(Arc::from(name), Window { used: units, ends_ms });
        Taken { allowed: true, remaining: limit.saturating_sub(units), reset_ms: ends_ms - now_ms }
    }

    fn open(&mut self, name: Arc<[u8]>, window: Window) {
        self.ends.push(Reverse((window.ends_ms, name.clone())));
        self.windows.insert(name, window);
    }
}

impl Window {
    /// Of one that is open.
    fn take(&mut self, claim: &Claim<'_>, now_ms: u64) -> Taken {
        let left = claim.limit.saturating_sub(self.used);
        let allowed = claim.units <= left;
        if allowed {
            self.used = self.used.saturating_add(claim.units);
        }
        let remaining = if allowed { claim.limit.saturating_sub(self.used) } else { left };
        Taken { allowed, remaining, reset_ms: self.ends_ms - now_ms }
    }
}

/// One name for all parts. Lengths stand in front, so that no two sets of parts share a name.
fn counter_name(namespace: &str, bucket: &str, key: &str, window_ms: u64) -> Vec<u8> {
    let mut name = Vec::with_capacity(32 + namespace.len() + bucket.len() + key.len());
    name.extend_from_slice(&window_ms.to_le_bytes());
    for part in [namespace, bucket, key] {
        name.extend_from_slice(&(part.len() as u64).to_le_bytes());
        name.extend_from_slice(part.as_bytes());
    }
    if name.len() > NAME_BYTES_MAX { digest(&SHA256, &name).as_ref().to_vec() } else { name }
}

/// No code that holds this lock leaves a shard half changed, so a panic elsewhere is no reason to stop counting.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
