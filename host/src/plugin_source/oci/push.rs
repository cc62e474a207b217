//! Puts a plugin and its signatures into a registry.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Map, json};

use super::super::error::FetchError;
use super::super::http::{Ask, redirected};
use super::super::signature::Signatures;
use super::{
    CONFIG_TYPE, Descriptor, LAYER_TYPE, MANIFEST_TYPE, Manifest, Registry, SIGNATURE_ANNOTATION, no_plugin, sha256_of,
};
use crate::config::{Url, hex};

impl Registry<'_> {
    /// Returns the digest of the manifest, which the same plugin with the same signatures always has.
    pub async fn push(&mut self, wasm: Bytes, signatures: Option<&Signatures>) -> Result<[u8; 32], FetchError> {
        let layer = Descriptor::of(LAYER_TYPE, &wasm);
        // The wasm artifact layout of the CNCF; a fixed time keeps the digest the same.
        let config = json!({
            "created": "1970-01-01T00:00:00Z",
            "architecture": "wasm",
            "os": "wasip2",
            "layerDigests": [layer.digest],
        });
        let config = Bytes::from(config.to_string());
        let mut annotations = Map::new();
        if let Some(signatures) = signatures {
            annotations.insert(SIGNATURE_ANNOTATION.to_owned(), signatures.to_string().into());
        }
        let manifest = Manifest {
            schema_version: 2,
            media_type: Some(MANIFEST_TYPE.to_owned()),
            config: Descriptor::of(CONFIG_TYPE, &config),
            layers: vec![layer],
            annotations,
        };
        let manifest = serde_json::to_vec(&manifest).map_err(|_| no_plugin(&self.url(""), "it cannot be described"))?;
        self.blob(&config).await?;
        self.blob(&wasm).await?;
        let sha256 = sha256_of(&manifest);
        let name = self.reference.tag.clone().unwrap_or_else(|| format!("sha256:{}", hex(&sha256)));
        let url = self.url(&format!("manifests/{name}"));
        self.put(url, manifest.into(), MANIFEST_TYPE).await?;
        Ok(sha256)
    }

    /// In one piece, unless it is there already.
    async fn blob(&mut self, bytes: &Bytes) -> Result<(), FetchError> {
        let digest = format!("sha256:{}", hex(&sha256_of(bytes)));
        let head = Ask { method: Method::HEAD, ..Ask::get(self.url(&format!("blobs/{digest}")), self.login.proof()) };
        if self.ask(head).await?.status.is_success() {
            return Ok(());
        }
        let start = self.url("blobs/uploads/");
        let mut ask = Ask { method: Method::POST, ..Ask::get(start.clone(), self.login.proof()) };
        ask.headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        let answer = self.ask(ask).await?;
        let answer = self.accept(answer, "check registry and repository").await?;
        let mut to = redirected(&start, &answer.headers).map_err(|error| match error {
            FetchError::WrongRedirect { url } => FetchError::NoLocation { url },
            other => other,
        })?;
        let separator = if to.target.contains('?') { '&' } else { '?' };
        to.target = format!("{}{separator}digest={digest}", to.target);
        self.put(to, bytes.clone(), "application/octet-stream").await
    }

    async fn put(&mut self, url: Url, body: Bytes, media_type: &'static str) -> Result<(), FetchError> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        let ask = Ask { method: Method::PUT, url, headers, body, proof: self.login.proof() };
        let answer = self.ask(ask).await?;
        self.accept(answer, "check registry and repository").await.map(drop)
    }
}

impl Descriptor {
    fn of(media_type: &str, bytes: &[u8]) -> Descriptor {
        let digest = format!("sha256:{}", hex(&sha256_of(bytes)));
        Descriptor { media_type: media_type.to_owned(), digest, size: bytes.len() as u64 }
    }
}
