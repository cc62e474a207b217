//! Where clients connect, and how they are spoken to.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use ipnet::IpNet;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Port 0 lets the system choose.
    pub address: SocketAddr,
    pub protocols: Protocols,
    pub tls: Option<ListenTls>,
    /// The header must come from one of the trusted proxies.
    pub proxy_protocol: bool,
    pub addresses: Arc<AddressRules>,
}

/// Which addresses a listener serves, and which it believes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressRules {
    /// They say for whom they ask.
    pub trusted_proxies: Networks,
    /// None: all.
    pub allow: Option<Networks>,
    pub deny: Networks,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

impl AddressRules {
    /// Whether a client at this address is served.
    pub fn admit(&self, address: IpAddr) -> bool {
        !self.deny.contain(address) && self.allow.as_ref().is_none_or(|allow| allow.contain(address))
    }
}

impl Networks {
    pub fn new(networks: Vec<IpNet>) -> Networks {
        Networks(networks)
    }

    pub fn are_none(&self) -> bool {
        self.0.is_empty()
    }

    /// An IPv4 address that was written as an IPv6 one is the same.
    pub fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// At least one of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protocols {
    pub http1: bool,
    pub http2: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenTls {
    /// At least one. The first is for clients that name nothing, or what no other one is for.
    pub certificates: Vec<CertificateFiles>,
    /// Only TLS 1.3, not 1.2 as well.
    pub only_tls13: bool,
    pub clients: Option<ClientCertificates>,
}

/// PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificates {
    /// Of the authorities that sign them.
    pub ca_file: PathBuf,
    pub required: bool,
}
