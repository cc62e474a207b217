//! Which certificates are accepted, and what is said of the others.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::error::Code;

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Authority {
        Authority::named("first authority")
    }

    fn named(name: &str) -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Authority { issuer: Issuer::new(params, key), pem }
    }

    fn write(&self, name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("sluicegate-ca-{}-{name}.pem", std::process::id()));
        std::fs::write(&path, &self.pem).unwrap();
        path
    }
}

/// Answers one request on each connection with its ALPN protocol, then closes; `cut` leaves out the TLS goodbye.
async fn serve(authority: &Authority, names: &[&str], change: impl FnOnce(&mut CertificateParams), cut: bool) -> u16 {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
    change(&mut params);
    let certificate = params.signed_by(&key, &authority.issuer).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    if stream.read_buf(&mut request).await.unwrap() == 0 {
                        return;
                    }
                }
                let protocol = String::from_utf8(stream.get_ref().1.alpn_protocol().unwrap().to_vec()).unwrap();
                stream.write_all(format!("HTTP/1.1 200 OK\r\n\r\n{protocol}").as_bytes()).await.unwrap();
                stream.flush().await.unwrap();
                if !cut {
                    stream.shutdown().await.unwrap();
                }
            });
        }
    });
    port
}

/// The file of authorities is read at once, and removed again.
fn secure(host: &str, port: u16, ca_file: PathBuf) -> Upstream {
    let upstream = upstream_with(port, |config| {
        config.origin = Origin { tls: true, host: host.into(), port };
        config.ca_file = Some(ca_file.clone());
    });
    std::fs::remove_file(ca_file).unwrap();
    upstream
}

async fn refused(host: &str, port: u16, ca_file: PathBuf) -> String {
    let error = secure(host, port, ca_file).send(get("/")).await.unwrap_err();
    assert_eq!(error.code(), Code::UpstreamTls, "{error}");
    assert!(error.is_unsent());
    assert_eq!(error.refusal().message, "No secure connection to upstream `api` could be made.");
    error.to_string()
}

#[tokio::test]
async fn a_certificate_of_the_named_authority_is_accepted_and_http_1_is_agreed() {
    let authority = Authority::new();
    let port = serve(&authority, &["localhost", "127.0.0.1"], |_| (), false).await;
    for host in ["localhost", "127.0.0.1"] {
        let upstream = secure(host, port, authority.write(host));
        assert_eq!(text(upstream.send(get("/")).await.unwrap()).await.unwrap(), "http/1.1");
    }
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    let port = serve(&Authority::new(), &["localhost"], |_| (), false).await;
    let sentence = refused("localhost", port, Authority::named("second authority").write("other")).await;
    assert_eq!(
        sentence,
        format!(
            "no secure connection to upstream `api` at https://localhost:{port}: the certificate of `localhost` is signed \
             by an authority that is not trusted; if it is your own, name it as `ca_file`"
        )
    );
}

#[tokio::test]
async fn an_authority_made_anew_under_the_same_name_is_not_taken_for_the_old_one() {
    let port = serve(&Authority::new(), &["localhost"], |_| (), false).await;
    let sentence = refused("localhost", port, Authority::new().write("anew")).await;
    assert!(sentence.ends_with("if the authority was made anew, renew `ca_file`"), "{sentence}");
}

