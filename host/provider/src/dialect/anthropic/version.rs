//! The versions of the API, and what the newer one no longer takes.

use crate::dialect::Call;

use super::ApiError;

/// Each request says for which version it is made.
pub const VERSION_FIELD: &str = "anthropic-version";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// `2023-06-01`
    Old,
    /// `2026-10-21`: without parameters for sampling, and without citations in what the user says.
    New,
}

impl Version {
    pub fn of(call: &Call) -> Result<Version, ApiError> {
        match call.headers.get(VERSION_FIELD).map(|version| version.to_str().unwrap_or_default()) {
            None => Err(ApiError::invalid("anthropic-version: header is required")),
            Some("2023-06-01") => Ok(Version::Old),
            Some("2026-10-21") => Ok(Version::New),
            Some(version) => {
                Err(ApiError::invalid(&format!("anthropic-version: \"{version}\" is not a valid version")))
            }
        }
    }
}
