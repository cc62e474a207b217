//! Chain entries as written, and the two ways in which a route names its chain.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize as DeriveDeserialize, Serialize};

use super::json::Json;
use super::rollout::{RawCanary, RawMode, RawSelfTest};
use super::spot::Spot;
use super::text::Name;

/// One plugin at work in a chain.
#[derive(DeriveDeserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawEntry {
    /// The plugin that runs: `api-key`, `rate-limit`, `headers`, `redact`, `router`, `meter`, `prompt-template`, or one declared under `plugins`.
    #[schemars(example = &"rate-limit")]
    pub plugin: Spot<Name>,
    /// What logs, metrics and counters call this entry; unique in the file. The plugin's name unless given.
    pub name: Option<Spot<Name>>,
    /// `request`: a fresh instance for every request, so that nothing of one request can reach the next. `pooled`: warm instances that are used again. `pooled` for a bundled plugin and `request` for any other unless given.
    pub isolation: Option<RawIsolation>,
    /// What becomes of a request when the plugin fails: `deny` answers with an error, `allow` goes on without the plugin.
    #[serde(default)]
    pub on_error: RawOnError,
    /// The host's interfaces that the plugin may use. A bundled plugin has those that it needs unless given; any other has none.
    pub grants: Option<Vec<RawGrant>>,
    /// What the plugin itself is told: any table; the plugin checks it.
    pub config: Option<Json>,
    /// `enforce`: the plugin decides about requests. `shadow`: it runs on a copy of each exchange, changes nothing, and what it would have done is recorded.
    #[serde(default)]
    pub mode: RawMode,
    /// A second version of the entry that serves a share of the requests.
    pub canary: Option<Spot<RawCanary>>,
    /// Exchanges that the plugin must pass before it serves.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub self_tests: Vec<RawSelfTest>,
    /// What one instance may use.
    #[serde(default)]
    pub limits: RawPluginLimits,
    /// When to stop running a plugin that keeps failing.
    #[serde(default)]
    pub breaker: RawBreaker,
}

#[derive(Clone, Copy, DeriveDeserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RawIsolation {
    Request,
    Pooled,
}

#[derive(Clone, Copy, Default, DeriveDeserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RawOnError {
    #[default]
    Deny,
    Allow,
}

#[derive(Clone, Copy, DeriveDeserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RawGrant {
    Clock,
    Random,
    Identity,
    IdentityWriter,
    Keys,
    Counters,
    Metrics,
    Targets,
    TargetFeatures,
    Credentials,
    CredentialsInClear,
}

impl RawGrant {
    /// The name of the interface in the contract.
    pub fn interface(self) -> &'static str {
        match self {
            RawGrant::Clock => "clock",
            RawGrant::Random => "random",
            RawGrant::Identity => "identity",
            RawGrant::IdentityWriter => "identity-writer",
            RawGrant::Keys => "keys",
            RawGrant::Counters => "counters",
            RawGrant::Metrics => "metrics",
            RawGrant::Targets => "targets",
            RawGrant::TargetFeatures => "target-features",
            RawGrant::Credentials => "credentials",
            RawGrant::CredentialsInClear => "credentials-in-clear",
        }
    }
}

#[derive(Clone, DeriveDeserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawPluginLimits {
    /// Linear memory of one instance, in bytes.
    #[schemars(range(min = 65_536, max = 1_073_741_824))]
    pub memory_bytes_max: u64,
    /// Processor time of one call, in milliseconds.
    #[schemars(range(min = 1, max = 60_000))]
    pub cpu_max_ms: u64,
    /// One call with the host calls that it waits for, in milliseconds.
    #[schemars(range(min = 1, max = 600_000))]
    pub wall_max_ms: u64,
    /// Calls into the host during one call.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub host_calls_max: u64,
}

impl Default for RawPluginLimits {
    fn default() -> RawPluginLimits {
        RawPluginLimits { memory_bytes_max: 16 << 20, cpu_max_ms: 50, wall_max_ms: 1_000, host_calls_max: 10_000 }
    }
}

#[derive(Clone, DeriveDeserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawBreaker {
    /// So many failures within the window open the breaker.
    #[schemars(range(min = 1, max = 10_000))]
    pub traps: u32,
    /// The window, in milliseconds.
    #[schemars(range(min = 1, max = 3_600_000))]
    pub window_ms: u64,
    /// For so long the entry answers by `on_error` without running, in milliseconds.
    #[schemars(range(min = 1, max = 3_600_000))]
    pub backoff_ms: u64,
}

impl Default for RawBreaker {
    fn default() -> RawBreaker {
        RawBreaker { traps: 5, window_ms: 10_000, backoff_ms: 5_000 }
    }
}

/// A route's chain: one name, or a list of names and entries.
pub enum RawChain {
    Name(Name),
    Members(Vec<Spot<RawMember>>),
}

pub enum RawMember {
    Name(Name),
    Entry(Box<RawEntry>),
}

impl<'de> Deserialize<'de> for RawChain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RawChain, D::Error> {
        struct Chain;

        impl<'de> Visitor<'de> for Chain {
            type Value = RawChain;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("the name of a chain, or a list of names and entries")
            }

            fn visit_str<E>(self, name: &str) -> Result<RawChain, E> {
                Ok(RawChain::Name(Name(name.to_owned())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<RawChain, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = items.next_element()? {
                    members.push(member);
                }
                Ok(RawChain::Members(members))
            }
        }

        deserializer.deserialize_any(Chain)
    }
}

impl<'de> Deserialize<'de> for RawMember {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RawMember, D::Error> {
        struct Member;

        impl<'de> Visitor<'de> for Member {
            type Value = RawMember;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("the name of a chain, or an entry")
            }

            fn visit_str<E>(self, name: &str) -> Result<RawMember, E> {
                Ok(RawMember::Name(Name(name.to_owned())))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawMember, A::Error> {
                let entry = RawEntry::deserialize(MapAccessDeserializer::new(map))?;
                Ok(RawMember::Entry(Box::new(entry)))
            }
        }

        deserializer.deserialize_any(Member)
    }
}

impl JsonSchema for RawChain {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "RawChain".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let name = generator.subschema_for::<Name>();
        let entry = generator.subschema_for::<RawEntry>();
        json_schema!({ "anyOf": [name, { "type": "array", "items": { "anyOf": [name, entry] } }] })
    }
}
