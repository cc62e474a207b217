//! placeholder

pub mod presented;

pub use presented::Presented;
