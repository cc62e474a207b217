//! The plugin runtime: loads components, keeps each instance in a store of its own, and calls its phases under limits.
//!
//! This crate is the only one that names wasmtime. What a plugin may reach stands in [`capability`], one file an interface
//! of the contract; the state behind them belongs to the host and comes in through [`services`].

mod bindings;
mod bounded;
mod breaker;
mod cache;
mod call;
mod capability;
mod copy;
mod deeds;
mod direct;
mod engine;
mod entry;
mod exchange;
mod failure;
mod fields;
mod frames;
mod guest;
mod image;
mod inspect;
mod instance;
pub mod lane;
mod limits;
mod live;
mod load;
pub mod model;
mod pagemap;
mod phase;
mod plugin;
mod pool;
pub mod presented;
mod priority;
pub mod services;
mod setup;
mod snapshot;
mod symbols;
mod targets;
mod ticker;
mod turns;
mod unstable;
mod version;
mod wasi;

pub use breaker::BreakerPolicy;
pub use call::{Answer, Call, Delta, Rejection, Verdict};
pub use capability::{CORE_INTERFACES, GRANTS};
pub use copy::{Changes, Snapshot};
pub use deeds::{Credential, Deed, Done, Shown};
pub use engine::{EngineOptions, Runtime};
pub use entry::{Entry, EntryOptions, Held, OnError};
pub use exchange::{Exchange, ExchangeFacts, IDENTITY_PARTS, Identity, ReplyHead, RequestHead, State};
pub use failure::{Failure, FailureKind};
pub use fields::CREDENTIAL_FIELDS;
pub use image::Making;
pub use inspect::Inspection;
pub use limits::PluginLimits;
pub use live::Live;
pub use load::{LoadError, LoadStage, PluginSpec, Problem};
pub use phase::{Phase, PhaseSet};
pub use plugin::{Isolation, Plugin};
pub use presented::Presented;
pub use setup::{BodyMode, BodyNeed, InstanceNeed, MetricKind, MetricSpec, Setup};
pub use targets::{Candidates, NoCandidates, TargetPlan};
pub use version::Version;
