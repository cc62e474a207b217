//! Plugins from files, web servers and registries: fetched, compared with their pins, and their signatures checked, all
//! before anything reads what is in them.

mod error;
mod file;
mod http;
mod oci;
mod signature;
mod store;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ::http::StatusCode;
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use tokio::time::timeout;

use self::http::{Ask, Proof};
use self::store::Store;
use crate::config::{Access, PluginSource, RemotePlace, RemotePlugin, Trust, Url, hex, signature_path};
use crate::secrets::Credentials;
use crate::upstream::Tls;

pub use error::FetchError;
pub use file::{read, read_signatures};
pub use http::{ANSWER_HEAD_BYTES_MAX, Client, Patience, REDIRECTS_MAX};
pub use oci::{Artifact, MANIFEST_BYTES_MAX, Registry, SIGNATURE_ANNOTATION};
pub use signature::{
    FormatError, KeyError, SIGNATURE_BYTES_MAX, SIGNATURES_MAX, SignatureError, Signatures, SigningKey,
};
pub use store::{KEPT_BYTES_MAX, KEPT_FILES_MAX, Store as PluginStore, write_beside};

/// Bytes of one plugin.
pub const PLUGIN_BYTES_MAX: u64 = 64 << 20;

/// Plugins fetched at once while a generation is built.
pub const FETCHES_AT_ONCE: usize = 4;

/// Gets plugins for generations.
pub struct PluginSources {
    store: Option<Store>,
    patience: Patience,
}

/// Which check a plugin did not pass; sentences with the remedy.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It could not be had, or is not the one that was pinned.
    #[error("{0}")]
    Fetch(String),
    /// Nobody who is trusted vouches for it.
    #[error("{0}")]
    Signature(String),
}

/// What fetching needs of the configuration.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    pub trust: &'a Trust,
    pub credentials: &'a Credentials,
    pub tls: &'a Tls,
}

/// A plugin as a server has it; nothing is verified but what the server itself promised.
pub struct Fetched {
    pub wasm: Bytes,
    pub signatures: Option<Signatures>,
    /// Of an artifact.
    pub manifest_sha256: Option<[u8; 32]>,
}

impl PluginSources {
    /// `folder`: where fetched plugins are kept; none keeps nothing.
    pub fn new(folder: Option<PathBuf>, patience: Patience) -> PluginSources {
        PluginSources { store: folder.map(Store::new), patience }
    }

    /// A plugin's bytes, with pin and signature checked. The bundled ones are not asked for here.
    pub async fn get(&self, name: &str, source: &PluginSource, terms: Terms<'_>) -> Result<Bytes, SourceError> {
        match source {
            PluginSource::Bundled(name) => Err(SourceError::Fetch(format!("plugin `{name}` is in no file"))),
            PluginSource::File { path, sha256, signature } => {
                of_file(name, path, sha256.as_ref(), signature.as_deref(), terms.trust)
            }
            PluginSource::Remote(plugin) => {
                let client = Client {
                    tls: terms.tls,
                    credentials: terms.credentials,
                    access: &plugin.access,
                    patience: &self.patience,
                };
                let failed =
                    |error: FetchError| SourceError::Fetch(format!("plugin `{name}` cannot be fetched: {error}"));
                let whole = self.patience.whole;
                match timeout(whole, self.remote(name, plugin, client, terms.trust)).await {
                    Ok(result) => result.map_err(|error| error.into_source_error(failed)),
                    Err(_) => Err(failed(FetchError::Late { whole })),
                }
            }
        }
    }

    /// The same without asking any server. None: a server has it, and it is not kept here.
    pub fn at_hand(&self, name: &str, source: &PluginSource, trust: &Trust) -> Result<Option<Bytes>, SourceError> {
        match source {
            PluginSource::Bundled(_) => Ok(None),
            PluginSource::File { path, sha256, signature } => {
                of_file(name, path, sha256.as_ref(), signature.as_deref(), trust).map(Some)
            }
            PluginSource::Remote(plugin) => {
                let Some(store) = &self.store else { return Ok(None) };
                let Some(wasm) = store.plugin(&plugin.sha256) else { return Ok(None) };
                let signatures = store.signatures(&plugin.sha256);
                check_signatures(name, &wasm, signatures.as_ref(), must_be_signed(plugin, trust), trust)?;
                Ok(Some(wasm))
            }
        }
    }

