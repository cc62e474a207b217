//! Where plugins come from, and whose signature is trusted.

use std::fmt;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Uri;

use super::Origin;

/// Characters of a URL's path that messages show.
const PATH_SHOWN_MAX: usize = 200;

#[derive(Debug, Clone)]
pub enum PluginSource {
    /// Part of the binary: `api-key`, `rate-limit`, `headers`, `redact`, `router`, `meter`, `prompt-template`.
    Bundled(&'static str),
    File {
        path: PathBuf,
        sha256: Option<[u8; 32]>,
        /// None: `.sig` behind `path`, if that is there.
        signature: Option<PathBuf>,
    },
    Remote(RemotePlugin),
}

/// A plugin that a server has.
#[derive(Debug, Clone)]
pub struct RemotePlugin {
    pub place: RemotePlace,
    /// Of the `.wasm` file.
    pub sha256: [u8; 32],
    pub access: Access,
}

#[derive(Debug, Clone)]
pub enum RemotePlace {
    Url {
        url: Url,
        /// None: `.sig` behind `url`, if that is there.
        signature: Option<Url>,
    },
    /// The signature is an annotation of the manifest.
    Oci(OciReference),
}

/// How the gateway and a server prove to each other who they are.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// A key of `Config::credentials`.
    pub credential: Option<String>,
    /// PEM file of certificate authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
}

/// Where something is fetched from: over TLS, or from a loopback address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    pub origin: Origin,
    /// Path and query as they are sent; begins with `/`.
    pub target: String,
}

/// `host[:port]/repository[:tag][@sha256:digest]`, as registries and their tools write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OciReference {
    /// A loopback address is spoken to in clear, unless authorities for it are named.
    pub registry: Origin,
    pub repository: String,
    /// `latest` if there is neither a tag nor a digest.
    pub tag: Option<String>,
    /// SHA-256 of the manifest.
    pub digest: Option<[u8; 32]>,
}

/// `[trust]`: whose signatures plugins may have.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    pub keys: Vec<TrustedKey>,
    /// Every plugin that is not bundled must have a signature by one of the keys.
    pub require_signed: bool,
}

/// An Ed25519 public key (RFC 8032).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedKey(pub [u8; 32]);

impl Url {
    /// An absolute URL with scheme `http` or `https`; user, password and fragment are left out.
    pub fn parse(text: &str) -> Option<Url> {
        let uri: Uri = text.split('#').next()?.parse().ok()?;
        let origin = Origin::from_uri(&uri)?;
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        Some(Url { origin, target: if target.starts_with('/') { target.to_owned() } else { format!("/{target}") } })
    }

    /// Whether nobody on the way can read or change what is sent.
    pub fn is_private(&self) -> bool {
        self.origin.tls || self.origin.is_loopback()
    }

    /// The same with `text` behind its path.
    pub fn with_suffix(&self, text: &str) -> Url {
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let separator = if query.is_empty() { "" } else { "?" };
        Url { origin: self.origin.clone(), target: format!("{path}{text}{separator}{query}") }
    }
}

impl fmt::Display for Url {
    /// Without the query, which may hold a secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.target.split('?').next().unwrap_or_default();
        // Where a server redirects to, it says how long the path is.
        let (path, more) = match path.char_indices().nth(PATH_SHOWN_MAX) {
            Some((end, _)) => (path.get(..end).unwrap_or_default(), "…"),
            None => (path, ""),
        };
        write!(formatter, "{}{path}{more}", self.origin.to_uri_prefix())
    }
}

impl fmt::Display for RemotePlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RemotePlace::Url { url, .. } => url.fmt(formatter),
            RemotePlace::Oci(reference) => reference.fmt(formatter),
        }
    }
}

impl OciReference {
    /// `tls_on_loopback`: whether to speak TLS to a loopback address, too.
    pub fn parse(text: &str, tls_on_loopback: bool) -> Option<OciReference> {
        let (text, digest) = match text.split_once('@') {
            Some((text, digest)) => (text, Some(digest_from_hex(digest.strip_prefix("sha256:")?)?)),
            None => (text, None),
        };
        let (authority, path) = text.split_once('/')?;
        let (repository, tag) = match path.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag.to_owned())),
            None => (path, None),
        };
        let mut registry = Origin::from_uri(&format!("https://{authority}/").parse().ok()?)?;
        if registry.is_loopback() && !tls_on_loopback {
            registry = Origin::from_uri(&format!("http://{authority}/").parse().ok()?)?;
        }
        let tag = tag.or_else(|| digest.is_none().then(|| "latest".to_owned()));
        Some(OciReference { registry, repository: repository.to_owned(), tag, digest })
    }
}

