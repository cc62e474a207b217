//! Plugins in OCI registries, by the distribution and image specifications 1.1.

mod auth;
mod push;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::auth::Login;
use super::PLUGIN_BYTES_MAX;
use super::error::FetchError;
use super::http::{Answer, Ask, Client};
use super::signature::{SIGNATURE_BYTES_MAX, Signatures};
use crate::config::{OciReference, Url, digest_from_hex, hex};

/// Bytes of a manifest or an index.
pub const MANIFEST_BYTES_MAX: u64 = 256 * 1024;

/// Bytes that are read of an answer that says no.
const ERROR_BYTES_MAX: u64 = 16 * 1024;

/// The annotation of a manifest that holds the text of the plugin's signature file.
pub const SIGNATURE_ANNOTATION: &str = "org.sluicegate.plugin.signatures";

const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG_TYPE: &str = "application/vnd.wasm.config.v0+json";
const LAYER_TYPE: &str = "application/wasm";

/// One repository of a registry, and how it lets us in.
pub struct Registry<'a> {
    client: Client<'a>,
    reference: &'a OciReference,
    login: Login,
}

/// What a manifest says of a plugin.
#[derive(Debug)]
pub struct Artifact {
    /// Of the plugin's bytes.
    pub sha256: [u8; 32],
    /// Of the manifest; with it in the reference, what is fetched cannot change.
    pub manifest_sha256: [u8; 32],
    pub signatures: Option<Signatures>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u64,
    media_type: Option<String>,
    config: Descriptor,
    layers: Vec<Descriptor>,
    #[serde(default)]
    annotations: serde_json::Map<String, Value>,
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
}

impl<'a> Registry<'a> {
    pub fn new(client: Client<'a>, reference: &'a OciReference) -> Registry<'a> {
        Registry { client, reference, login: Login::default() }
    }

    /// Reads the manifest.
    pub async fn artifact(&mut self) -> Result<Artifact, FetchError> {
        let reference = match &self.reference.digest {
            Some(digest) => format!("sha256:{}", hex(digest)),
            None => self.reference.tag.clone().unwrap_or_default(),
        };
        let (url, mut bytes, media_type) = self.document(&reference).await?;
        let mut what = url;
        if media_type == INDEX_TYPE {
            let index: Index = serde_json::from_slice(&bytes).map_err(|_| no_plugin(&what, "its index is no index"))?;
            let [only] = &index.manifests[..] else {
                return Err(no_plugin(&what, &format!("its index has {} entries, not one", index.manifests.len())));
            };
            // Anything else would name another document, or another path, unverified.
            if only.digest.strip_prefix("sha256:").and_then(digest_from_hex).is_none() {
                return Err(no_plugin(&what, "the digest of its entry is none of SHA-256"));
            }
            let (url, of_entry, media_type) = self.document(&only.digest).await?;
            if media_type != MANIFEST_TYPE {
                return Err(no_plugin(&url, "the entry of its index is no manifest"));
            }
            (what, bytes) = (url, of_entry);
        } else if media_type != MANIFEST_TYPE {
            return Err(no_plugin(&what, "its manifest is not of the type of OCI images"));
        }
        read_manifest(&what, &bytes)
    }

    /// Fetches what a manifest has named.
    pub async fn layer(&mut self, artifact: &Artifact) -> Result<Bytes, FetchError> {
        let url = self.url(&format!("blobs/sha256:{}", hex(&artifact.sha256)));
        let answer = self.ask(Ask::get(url.clone(), self.login.proof())).await?;
        let wasm = self.accept(answer, "the plugin may have been deleted; push it again").await?;
        let wasm = wasm.bytes("a plugin", PLUGIN_BYTES_MAX).await?;
        check_digest(&url, &wasm, &artifact.sha256)?;
        Ok(wasm)
    }

    /// A manifest or index, and its type. A digest in the reference is verified.
    async fn document(&mut self, reference: &str) -> Result<(Url, Bytes, String), FetchError> {
        let url = self.url(&format!("manifests/{reference}"));
        let mut ask = Ask::get(url.clone(), self.login.proof());
        ask.headers.append(ACCEPT, HeaderValue::from_static(MANIFEST_TYPE));
        ask.headers.append(ACCEPT, HeaderValue::from_static(INDEX_TYPE));
        let answer = self.ask(ask).await?;
        let answer = self.accept(answer, "check registry, repository and tag, and that it was pushed").await?;
        let media_type = media_type(&answer.headers);
        let bytes = answer.bytes("a manifest", MANIFEST_BYTES_MAX).await?;
        // A tag has no colon.
        if let Some(digest) = reference.strip_prefix("sha256:").and_then(digest_from_hex) {
            check_digest(&url, &bytes, &digest)?;
        }
        // One document must not be a manifest to one reader and an index to another one.
        let document: Value = serde_json::from_slice(&bytes).map_err(|_| no_plugin(&url, "its manifest is no JSON"))?;
        let own_type = document.get("mediaType").and_then(Value::as_str);
        if own_type.is_some_and(|own| own != media_type)
            || (document.get("layers").is_some() && document.get("manifests").is_some())
        {
            return Err(no_plugin(&url, "its manifest contradicts itself"));
        }
        Ok((url, bytes, media_type))
    }

    fn url(&self, rest: &str) -> Url {
        let OciReference { registry, repository, .. } = self.reference;
        Url { origin: registry.clone(), target: format!("/v2/{repository}/{rest}") }
    }

    /// Asks, and once more with what the registry wants to see.
    async fn ask(&mut self, mut ask: Ask) -> Result<Answer, FetchError> {
        let answer = self.client.send(&ask).await?;
        // Elsewhere the registry's own proof is of no use.
        if answer.status != StatusCode::UNAUTHORIZED || answer.url.origin != self.reference.registry {
            return Ok(answer);
        }
        match self.login.prove(&self.client, self.reference, &answer.headers).await? {
            true => {
                ask.proof = self.login.proof();
                self.client.send(&ask).await
            }
            false => Ok(answer),
        }
    }

    /// An answer that says yes. `not_found` is what to do if there is no such thing.
    async fn accept(&self, answer: Answer, not_found: &str) -> Result<Answer, FetchError> {
        let (url, status) = (answer.url.clone(), answer.status);
        if status.is_success() {
            return Ok(answer);
        }
        let code = answer.bytes("an error", ERROR_BYTES_MAX).await.ok().and_then(|bytes| error_code(&bytes));
        let remedy = match status.as_u16() {
            401 | 403 => self.login.remedy(self.client.access),
            404 => not_found.to_owned(),
            429 => "it has been asked too often; wait, or name a `credential` with a higher limit".to_owned(),
            _ => "look at the registry and try again".to_owned(),
        };
        Err(FetchError::Refused { url, status, code, remedy })
    }
}