#[tokio::test]
async fn the_systems_authorities_do_not_accept_a_certificate_of_ones_own() {
    let port = serve(&Authority::new(), &["localhost"], |_| (), false).await;
    let mut config = config("localhost", port);
    config.origin.tls = true;
    match Upstream::new(Arc::new(config), &Tls::new(), Arc::new(SystemClock::new())) {
        Ok(upstream) => assert_eq!(upstream.send(get("/")).await.unwrap_err().code(), Code::UpstreamTls),
        // A machine without authorities says so, and trusts nobody.
        Err(error) => assert!(error.to_string().contains("install its `ca-certificates`"), "{error}"),
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let authority = Authority::new();
    let port = serve(&authority, &["other.example", "third.example"], |_| (), false).await;
    let sentence = refused("localhost", port, authority.write("name")).await;
    assert!(sentence.contains("the certificate is for "), "{sentence}");
    assert!(sentence.contains("other.example") && sentence.ends_with("not for `localhost`"), "{sentence}");
}

#[tokio::test]
async fn a_certificate_outside_its_time_is_refused() {
    let authority = Authority::new();
    let expired = |params: &mut CertificateParams| params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let port = serve(&authority, &["localhost"], expired, false).await;
    let sentence = refused("localhost", port, authority.write("expired")).await;
    assert!(sentence.contains("the certificate of `localhost` has expired"), "{sentence}");

    let future = |params: &mut CertificateParams| params.not_before = rcgen::date_time_ymd(3000, 1, 1);
    let port = serve(&authority, &["localhost"], future, false).await;
    let sentence = refused("localhost", port, authority.write("future")).await;
    assert!(sentence.contains("not valid yet; check this machine's clock"), "{sentence}");
}

#[tokio::test]
async fn a_port_without_tls_is_a_failed_handshake() {
    let server = super::server::Server::start(|mut conversation| async move {
        conversation.hear().await;
        conversation.say("HTTP/1.1 400 Bad Request\r\n\r\n").await;
    })
    .await;
    let sentence = refused("localhost", server.port, Authority::new().write("plain")).await;
    assert!(sentence.contains("check that the port speaks TLS 1.2 or 1.3"), "{sentence}");
}

#[tokio::test]
async fn a_handshake_that_hangs_ends_with_the_connect_timeout() {
    let server = super::server::Server::start(|mut conversation| async move { conversation.closed().await }).await;
    let ca_file = Authority::new().write("hang");
    let upstream = upstream_with(server.port, |config| {
        config.origin.tls = true;
        config.connect_timeout = Duration::from_millis(50);
        config.ca_file = Some(ca_file.clone());
    });
    std::fs::remove_file(ca_file).unwrap();
    let error = upstream.send(get("/")).await.unwrap_err();
    assert_eq!(error.code(), Code::UpstreamUnreachable);
    assert!(error.to_string().ends_with("took longer than its share of 50ms"), "{error}");
    assert_eq!(upstream.connections_in_use(), 0);
}

#[tokio::test]
async fn an_upstream_that_lets_a_deadline_pass_in_the_handshake_is_late() {
    let server = super::server::Server::start(|mut conversation| async move { conversation.closed().await }).await;
    let upstream = secure("localhost", server.port, Authority::new().write("late"));
    super::blame::give_up(&upstream, Duration::from_millis(50), Duration::from_millis(50)).await;
    assert_eq!(upstream.health().failures_per_thousand(), Some(1000));
}

#[tokio::test]
async fn an_answer_cut_below_tls_never_looks_like_a_clean_end() {
    let authority = Authority::new();
    let port = serve(&authority, &["localhost"], |_| (), true).await;
    let upstream = secure("localhost", port, authority.write("cut"));
    let error = text(upstream.send(get("/")).await.unwrap()).await.unwrap_err();
    assert_eq!(error.code(), Code::UpstreamBroken);
}

#[test]
fn a_file_of_authorities_that_cannot_be_used_is_named() {
    let directory = std::env::temp_dir();
    let path = directory.join(format!("sluicegate-ca-{}-bad.pem", std::process::id()));
    for (content, why) in [
        ("no pem at all", "it holds no certificate; it must have a `-----BEGIN CERTIFICATE-----` block"),
        ("-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n", "it is not valid PEM"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "a certificate in it cannot be used"),
    ] {
        std::fs::write(&path, content).unwrap();
        let mut config = config("localhost", 443);
        config.origin.tls = true;
        config.ca_file = Some(path.clone());
        let error =
            Upstream::new(Arc::new(config), &Tls::new(), Arc::new(SystemClock::new())).err().unwrap().to_string();
        let expected = format!("upstream `api`: cannot read the certificate authorities in {}: {why}", path.display());
        assert!(error.starts_with(&expected), "{error}");
    }
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_client_certificate_that_cannot_be_used_is_named_and_its_key_is_not_shown() {
    let directory = std::env::temp_dir();
    let path = |name: &str| directory.join(format!("sluicegate-own-{}-{name}", std::process::id()));
    let (certificate_file, key_file) = (path("own.pem"), path("own.key"));
    let (own, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let certificate = CertificateParams::default().self_signed(&own).unwrap().pem();
    for (certificate, key, why) in [
        ("nothing", own.serialize_pem(), "it holds no certificate"),
        (&certificate, "nothing".to_owned(), "it holds no private key"),
        (&certificate, other.serialize_pem(), "check that "),
    ] {
        std::fs::write(&certificate_file, certificate).unwrap();
        std::fs::write(&key_file, &key).unwrap();
        let mut config = config("localhost", 443);
        config.origin.tls = true;
        config.ca_file = Some(certificate_file.clone());
        config.client_certificate =
            Some(config::ClientCertificate { certificate_file: certificate_file.clone(), key_file: key_file.clone() });
        if certificate == "nothing" {
            config.ca_file = Some(Authority::new().write("own"));
        }
        let error = Upstream::new(Arc::new(config), &Tls::new(), Arc::new(SystemClock::new())).err().unwrap();
        let sentence = error.to_string();
        assert!(sentence.starts_with("upstream `api`: cannot use the client certificate in "), "{sentence}");
        assert!(sentence.contains(why) && !sentence.contains("PRIVATE"), "{sentence}");
    }
    std::fs::remove_file(certificate_file).unwrap();
    std::fs::remove_file(key_file).unwrap();
}

/// Answers with nothing in what was agreed; `offered`: by ALPN.
async fn serve_either(authority: &Authority, offered: &[&str]) -> u16 {
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &authority.issuer).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    config.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            let io = hyper_util::rt::TokioIo::new(stream);
            let service = hyper::service::service_fn(|_| async {
                Ok::<_, std::convert::Infallible>(Response::new(http_body_util::Empty::<Bytes>::new()))
            });
            tokio::spawn(async move {
                let executor = hyper_util::rt::TokioExecutor::new();
                match is_http2 {
                    true => hyper::server::conn::http2::Builder::new(executor).serve_connection(io, service).await,
                    false => hyper::server::conn::http1::Builder::new().serve_connection(io, service).await,
                }
            });
        }
    });
    port
}