impl fmt::Display for OciReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = self.registry.to_uri_prefix();
        let authority = prefix.split_once("://").map_or(prefix.as_str(), |(_, authority)| authority);
        write!(formatter, "{authority}/{}", self.repository)?;
        if let Some(tag) = &self.tag {
            write!(formatter, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(formatter, "@sha256:{}", hex(digest))?;
        }
        Ok(())
    }
}

impl TrustedKey {
    /// `ed25519:` and the 32 bytes in base64.
    pub fn parse(text: &str) -> Option<TrustedKey> {
        let bytes = STANDARD.decode(text.strip_prefix("ed25519:")?).ok()?;
        Some(TrustedKey(bytes.try_into().ok()?))
    }

    /// How messages and signatures name the key: the first 16 hexadecimal digits of the SHA-256 of its 32 bytes.
    pub fn fingerprint(&self) -> String {
        hex(digest(&SHA256, &self.0).as_ref().get(..8).unwrap_or_default())
    }
}

impl fmt::Display for TrustedKey {
    /// As [`TrustedKey::parse`] reads it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ed25519:{}", STANDARD.encode(self.0))
    }
}

/// 64 hexadecimal digits as 32 bytes.
pub fn digest_from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// Two digits for each byte, in lower case.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The signature's file, unless another one is named.
pub fn signature_path(path: &Path) -> PathBuf {
    let mut text = path.as_os_str().to_owned();
    text.push(".sig");
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_to_a_registry_is_read_and_written_alike() {
        let digest = "a".repeat(64);
        for (text, tls, tag) in [
            ("registry.example.com/team/audit:1.2", true, Some("1.2")),
            ("registry.example.com:5000/audit:1", true, Some("1")),
            ("localhost:5000/team/audit:1", false, Some("1")),
            ("127.0.0.1:5000/audit:1", false, Some("1")),
            (&format!("[::1]:5000/audit:1@sha256:{digest}"), false, Some("1")),
            (&format!("registry.example.com/audit@sha256:{digest}"), true, None),
        ] {
            let reference = OciReference::parse(text, false).unwrap();
            assert_eq!(reference.to_string(), text);
            assert_eq!((reference.registry.tls, reference.tag.as_deref()), (tls, tag), "{text}");
            assert_eq!(reference.digest.is_some(), text.contains('@'));
        }
        assert_eq!(OciReference::parse("a.example/audit", false).unwrap().tag.as_deref(), Some("latest"));
        assert!(OciReference::parse("localhost:5000/audit", true).unwrap().registry.tls);
    }

    #[test]
    fn a_url_is_shown_without_what_may_be_secret() {
        let url = Url::parse("https://user:word@A.example:8443/x/y.wasm?signature=secret#part").unwrap();
        assert_eq!(url.to_string(), "https://a.example:8443/x/y.wasm");
        assert_eq!(url.target, "/x/y.wasm?signature=secret");
        assert_eq!(url.with_suffix(".sig").target, "/x/y.wasm.sig?signature=secret");
        assert!(url.is_private());
    }

    #[test]
    fn only_loopback_is_private_without_tls() {
        for (text, private) in [
            ("http://localhost/x", true),
            ("http://127.9.9.9:81/x", true),
            ("http://[::1]:81/x", true),
            ("http://localhost.example/x", false),
            ("http://10.0.0.1/x", false),
            ("https://10.0.0.1/x", true),
        ] {
            assert_eq!(Url::parse(text).unwrap().is_private(), private, "{text}");
        }
    }

    #[test]
    fn a_key_is_read_and_written_alike() {
        // RFC 8032 7.1, test 1.
        let text = "ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
        let key = TrustedKey::parse(text).unwrap();
        assert_eq!(key.to_string(), text);
        assert_eq!(key.fingerprint(), "21fe31dfa154a261");
        assert!(TrustedKey::parse("ed25519:AAAA").is_none() && TrustedKey::parse(&text[8..]).is_none());
    }
}
