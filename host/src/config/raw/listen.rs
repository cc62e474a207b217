//! Where clients connect, and how they are spoken to, as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::spot::Spot;
use super::text::{FilePath, ListenAddress, NetworkText};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawListen {
    /// An IP address and a port. Port 0 lets the system choose.
    #[schemars(example = &"127.0.0.1:8080")]
    pub address: Spot<ListenAddress>,
    /// What is spoken here. With TLS the client chooses one of them (ALPN); in clear text a client of `h2` begins with it (prior knowledge), and there is no upgrade to it.
    #[serde(default = "protocols")]
    #[schemars(length(min = 1, max = 2))]
    pub protocols: Vec<RawProtocol>,
    /// TLS; clear text without it.
    pub tls: Option<RawListenTls>,
    /// Proxies in front of this listener that are believed when they say who the client is: by `x-forwarded-for`, `-proto` and `-host`, or by the PROXY protocol. Of anybody else these fields are dropped.
    #[serde(default)]
    #[schemars(length(max = 256))]
    pub trusted_proxies: Vec<NetworkText>,
    /// Whether each connection begins with a header of the PROXY protocol, version 1 or 2. It must come from one of `trusted_proxies`; other connections are closed.
    #[serde(default)]
    pub proxy_protocol: Spot<bool>,
    /// The clients that are served; all unless given.
    #[serde(default)]
    #[schemars(length(max = 1_024))]
    pub allow: Vec<NetworkText>,
    /// Clients that are not served, also where `allow` has them.
    #[serde(default)]
    #[schemars(length(max = 1_024))]
    pub deny: Vec<NetworkText>,
}

fn protocols() -> Vec<RawProtocol> {
    vec![RawProtocol::H2, RawProtocol::Http11]
}

/// By the names of ALPN.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum RawProtocol {
    #[serde(rename = "h2")]
    H2,
    #[serde(rename = "http/1.1")]
    Http11,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("required" = ["certificates"]))]
pub struct RawListenTls {
    /// A client gets the one that is for the name that it asks for, and the first one where none is or it names nothing. They are read again when their files change.
    #[serde(default)]
    #[schemars(length(min = 1, max = 256))]
    pub certificates: Vec<RawCertificate>,
    /// The oldest version that is spoken.
    #[serde(default)]
    pub min_version: RawTlsVersion,
    /// A PEM file with the certificate authorities whose certificates clients may present. Without it clients present none.
    #[schemars(example = &"clients.pem")]
    pub client_ca_file: Option<Spot<FilePath>>,
    /// Whether a client must present one of theirs. `required` unless given; one that is presented must be valid in either case.
    pub client_certificates: Option<Spot<RawClientCertificates>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawCertificate {
    /// A PEM file with the certificate, and behind it those that lead to its authority.
    #[schemars(example = &"example.com.pem")]
    pub certificate_file: Spot<FilePath>,
    /// A PEM file with its private key, without a password.
    #[schemars(example = &"example.com.key")]
    pub key_file: Spot<FilePath>,
}

#[derive(Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
pub enum RawTlsVersion {
    #[default]
    #[serde(rename = "1.2")]
    Tls12,
    #[serde(rename = "1.3")]
    Tls13,
}

#[derive(Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RawClientCertificates {
    Optional,
    Required,
}
