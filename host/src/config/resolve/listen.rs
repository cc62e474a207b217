//! Listeners: addresses that do not collide, and the files of their certificates.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;

use super::Context;
use super::edge::{address, collide};
use crate::config::diagnostic::Mistake;
use crate::config::model::{
    AddressRules, CertificateFiles, ClientCertificates, ListenTls, Listener, Networks, Protocols,
};
use crate::config::raw::listen::{RawClientCertificates, RawListen, RawListenTls, RawProtocol, RawTlsVersion};
use crate::config::raw::spot::Span;
use crate::config::raw::text::NetworkText;

pub fn listeners(raw: Vec<RawListen>, context: &mut Context<'_>) -> Vec<Listener> {
    let mut seen: Vec<(SocketAddr, Span)> = Vec::new();
    let mut listeners = Vec::new();
    for listen in raw {
        let span = &listen.address.span;
        let Some(address) = address(&listen.address, span, context) else { continue };
        let taken = seen.iter().find(|(other, _)| collide(*other, address));
        if let Some((_, first)) = taken {
            context
                .report
                .add(Mistake::Relation, span, "this address is listened on twice")
                .also(first, "first here")
                .help("remove one of them, or change its port");
        }
        seen.push((address, span.clone()));
        let speaks = |protocol| listen.protocols.contains(&protocol);
        let protocols = Protocols { http1: speaks(RawProtocol::Http11), http2: speaks(RawProtocol::H2) };
        if *listen.proxy_protocol && listen.trusted_proxies.is_empty() {
            let message = "nobody could send the header of the PROXY protocol";
            let found = context.report.add(Mistake::Relation, &listen.proxy_protocol.span, message);
            found.help("name the balancers that do as `trusted_proxies`, such as `[\"10.0.0.0/8\"]`");
        }
        let addresses = AddressRules {
            trusted_proxies: networks(&listen.trusted_proxies),
            allow: (!listen.allow.is_empty()).then(|| networks(&listen.allow)),
            deny: networks(&listen.deny),
        };
        listeners.push(Listener {
            address,
            protocols,
            tls: listen.tls.map(|raw| tls(raw, context)),
            proxy_protocol: *listen.proxy_protocol,
            addresses: Arc::new(addresses),
        });
    }
    listeners
}

/// The pattern in the schema leaves none that does not parse.
fn networks(texts: &[NetworkText]) -> Networks {
    let network = |text: &NetworkText| text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    let canonical = |network: IpNet| match network.addr() {
        IpAddr::V6(address) if network.prefix_len() >= 96 => match address.to_ipv4_mapped() {
            Some(address) => IpNet::new(address.into(), network.prefix_len() - 96).unwrap_or(network),
            None => network,
        },
        _ => network,
    };
    Networks::new(texts.iter().filter_map(network).map(canonical).collect())
}

fn tls(raw: RawListenTls, context: &mut Context<'_>) -> ListenTls {
    let certificates = raw.certificates.iter().map(|files| CertificateFiles {
        certificate: context.file(&files.certificate_file, None, "put the certificate and its chain there, as PEM"),
        key: context.file(&files.key_file, None, "put the certificate's private key there, as PEM"),
    });
    let certificates = certificates.collect();
    if let (None, Some(wanted)) = (&raw.client_ca_file, &raw.client_certificates) {
        let message = "no certificate of a client could be valid";
        let found = context.report.add(Mistake::Relation, &wanted.span, message);
        found.help("name the authorities that sign them as `client_ca_file`, or leave `client_certificates` out");
    }
    let required = !matches!(raw.client_certificates.as_deref(), Some(RawClientCertificates::Optional));
    let clients = raw.client_ca_file.map(|file| {
        let ca_file = context.file(&file, None, "put the authorities that sign clients' certificates there, as PEM");
        ClientCertificates { ca_file, required }
    });
    ListenTls { certificates, only_tls13: matches!(raw.min_version, RawTlsVersion::Tls13), clients }
}
