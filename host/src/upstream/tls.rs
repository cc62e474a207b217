//! TLS towards upstreams: always verified, against the system's authorities or those of one file.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::{CertificateError, ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

use crate::config::{ClientCertificate, UpstreamProtocol};

/// What TLS to one upstream is made from.
#[derive(Debug, Clone, Copy, Default)]
pub struct TlsTerms<'a> {
    /// The system's authorities unless given.
    pub ca_file: Option<&'a Path>,
    /// Whom the certificate must be for; the origin's host unless given.
    pub server_name: Option<&'a str>,
    pub client_certificate: Option<&'a ClientCertificate>,
    /// What is offered by ALPN; none is HTTP/1.1.
    pub protocol: Option<UpstreamProtocol>,
}

/// Makes the settings for upstreams; the system's authorities are read once, when the first upstream needs them.
#[derive(Default)]
pub struct Tls {
    system: OnceLock<Result<Arc<RootCertStore>, TlsSetupError>>,
}

#[derive(Debug, Clone, Error)]
pub enum TlsSetupError {
    #[error(
        "this system has no certificate authorities that can be read{detail}; \
             install its `ca-certificates`, or name a PEM file as `ca_file`"
    )]
    NoSystemAuthorities { detail: String },
    #[error("cannot read the certificate authorities in {}: {why}", path.display())]
    CaFile { path: PathBuf, why: String },
    #[error("cannot use the client certificate in {}: {why}", path.display())]
    ClientCertificate { path: PathBuf, why: String },
    #[error("the TLS library refused its settings: {0}")]
    Library(String),
}

impl Tls {
    pub fn new() -> Tls {
        Tls::default()
    }

    pub(super) fn client_config(&self, terms: &TlsTerms<'_>) -> Result<Arc<ClientConfig>, TlsSetupError> {
        let roots = match terms.ca_file {
            Some(path) => Arc::new(read_ca_file(path)?),
            None => self.system.get_or_init(|| read_system_authorities().map(Arc::new)).clone()?,
        };
        client_config(roots, terms)
    }
}

fn client_config(roots: Arc<RootCertStore>, terms: &TlsTerms<'_>) -> Result<Arc<ClientConfig>, TlsSetupError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsSetupError::Library(error.to_string()))?
        .with_root_certificates(roots);
    let mut config = match terms.client_certificate {
        None => builder.with_no_client_auth(),
        Some(own) => {
            let (chain, key) = read_client_certificate(own)?;
            let unusable = |error: rustls::Error| TlsSetupError::ClientCertificate {
                path: own.certificate_file.clone(),
                why: format!("{error}; check that {} is its key", own.key_file.display()),
            };
            builder.with_client_auth_cert(chain, key).map_err(unusable)?
        }
    };
    config.alpn_protocols = match terms.protocol.unwrap_or(UpstreamProtocol::Http1) {
        UpstreamProtocol::Http1 => vec![b"http/1.1".to_vec()],
        UpstreamProtocol::Http2 => vec![b"h2".to_vec()],
        UpstreamProtocol::Either => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
    };
    Ok(Arc::new(config))
}

fn read_system_authorities() -> Result<RootCertStore, TlsSetupError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // A system's store may hold old certificates that cannot be used; the others still count.
    let (usable, _) = roots.add_parsable_certificates(found.certs);
    if usable == 0 {
        let detail = found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
        return Err(TlsSetupError::NoSystemAuthorities { detail });
    }
    Ok(roots)
}

fn read_client_certificate(
    own: &ClientCertificate,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsSetupError> {
    let problem = |path: &Path, why: String| TlsSetupError::ClientCertificate { path: path.to_owned(), why };
    let of_chain = |why: String| problem(&own.certificate_file, why);
    let text = std::fs::read(&own.certificate_file).map_err(|error| of_chain(error.to_string()))?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let chain = chain.map_err(|error| of_chain(format!("it is not valid PEM ({error})")))?;
    if chain.is_empty() {
        let why = "it holds no certificate; it must have a `-----BEGIN CERTIFICATE-----` block";
        return Err(of_chain(why.to_owned()));
    }
    // The reader's own words: they name the kinds of keys, and nothing of this one.
    let key = PrivateKeyDer::from_pem_file(&own.key_file)
        .map_err(|error| problem(&own.key_file, format!("it holds no private key without a password ({error})")))?;
    Ok((chain, key))
}

/// Every certificate in a file that was named on purpose must be usable.
fn read_ca_file(path: &Path) -> Result<RootCertStore, TlsSetupError> {
    let problem = |why: String| TlsSetupError::CaFile { path: path.to_owned(), why };
    let text = std::fs::read(path).map_err(|error| problem(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| problem(format!("it is not valid PEM ({error})")))?;
        roots.add(certificate).map_err(|error| problem(format!("a certificate in it cannot be used ({error})")))?;
    }
    if roots.is_empty() {
        return Err(problem("it holds no certificate; it must have a `-----BEGIN CERTIFICATE-----` block".to_owned()));
    }
    Ok(roots)
}

/// Why a handshake failed, in a sentence that names what was expected; none if the network failed.
pub(super) fn explain(error: &std::io::Error, host: &str) -> Option<String> {
    let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    let rustls::Error::InvalidCertificate(certificate) = error else {
        return Some(format!("the TLS handshake failed: {error}; check that the port speaks TLS 1.2 or 1.3"));
    };
    Some(match certificate {
        CertificateError::UnknownIssuer => format!(
            "the certificate of `{host}` is signed by an authority that is not trusted; \
             if it is your own, name it as `ca_file`"
        ),
        CertificateError::BadSignature => format!(
            "the certificate of `{host}` does not carry the signature of the trusted authority that it names; \
             if the authority was made anew, renew `ca_file`"
        ),
        CertificateError::NotValidForName => format!("the certificate is not for `{host}`"),
        CertificateError::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
            format!("the certificate is for {}, not for `{host}`", presented.join(", "))
        }
        CertificateError::NotValidForNameContext { .. } => {
            format!("the certificate names no host, so it is not for `{host}`")
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            format!("the certificate of `{host}` has expired ({certificate})")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            format!("the certificate of `{host}` is not valid yet; check this machine's clock ({certificate})")
        }
        CertificateError::Revoked => format!("the certificate of `{host}` is revoked"),
        other => format!("the certificate of `{host}` was not accepted ({other})"),
    })
}
