//! A file of exchanges that a plugin is tried on, as written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::chain::{RawGrant, RawIsolation, RawPluginLimits};
use super::json::Json;
use super::rollout::{RawExpect, RawTestReply, RawTestRequest};
use super::spot::{Named, Spot};
use super::text::{ConsumerText, IdentityPartText, IdentityText, Name, ScopeText, TestName};

/// Exchanges that `sluicegate plugin test` and `plugin bench` drive a plugin through.
#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
pub struct RawExchanges {
    /// The host's interfaces that the plugin may use, as in a chain entry. What the component imports unless given.
    pub grants: Option<Vec<RawGrant>>,
    /// `request`: a fresh instance for every request. `pooled`: warm instances that are used again. `request` unless given, and `pooled` for a plugin that cannot be frozen.
    pub isolation: Option<RawIsolation>,
    /// What the plugin is told: any table; the plugin checks it.
    pub config: Option<Json>,
    /// What one instance may use, as in a chain entry.
    pub limits: RawPluginLimits,
    /// Gateway keys that exist for these exchanges. Each is made anew in each run; a field of a request presents it as `${key:NAME}`.
    #[schemars(length(max = 64))]
    pub keys: Vec<RawTrialKey>,
    /// The exchanges, in the order in which they run.
    #[schemars(length(max = 256))]
    pub exchanges: Vec<RawExchange>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawTrialKey {
    /// How fields refer to it; unique in the file.
    #[schemars(example = &"acme")]
    pub name: Spot<Name>,
    /// Whom the key belongs to.
    #[schemars(example = &"acme")]
    pub consumer: ConsumerText,
    /// What the key may be used for.
    #[serde(default)]
    pub scopes: Vec<ScopeText>,
    /// Whether the key is refused.
    #[serde(default)]
    pub revoked: bool,
}

/// One exchange, with the keys of a self-test.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawExchange {
    /// What the exchange shows, in words; unique in the file.
    #[schemars(example = &"refuses a request without a key")]
    pub name: Spot<TestName>,
    /// What the plugin is told in this exchange, in the place of the file's `config`.
    pub config: Option<Json>,
    /// The request that the plugin meets.
    #[serde(default)]
    pub request: RawTestRequest,
    /// Parts of the caller's identity that are known when the plugin is called, such as `consumer`.
    #[serde(default)]
    pub identity: Named<IdentityText, IdentityPartText>,
    /// The upstream's answer. If it is given, the phases of the answer run too.
    pub reply: Option<RawTestReply>,
    /// What must come of it. Without it, what comes is only shown.
    pub expect: Option<RawExpect>,
}
