//! For authors of policies; the text below is the README, so that each example in it is compiled.

#![doc = include_str!("../README.md")]

// The code that `#[derive(Schema)]` writes names this crate, also in here.
extern crate self as sluicegate_plugin;

#[doc(hidden)]
pub mod bindings;
mod config;
mod decide;
mod decide_model;
pub mod decimal;
mod export;
pub mod fields;
mod host;
#[cfg(feature = "log")]
mod logger;
mod plugin;
mod problem;
pub mod schema;
#[cfg(any(test, all(target_arch = "wasm32", target_os = "unknown")))]
#[expect(unsafe_code, reason = "an allocator can be written in no other way")]
mod scratch;
mod setup;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use bindings::base::sluicegate::plugin::model_types::{AttemptDecision, CallDecision, DeltaDecision};
pub use bindings::base::sluicegate::plugin::types::{Answer, Decision, Detail, Field, Piece, Problem, Rejection};
#[doc(hidden)]
pub use export::glue;
pub use host::{
    attempts, clock, counters, credentials, credentials_in_clear, edits, exchange, identity, identity_writer, keys,
    labels, log, metrics, model_answer, model_call, notes, random, reply, request, target_features, targets,
    upstream_request, usage,
};
pub use plugin::{Exported, Phase, Plugin};
pub use problem::{Pointer, Problems};
pub use schema::Schema;
pub use setup::{BodyNeed, Fact, InstanceNeed, MetricKind, Setup};
pub use sluicegate_plugin_derive::Schema;