    /// Keeps within its limits what is kept, without what `plugins` name.
    pub fn prune<'a>(&self, plugins: impl Iterator<Item = &'a PluginSource>) {
        let digests = plugins.filter_map(|source| match source {
            PluginSource::Remote(plugin) => Some(plugin.sha256),
            PluginSource::Bundled(_) | PluginSource::File { .. } => None,
        });
        let in_use: BTreeSet<[u8; 32]> = digests.collect();
        if let Some(store) = &self.store {
            store.prune(&in_use);
        }
    }

    async fn remote(
        &self,
        name: &str,
        plugin: &RemotePlugin,
        client: Client<'_>,
        trust: &Trust,
    ) -> Result<Bytes, Failed> {
        let required = must_be_signed(plugin, trust);
        let Some(wasm) = self.store.as_ref().and_then(|store| store.plugin(&plugin.sha256)) else {
            let fetched = fetch(client, &plugin.place, Some(&plugin.sha256)).await?;
            check_pin(&plugin.place.to_string(), &fetched.wasm, &plugin.sha256)?;
            check_signatures(name, &fetched.wasm, fetched.signatures.as_ref(), required, trust)?;
            self.keep(&plugin.sha256, &fetched.wasm, fetched.signatures.as_ref());
            return Ok(fetched.wasm);
        };
        let kept = self.store.as_ref().and_then(|store| store.signatures(&plugin.sha256));
        let vouched = check_signatures(name, &wasm, kept.as_ref(), required, trust);
        if vouched.is_ok() {
            return Ok(wasm);
        }
        // It may have been signed anew since, as when a key is replaced.
        let signatures = match &plugin.place {
            RemotePlace::Url { url, signature } => fetch_signatures(client, url, signature.as_ref()).await?,
            RemotePlace::Oci(reference) => {
                let artifact = Registry::new(client, reference).artifact().await?;
                if artifact.sha256 != plugin.sha256 {
                    return Err(pin_error(&plugin.place.to_string(), &artifact.sha256).into());
                }
                artifact.signatures
            }
        };
        check_signatures(name, &wasm, signatures.as_ref(), required, trust)?;
        self.keep(&plugin.sha256, &wasm, signatures.as_ref());
        Ok(wasm)
    }

    fn keep(&self, sha256: &[u8; 32], wasm: &[u8], signatures: Option<&Signatures>) {
        if let Some(store) = &self.store {
            store.keep(sha256, wasm, signatures);
        }
    }
}

fn of_file(
    name: &str,
    path: &Path,
    pin: Option<&[u8; 32]>,
    signature: Option<&Path>,
    trust: &Trust,
) -> Result<Bytes, SourceError> {
    let wasm = read(path).map_err(SourceError::Fetch)?;
    if let Some(pin) = pin {
        check_pin(&format!("the plugin's file {}", path.display()), &wasm, pin)
            .map_err(|error| SourceError::Fetch(error.to_string()))?;
    }
    let signature_file = signature.map_or_else(|| signature_path(path), Path::to_owned);
    let signatures = read_signatures(&signature_file).map_err(SourceError::Signature)?;
    let required = signature.is_some() || trust.require_signed;
    check_signatures(name, &wasm, signatures.as_ref(), required, trust)?;
    Ok(wasm)
}

/// Also where a signature is named: then it must be there.
fn must_be_signed(plugin: &RemotePlugin, trust: &Trust) -> bool {
    matches!(&plugin.place, RemotePlace::Url { signature: Some(_), .. }) || trust.require_signed
}

