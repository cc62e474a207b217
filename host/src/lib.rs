//! Sluicegate: an API and AI gateway whose policies are sandboxed WebAssembly plugins.

pub mod admin;
pub mod clock;
pub mod config;
pub mod error;
pub mod http;
pub mod router;
pub mod state;
pub mod telemetry;
