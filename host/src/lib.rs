//! Sluicegate: an API and AI gateway whose policies are sandboxed WebAssembly plugins.

pub mod config;
pub mod error;
pub mod http;
pub mod listen;
pub mod secrets;
pub mod upstream;
