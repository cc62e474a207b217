//! Credentials that the gateway sends in a client's stead, each towards the one origin that it is bound to.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use thiserror::Error;
use zeroize::Zeroizing;

use super::{Secret, SecretError};
use crate::config::{Credential, Origin};
use crate::error::Code;

/// By name, loaded once for a generation.
#[derive(Debug, Default)]
pub struct Credentials {
    loaded: BTreeMap<String, Loaded>,
}

#[derive(Debug)]
struct Loaded {
    secret: Secret,
    origin: Origin,
    /// As configured; what is not depends on where it goes.
    header: Option<HeaderName>,
    prefix: Option<String>,
    /// In the field that is usual, with its prefix, and marked as sensitive.
    value: HeaderValue,
}

/// Why a credential was not sent. Both are faults in what the gateway was told, and no request goes out.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InjectError {
    #[error("there is no credential named `{name}`")]
    Unknown { name: String },
    #[error("credential `{name}` is bound to {bound}, and is not sent to {asked}")]
    OtherOrigin { name: String, bound: String, asked: String },
}

impl InjectError {
    pub fn code(&self) -> Code {
        Code::Internal
    }
}

impl Credentials {
    /// Reads all of them; every problem is returned, with the name of its credential.
    pub fn load(configured: &BTreeMap<String, Credential>) -> Result<Credentials, Vec<(String, SecretError)>> {
        let mut loaded = BTreeMap::new();
        let mut problems = Vec::new();
        for (name, credential) in configured {
            match Loaded::read(credential) {
                Ok(credential) => {
                    loaded.insert(name.clone(), credential);
                }
                Err(problem) => problems.push((name.clone(), problem)),
            }
        }
        if problems.is_empty() { Ok(Credentials { loaded }) } else { Err(problems) }
    }

    /// Sets the credential's field, over whatever stands there, if `origin` is the one that it is bound to.
    pub fn inject(&self, name: &str, origin: &Origin, headers: &mut HeaderMap) -> Result<(), InjectError> {
        let credential = self.bound(name, origin)?;
        headers.insert(credential.header.clone().unwrap_or(AUTHORIZATION), credential.value.clone());
        Ok(())
    }

    /// The same towards a provider whose keys have a field and a prefix of their own, where the configuration says nothing else.
    pub fn inject_key(
        &self,
        name: &str,
        origin: &Origin,
        usual: (HeaderName, &str),
        headers: &mut HeaderMap,
    ) -> Result<(), InjectError> {
        let credential = self.bound(name, origin)?;
        let (header, value) = match &credential.header {
            Some(header) => (header.clone(), credential.value.clone()),
            None => {
                let prefix = credential.prefix.as_deref().unwrap_or(usual.1);
                let value = field_value(name, prefix, &credential.secret);
                (usual.0, value.map_err(|_| InjectError::Unknown { name: name.to_owned() })?)
            }
        };
        headers.insert(header, value);
        Ok(())
    }

    /// Lends the secret to what signs a request for its origin.
    pub fn sign<T>(&self, name: &str, origin: &Origin, sign: impl FnOnce(&[u8]) -> T) -> Result<T, InjectError> {
        Ok(sign(self.bound(name, origin)?.secret.expose()))
    }

    fn bound(&self, name: &str, origin: &Origin) -> Result<&Loaded, InjectError> {
        let credential = self.loaded.get(name).ok_or_else(|| InjectError::Unknown { name: name.to_owned() })?;
        if credential.origin != *origin {
            return Err(InjectError::OtherOrigin {
                name: name.to_owned(),
                bound: credential.origin.to_uri_prefix(),
                asked: origin.to_uri_prefix(),
            });
        }
        Ok(credential)
    }

    /// One credential that comes from no configuration: the field's value is `prefix` and the secret.
    pub fn one(name: &str, secret: Secret, origin: Origin, prefix: &str) -> Result<Credentials, SecretError> {
        let loaded = Loaded::new(name, secret, origin, None, Some(prefix.to_owned()))?;
        Ok(Credentials { loaded: BTreeMap::from([(name.to_owned(), loaded)]) })
    }

    /// Whether the credential is there, and is sent to this origin.
    pub fn is_bound_to(&self, name: &str, origin: &Origin) -> bool {
        self.loaded.get(name).is_some_and(|credential| credential.origin == *origin)
    }

