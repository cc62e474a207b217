//! Plugins and trust in them, as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::spot::Spot;
use super::text::{FilePath, Name, OciText, PluginUrlText, PublicKeyText, Sha256Text};

/// Exactly one of `file`, `url` and `oci` is there, which `resolve` checks.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawPlugin {
    /// The WebAssembly component, as a file. A plugin has either this, `url` or `oci`.
    #[schemars(example = &"plugins/audit.wasm")]
    pub file: Option<Spot<FilePath>>,
    /// The WebAssembly component on a web server. `https`, but for a loopback address.
    #[schemars(example = &"https://example.com/audit-1.2.wasm")]
    pub url: Option<Spot<PluginUrlText>>,
    /// The WebAssembly component in an OCI registry, as the only layer of an artifact. A loopback address is spoken to without TLS unless `ca_file` is given.
    #[schemars(example = &"registry.example.com/team/audit:1.2")]
    pub oci: Option<Spot<OciText>>,
    /// The SHA-256 of the component; another one is refused. Required for `url` and `oci`.
    pub sha256: Option<Sha256Text>,
    /// Where the signature is: the path of a file for `file`, a URL for `url`. Then it must be there. Unless given, it is looked for where the component is, with `.sig` behind the name; for `oci` it is a part of the artifact.
    #[schemars(example = &"plugins/audit.wasm.sig")]
    pub signature: Option<Spot<FilePath>>,
    /// The secret that is sent along for `url` or `oci`: a name under `credentials`. It goes to its origin only, which may be the one where the registry's tokens come from.
    #[schemars(example = &"registry")]
    pub credential: Option<Spot<Name>>,
    /// A PEM file with the certificate authorities to trust for `url` or `oci` instead of the system's.
    #[schemars(example = &"ca.pem")]
    pub ca_file: Option<Spot<FilePath>>,
}

#[derive(Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawTrust {
    /// Public keys, as `sluicegate plugin key new` prints them. A plugin with a signature must have one by one of them.
    #[schemars(length(max = 64))]
    pub keys: Vec<Spot<PublicKeyText>>,
    /// Whether every plugin that is not bundled must be signed.
    pub require_signed: Spot<bool>,
}
