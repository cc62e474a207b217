//! How an upstream is spoken to, as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::spot::Spot;
use super::text::FilePath;

/// What the gateway proves itself with to an upstream that asks for it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawClientCertificate {
    /// A PEM file with the certificate, and behind it those that lead to its authority.
    #[schemars(example = &"gateway.pem")]
    pub certificate_file: Spot<FilePath>,
    /// A PEM file with its private key, without a password.
    #[schemars(example = &"gateway.key")]
    pub key_file: Spot<FilePath>,
}

/// By the names of ALPN.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum RawUpstreamProtocol {
    #[serde(rename = "h2")]
    H2,
    #[serde(rename = "http/1.1")]
    Http11,
}