    /// What tells the value of a credential from another one of the same name, and does not tell the value (SHA-256).
    pub fn digest(&self, name: &str) -> Option<[u8; 32]> {
        let secret = self.loaded.get(name)?.secret.expose();
        digest(&SHA256, secret).as_ref().try_into().ok()
    }

    /// For the redactor.
    pub fn secrets(&self) -> Vec<Secret> {
        self.loaded.values().map(|credential| credential.secret.clone()).collect()
    }
}

impl Loaded {
    fn read(credential: &Credential) -> Result<Loaded, SecretError> {
        let secret = Secret::read(&credential.source)?;
        let Credential { name, origin, header, prefix, .. } = credential;
        Loaded::new(name, secret, origin.clone(), header.clone(), prefix.clone())
    }

    fn new(
        name: &str,
        secret: Secret,
        origin: Origin,
        header: Option<HeaderName>,
        prefix: Option<String>,
    ) -> Result<Loaded, SecretError> {
        let usual = if header.as_ref().is_none_or(|header| *header == AUTHORIZATION) { "Bearer " } else { "" };
        let value = field_value(name, prefix.as_deref().unwrap_or(usual), &secret)?;
        Ok(Loaded { secret, origin, header, prefix, value })
    }
}

fn field_value(name: &str, prefix: &str, secret: &Secret) -> Result<HeaderValue, SecretError> {
    let text = Zeroizing::new([prefix.as_bytes(), secret.expose()].concat());
    let mut value = HeaderValue::from_bytes(&text).map_err(|_| SecretError::NotVisible {
        source_name: format!("the prefix of credential {name}"),
        position: 0,
    })?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SecretSource;

    fn origin(host: &str) -> Origin {
        Origin { tls: true, host: host.into(), port: 443 }
    }

    fn credential(name: &str, source: SecretSource) -> (String, Credential) {
        let credential =
            Credential { name: name.into(), source, origin: origin("api.example"), header: None, prefix: None };
        (name.into(), credential)
    }

    fn load() -> Credentials {
        let path = std::env::temp_dir().join(format!(
            "sluicegate-credential-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        std::fs::write(&path, "sk-upstream-secret\n").unwrap();
        let loaded = Credentials::load(&BTreeMap::from([credential("openai", SecretSource::File(path.clone()))]));
        std::fs::remove_file(path).unwrap();
        loaded.unwrap()
    }

    #[test]
    fn a_credential_replaces_the_field_and_is_marked_as_sensitive() {
        let mut headers = HeaderMap::new();
        headers.append("authorization", HeaderValue::from_static("Bearer of-the-client"));
        headers.append("authorization", HeaderValue::from_static("Bearer another"));
        load().inject("openai", &origin("api.example"), &mut headers).unwrap();
        let values: Vec<_> = headers.get_all("authorization").iter().collect();
        assert_eq!(values, ["Bearer sk-upstream-secret"]);
        assert!(values[0].is_sensitive());
    }

    #[test]
    fn a_credential_goes_to_no_other_origin() {
        let credentials = load();
        let mut headers = HeaderMap::new();
        for other in [
            origin("api.example.evil"),
            Origin { tls: false, ..origin("api.example") },
            Origin { port: 8443, ..origin("api.example") },
        ] {
            let error = credentials.inject("openai", &other, &mut headers).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "credential `openai` is bound to https://api.example, and is not sent to {}",
                    other.to_uri_prefix()
                )
            );
        }
        assert!(credentials.inject("none", &origin("api.example"), &mut headers).is_err());
        assert!(headers.is_empty());
    }

    #[test]
    fn every_credential_that_cannot_be_read_is_named() {
        let configured = BTreeMap::from([
            credential("one", SecretSource::Env("SLUICEGATE_MISSING_ONE".into())),
            credential("two", SecretSource::Env("SLUICEGATE_MISSING_TWO".into())),
        ]);
        let names: Vec<String> =
            Credentials::load(&configured).unwrap_err().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["one", "two"]);
    }

    #[test]
    fn debug_output_hides_every_value() {
        let shown = format!("{:?}", load());
        assert!(shown.contains("openai") && !shown.contains("sk-upstream-secret"), "{shown}");
    }
}
