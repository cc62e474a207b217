//! Sluicegate: an API and AI gateway whose policies are sandboxed WebAssembly plugins.

pub mod bundled;
pub mod config;
pub mod error;
