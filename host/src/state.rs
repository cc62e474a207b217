//! What outlives a request: keys and counters, kept in process.

pub mod counters;
pub mod keys;