fn with_protocol(port: u16, authority: &Authority, protocol: config::UpstreamProtocol, name: &str) -> Upstream {
    let ca_file = authority.write(name);
    let upstream = upstream_with(port, |config| {
        config.origin = Origin { tls: true, host: "localhost".into(), port };
        config.ca_file = Some(ca_file.clone());
        config.protocol = protocol;
    });
    std::fs::remove_file(ca_file).unwrap();
    upstream
}

#[tokio::test]
async fn an_upstream_that_may_choose_is_spoken_to_as_it_chooses() {
    let authority = Authority::new();
    for (offered, version) in
        [(&["h2", "http/1.1"][..], Version::HTTP_2), (&["http/1.1"], Version::HTTP_11), (&[], Version::HTTP_11)]
    {
        let port = serve_either(&authority, offered).await;
        let upstream = with_protocol(port, &authority, config::UpstreamProtocol::Either, "either");
        // The second request finds what the first has learned.
        for _ in 0..2 {
            let answer = upstream.send(get("/")).await.unwrap();
            assert_eq!(answer.version(), version, "{offered:?}");
            text(answer).await.unwrap();
        }
    }
}

#[tokio::test]
async fn an_upstream_that_does_not_agree_to_http_2_is_refused_where_nothing_else_is_allowed() {
    let authority = Authority::new();
    let port = serve_either(&authority, &[]).await;
    let upstream = with_protocol(port, &authority, config::UpstreamProtocol::Http2, "h2");
    let error = upstream.send(get("/")).await.unwrap_err();
    assert_eq!(error.code(), Code::UpstreamTls);
    assert!(error.to_string().ends_with("(ALPN); add `http/1.1` to its `protocols`"), "{error}");
}
