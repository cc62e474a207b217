//! The configuration: from a TOML file to a value that holds valid states only.

pub mod model;

pub use model::*;

/// Where something stands in a configuration file.
#[derive(Debug, Clone)]
pub struct Place;