/// Fetches a plugin and what signatures it has. With a `pin`, nothing is fetched that is known to be another one.
pub async fn fetch(client: Client<'_>, place: &RemotePlace, pin: Option<&[u8; 32]>) -> Result<Fetched, FetchError> {
    match place {
        RemotePlace::Url { url, signature } => {
            let answer = client.send(&Ask::get(url.clone(), Proof::Credential)).await?;
            if !answer.status.is_success() {
                return Err(refused(&answer, client.access, "check the URL, and that the file is there"));
            }
            let wasm = answer.bytes("a plugin", PLUGIN_BYTES_MAX).await?;
            let signatures = fetch_signatures(client, url, signature.as_ref()).await?;
            Ok(Fetched { wasm, signatures, manifest_sha256: None })
        }
        RemotePlace::Oci(reference) => {
            let mut registry = Registry::new(client, reference);
            let artifact = registry.artifact().await?;
            if pin.is_some_and(|pin| *pin != artifact.sha256) {
                return Err(pin_error(&place.to_string(), &artifact.sha256));
            }
            let wasm = registry.layer(&artifact).await?;
            let Artifact { signatures, manifest_sha256, .. } = artifact;
            Ok(Fetched { wasm, signatures, manifest_sha256: Some(manifest_sha256) })
        }
    }
}

/// None: there are none where they are looked for. Where they were named, they must be.
async fn fetch_signatures(
    client: Client<'_>,
    plugin: &Url,
    named: Option<&Url>,
) -> Result<Option<Signatures>, FetchError> {
    let url = named.cloned().unwrap_or_else(|| plugin.with_suffix(".sig"));
    let answer = client.send(&Ask::get(url, Proof::Credential)).await?;
    // Some stores say 403 of what is not there.
    let is_absent = matches!(answer.status, StatusCode::NOT_FOUND | StatusCode::GONE | StatusCode::FORBIDDEN);
    if is_absent && named.is_none() {
        return Ok(None);
    }
    if !answer.status.is_success() {
        return Err(refused(&answer, client.access, "check `signature`, and that the .sig is there"));
    }
    let url = answer.url.clone();
    let text = answer.bytes("a signature", SIGNATURE_BYTES_MAX).await?;
    let signatures =
        Signatures::parse(&text).map_err(|error| FetchError::NoSignature { url, why: error.to_string() })?;
    Ok(Some(signatures))
}

fn refused(answer: &http::Answer, access: &Access, not_found: &str) -> FetchError {
    let remedy = match (answer.status.as_u16(), &access.credential) {
        (401 | 403, None) => "it wants to know who asks; name a credential".to_owned(),
        (401 | 403, Some(name)) => format!("credential `{name}` does not open it; check its value, prefix and rights"),
        (404 | 410, _) => not_found.to_owned(),
        _ => "look at the server and try again".to_owned(),
    };
    FetchError::Refused { url: answer.url.clone(), status: answer.status, code: None, remedy }
}

fn check_pin(shown: &str, wasm: &[u8], pin: &[u8; 32]) -> Result<(), FetchError> {
    let found = digest(&SHA256, wasm);
    if found.as_ref() == pin { Ok(()) } else { Err(pin_error(shown, found.as_ref())) }
}

fn pin_error(shown: &str, found: &[u8]) -> FetchError {
    FetchError::Pin { place: shown.to_owned(), found: hex(found) }
}

fn check_signatures(
    name: &str,
    wasm: &[u8],
    signatures: Option<&Signatures>,
    required: bool,
    trust: &Trust,
) -> Result<(), SourceError> {
    let checked = match signatures {
        Some(signatures) => signatures.verify(wasm, trust).map(drop),
        None if required => Err(SignatureError::Missing),
        None => Ok(()),
    };
    checked.map_err(|error| SourceError::Signature(format!("plugin `{name}`: {error}")))
}

/// Either of the two, on the way to the one with the plugin's name.
enum Failed {
    Fetch(FetchError),
    Source(SourceError),
}

impl Failed {
    fn into_source_error(self, fetch: impl Fn(FetchError) -> SourceError) -> SourceError {
        match self {
            // A signature that cannot be read is wrong; it is not missing.
            Failed::Fetch(error @ FetchError::NoSignature { .. }) => match fetch(error) {
                SourceError::Fetch(message) | SourceError::Signature(message) => SourceError::Signature(message),
            },
            Failed::Fetch(error) => fetch(error),
            Failed::Source(error) => error,
        }
    }
}

impl From<FetchError> for Failed {
    fn from(error: FetchError) -> Failed {
        Failed::Fetch(error)
    }
}

impl From<SourceError> for Failed {
    fn from(error: SourceError) -> Failed {
        Failed::Source(error)
    }
}
