//! What the host lends to plugins: small traits whose every call may wait, so that the state behind can be local or shared.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::version::Version;

/// A call into the host that may wait.
pub type Waiting<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Everything an exchange's plugins can reach; one value a generation.
pub struct Services {
    pub keys: Arc<dyn Keys>,
    pub counters: Arc<dyn Counters>,
    pub metrics: Arc<dyn PluginMetrics>,
    pub clock: Arc<dyn Clock>,
}

/// Who owns a presented gateway key.
pub trait Keys: Send + Sync {
    fn identify<'a>(&'a self, presented: &'a [u8]) -> Waiting<'a, Result<KeyOwner, KeyFailure>>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyOwner {
    pub key_id: String,
    pub consumer: String,
    pub scopes: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFailure {
    Malformed,
    Unknown,
    Expired,
    Revoked,
}

/// Quotas that outlive the request.
pub trait Counters: Send + Sync {
    /// Takes all claims or none, atomically; one result a claim. `namespace` is the chain entry's name; a shadow's has `shadow:` in
    /// front, which no name can have.
    fn take<'a>(&'a self, namespace: &'a str, claims: &'a [Claim]) -> Waiting<'a, Vec<Taken>>;
}

/// `units` from the quota of `key` in `bucket`: `limit` in a window of `window_ms`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub bucket: String,
    pub key: String,
    pub units: u64,
    pub limit: u64,
    pub window_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Whether this claim can be met. Units were taken only if every claim of the call can be.
    pub allowed: bool,
    pub remaining: u64,
    pub reset_ms: u64,
}

/// The metrics that plugins declared in their setup.
pub trait PluginMetrics: Send + Sync {
    /// `entry`, `version` and `route` become labels. What is no declared counter is counted as dropped.
    fn add(&self, entry: &str, version: Version, route: &str, name: &str, by: u64);
    /// What is no declared histogram, or not finite, is counted as dropped.
    fn observe(&self, entry: &str, version: Version, route: &str, name: &str, value: f64);
}

/// The host's one clock.
pub trait Clock: Send + Sync {
    fn now_unix_ms(&self) -> u64;
    fn monotonic_ns(&self) -> u64;
}
