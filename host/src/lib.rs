//! Sluicegate: an API and AI gateway whose policies are sandboxed WebAssembly plugins.

pub mod admin;
mod alarm;
pub mod bundled;
pub mod chain;
pub mod cli;
pub mod clock;
pub mod config;
pub mod error;
pub mod generation;
pub mod http;
pub mod listen;
pub mod plugin_source;
pub mod router;
pub mod secrets;
pub mod server;
pub mod state;
pub mod telemetry;
pub mod upstream;
pub mod workers;

/// For tests and tools that load plugins without a gateway around them.
pub use sluicegate_runtime as runtime;