/// Verifies a manifest that may come from anyone.
fn read_manifest(url: &Url, bytes: &[u8]) -> Result<Artifact, FetchError> {
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(|_| no_plugin(url, "its manifest is none"))?;
    if manifest.schema_version != 2 || manifest.config.media_type != CONFIG_TYPE {
        return Err(no_plugin(url, &format!("its config is not of the type {CONFIG_TYPE}")));
    }
    let [layer] = &manifest.layers[..] else {
        return Err(no_plugin(url, &format!("it has {} layers, not one", manifest.layers.len())));
    };
    if layer.media_type != LAYER_TYPE {
        return Err(no_plugin(url, &format!("its layer is not of the type {LAYER_TYPE}")));
    }
    if layer.size > PLUGIN_BYTES_MAX {
        return Err(FetchError::TooLong { url: url.clone(), what: "a plugin", bytes_max: PLUGIN_BYTES_MAX });
    }
    let sha256 = layer.digest.strip_prefix("sha256:").and_then(digest_from_hex);
    let sha256 = sha256.ok_or_else(|| no_plugin(url, "the digest of its layer is none of SHA-256"))?;
    let signatures = match manifest.annotations.get(SIGNATURE_ANNOTATION) {
        Some(Value::String(text)) if text.len() as u64 > SIGNATURE_BYTES_MAX => {
            let url = url.clone();
            return Err(FetchError::TooLong { url, what: "a signature", bytes_max: SIGNATURE_BYTES_MAX });
        }
        Some(Value::String(text)) => Some(Signatures::parse(text.as_bytes()).map_err(|error| {
            let why = format!("in the annotation {SIGNATURE_ANNOTATION}, {error}");
            FetchError::NoSignature { url: url.clone(), why }
        })?),
        Some(_) => {
            let why = format!("the annotation {SIGNATURE_ANNOTATION} is no text");
            return Err(FetchError::NoSignature { url: url.clone(), why });
        }
        None => None,
    };
    Ok(Artifact { sha256, manifest_sha256: sha256_of(bytes), signatures })
}

fn no_plugin(url: &Url, why: &str) -> FetchError {
    FetchError::NoPlugin { url: url.clone(), why: why.to_owned() }
}

fn check_digest(url: &Url, bytes: &[u8], expected: &[u8; 32]) -> Result<(), FetchError> {
    let found = sha256_of(bytes);
    if found == *expected { Ok(()) } else { Err(FetchError::Digest { url: url.clone(), found: hex(&found) }) }
}

fn sha256_of(bytes: &[u8]) -> [u8; 32] {
    let mut found = [0; 32];
    found.copy_from_slice(digest(&SHA256, bytes).as_ref());
    found
}

fn media_type(headers: &HeaderMap) -> String {
    let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The first code in the answer of a registry that says no. Its other words are its own, and may repeat a secret.
fn error_code(bytes: &[u8]) -> Option<String> {
    let document: Value = serde_json::from_slice(bytes).ok()?;
    let code = document.get("errors")?.get(0)?.get("code")?.as_str()?;
    let is_code = code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    is_code.then(|| code.to_owned())
}
