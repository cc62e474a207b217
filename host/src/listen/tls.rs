//! TLS towards clients: which certificate is shown to whom, and whose certificates are asked for.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, NoClientAuth, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, RootCertStore, ServerConfig, version};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;
use tokio_rustls::TlsAcceptor;

use crate::config::{CertificateFiles, ClientCertificates, ListenTls, Protocols};

/// Sessions that are kept for clients that can take no ticket.
const SESSIONS_MAX: usize = 4_096;

/// Why a listener cannot speak TLS as it is configured to.
#[derive(Debug, Error)]
pub enum TlsError {
    #[error("cannot read {}: {why}", path.display())]
    File { path: PathBuf, why: String },
    #[error(
        "the key in {} is not that of the certificate in {}; name the two that were made together",
        key.display(), certificate.display()
    )]
    Mismatch { certificate: PathBuf, key: PathBuf },
    #[error("the TLS library refused its settings: {0}")]
    Library(String),
}

/// By name of the host that a client asks for (RFC 6066, 3).
#[derive(Debug)]
struct ByName {
    /// In lower case; `*.` stands for one label.
    names: HashMap<String, Arc<CertifiedKey>>,
    first: Arc<CertifiedKey>,
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let found = hello.server_name().and_then(|name| self.find(&name.to_ascii_lowercase()));
        Some(found.unwrap_or(&self.first).clone())
    }
}

impl ByName {
    fn find(&self, name: &str) -> Option<&Arc<CertifiedKey>> {
        self.names.get(name).or_else(|| {
            let (_, behind) = name.split_once('.')?;
            self.names.get(&format!("*.{behind}"))
        })
    }
}

/// Reads all files. What is made of them does not change when they do.
pub(super) fn acceptor(tls: &ListenTls, protocols: Protocols) -> Result<TlsAcceptor, TlsError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let library = |error: rustls::Error| TlsError::Library(error.to_string());
    let versions: &[_] = if tls.only_tls13 { &[&version::TLS13] } else { &[&version::TLS13, &version::TLS12] };
    let verifier = match &tls.clients {
        Some(clients) => verifier(clients, &provider)?,
        None => Arc::new(NoClientAuth),
    };
    let mut config = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(versions)
        .map_err(library)?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(by_name(&tls.certificates, &provider)?));
    config.session_storage = rustls::server::ServerSessionMemoryCache::new(SESSIONS_MAX);
    // Made anew with each change: who was let in by a certificate that is no longer accepted resumes nothing.
    config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().map_err(library)?;
    let spoken = [(protocols.http2, &b"h2"[..]), (protocols.http1, &b"http/1.1"[..])];
    config.alpn_protocols = spoken.into_iter().filter(|(is, _)| *is).map(|(_, name)| name.to_vec()).collect();
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn by_name(files: &[CertificateFiles], provider: &rustls::crypto::CryptoProvider) -> Result<ByName, TlsError> {
    let mut names = HashMap::new();
    let mut first = None;
    for files in files {
        let key = certified_key(files, provider)?;
        let key = Arc::new(key);
        for name in names_of(&files.certificate, &key)? {
            names.entry(name).or_insert_with(|| key.clone());
        }
        first.get_or_insert(key);
    }
    let first = first.ok_or_else(|| TlsError::Library("there is no certificate".to_owned()))?;
    Ok(ByName { names, first })
}

fn certified_key(
    files: &CertificateFiles,
    provider: &rustls::crypto::CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let chain = certificates(&files.certificate)?;
    let problem = |why: String| TlsError::File { path: files.key.clone(), why };
    let key = PrivateKeyDer::from_pem_slice(&read(&files.key)?).map_err(|error| {
        problem(match error {
            pem::Error::NoItemsFound => {
                "it holds no private key that can be used; it must have a `-----BEGIN PRIVATE KEY-----` block without a \
                 password"
                    .to_owned()
            }
            error => format!("it is not valid PEM ({error})"),
        })
    })?;
    match CertifiedKey::from_der(chain, key, provider) {
        Ok(certified) => Ok(certified),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err(TlsError::Mismatch { certificate: files.certificate.clone(), key: files.key.clone() })
        }
        Err(error) => Err(problem(format!("the key cannot be used ({error})"))),
    }
}

/// The DNS names that a certificate is for.
fn names_of(path: &Path, key: &CertifiedKey) -> Result<Vec<String>, TlsError> {
    let unusable = |error: &dyn std::fmt::Display| TlsError::File {
        path: path.to_owned(),
        why: format!("its first certificate cannot be used ({error})"),
    };
    let certificate = key.end_entity_cert().map_err(|error| unusable(&error))?;
    let certificate = webpki::EndEntityCert::try_from(certificate).map_err(|error| unusable(&error))?;
    Ok(certificate.valid_dns_names().map(str::to_ascii_lowercase).collect())
}

fn verifier(
    clients: &ClientCertificates,
    provider: &Arc<rustls::crypto::CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let problem = |why: String| TlsError::File { path: clients.ca_file.clone(), why };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&clients.ca_file)? {
        roots.add(certificate).map_err(|error| problem(format!("a certificate in it cannot be used ({error})")))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let builder = if clients.required { builder } else { builder.allow_unauthenticated() };
    builder.build().map_err(|error| problem(error.to_string()))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let problem = |why: String| TlsError::File { path: path.to_owned(), why };
    let found = CertificateDer::pem_slice_iter(&read(path)?).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|error| problem(format!("it is not valid PEM ({error})")))?;
    if found.is_empty() {
        return Err(problem("it holds no certificate; it must have a `-----BEGIN CERTIFICATE-----` block".to_owned()));
    }
    Ok(found)
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|error| TlsError::File { path: path.to_owned(), why: error.to_string() })
}

/// Why a handshake failed, in a sentence for the operator.
pub(super) fn explain(error: &std::io::Error) -> String {
    match error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::NoCertificatesPresented) => "the client presented no certificate".to_owned(),
        Some(rustls::Error::InvalidCertificate(why)) => match why {
            CertificateError::UnknownIssuer => {
                "the client's certificate is signed by no authority of `client_ca_file`".to_owned()
            }
            why => format!("the client's certificate was not accepted ({why})"),
        },
        _ => error.to_string(),
    }
}
