//! Builds plugin crates into components: those of this workspace from a build script or a command, and any other for its author.

mod cargo;
mod single;
mod target;
mod workspace;

use std::fmt;

pub use cargo::cargo;
pub use single::{CrateBuild, Kind};
pub use workspace::Build;

/// What plugins are compiled for: nothing in it but what the contract offers.
pub const TARGET: &str = "wasm32-unknown-unknown";
/// The profile that they are compiled with, and so the folder of cargo's that they are in.
pub const PROFILE: &str = "plugin";

/// Why there are no components, and what to do about it.
#[derive(Debug)]
pub struct Error {
    message: String,
}

impl Error {
    fn new(message: impl Into<String>) -> Error {
        Error { message: message.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
