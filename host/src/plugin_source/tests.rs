//! Plugins from servers that behave and from servers that do not.

mod registry;
mod server;
mod signatures;
mod web;

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::config::{Origin, Trust, TrustedKey, Url};
use crate::secrets::{Credentials, Secret};

use server::{Reply, Server};

const WASM: &[u8] = b"a plugin, for all that fetching knows";
const SECRET: &str = "hunter2-of-the-registry";

/// What a test of one plugin needs, and what it may change.
struct Case {
    folder: tempfile::TempDir,
    patience: Patience,
    trust: Trust,
    credentials: Credentials,
    access: Access,
    sha256: [u8; 32],
}

impl Case {
    fn new() -> Case {
        Case {
            folder: tempfile::tempdir().unwrap(),
            patience: Patience {
                connect: Duration::from_secs(5),
                stall: Duration::from_secs(20),
                whole: Duration::from_secs(30),
            },
            trust: Trust::default(),
            credentials: Credentials::default(),
            access: Access::default(),
            sha256: sha256(WASM),
        }
    }

    /// With a credential that is bound to an origin.
    fn with_credential(origin: &Origin) -> Case {
        let secret = Secret::new(SECRET.as_bytes().to_vec(), "test").unwrap();
        let credentials = Credentials::one("registry", secret, origin.clone(), "Basic ").unwrap();
        let access = Access { credential: Some("registry".into()), ca_file: None };
        Case { credentials, access, ..Case::new() }
    }

    async fn get(&self, place: RemotePlace) -> Result<Bytes, SourceError> {
        let sources = PluginSources::new(Some(self.folder.path().join("plugins")), self.patience.clone());
        let plugin = RemotePlugin { place, sha256: self.sha256, access: self.access.clone() };
        let terms = Terms { trust: &self.trust, credentials: &self.credentials, tls: &Tls::new() };
        sources.get("audit", &PluginSource::Remote(plugin), terms).await
    }

    async fn get_url(&self, url: Url) -> Result<Bytes, SourceError> {
        self.get(RemotePlace::Url { url, signature: None }).await
    }

    /// What is said of a plugin that cannot be fetched; then nothing was kept.
    async fn refused(&self, place: RemotePlace) -> String {
        let error = self.get(place).await.unwrap_err();
        assert!(!self.folder.path().join("plugins").exists(), "something was kept");
        let SourceError::Fetch(message) = error else { panic!("{error:?}") };
        assert!(message.starts_with("plugin `audit` cannot be fetched: "), "{message}");
        assert!(!message.contains(SECRET), "{message}");
        message
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes).as_ref().try_into().unwrap()
}

fn has_secret(requests: &[String]) -> bool {
    requests.iter().any(|request| request.contains(SECRET))
}

#[test]
fn a_file_over_the_limit_is_refused_and_one_at_the_limit_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.wasm");
    let file = std::fs::File::create(&path).unwrap();
    file.set_len(PLUGIN_BYTES_MAX).unwrap();
    assert_eq!(read(&path).unwrap().len() as u64, PLUGIN_BYTES_MAX);
    file.set_len(PLUGIN_BYTES_MAX + 1).unwrap();
    assert!(read(&path).unwrap_err().ends_with("has over 64 MiB, which is the limit"));
    assert!(read(Path::new("/no/such.wasm")).unwrap_err().contains("is not there: build it"));
    assert!(read(folder.path()).unwrap_err().contains("is no regular file"));
}
