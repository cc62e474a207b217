//! Upstreams, and the credentials that are bound to their origins.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, Uri};

use super::Context;
use crate::config::diagnostic::Mistake;
use crate::config::model::{
    ClientCertificate, Credential, Origin, ReplyHeads, SecretSource, Upstream, UpstreamProtocol,
};
use crate::config::raw::spot::{Named, Span, Spot};
use crate::config::raw::text::{FilePath, Name, ServerNameText};
use crate::config::raw::upstream::{RawClientCertificate, RawUpstreamProtocol};
use crate::config::raw::{RawCredential, RawUpstream};

pub fn credentials(raw: Named<RawCredential>, context: &mut Context<'_>) -> BTreeMap<String, Credential> {
    raw.0
        .into_iter()
        .filter_map(|(name, raw)| credential(name, raw, context))
        .map(|one| (one.name.clone(), one))
        .collect()
}

fn credential(name: Spot<Name>, raw: RawCredential, context: &mut Context<'_>) -> Option<Credential> {
    let reference = raw.value.strip_prefix("${").and_then(|text| text.strip_suffix('}'))?;
    let source = match reference.split_once(':')? {
        ("env", variable) => SecretSource::Env(variable.to_owned()),
        (_, path) => {
            let path = context.path(path);
            context.inputs.files.insert(path.clone());
            SecretSource::File(path)
        }
    };
    let (origin, _) = origin(&raw.origin, &raw.origin.span, context)?;
    let header: Option<HeaderName> = raw.header.and_then(|header| header.parse().ok());
    Some(Credential { name: name.value.0, source, origin, header, prefix: raw.prefix.map(|prefix| prefix.0) })
}

pub fn upstreams(
    raw: Named<RawUpstream>,
    credentials: &BTreeMap<String, Credential>,
    reply_heads: ReplyHeads,
    context: &mut Context<'_>,
) -> BTreeMap<String, Arc<Upstream>> {
    let upstreams = raw.0.into_iter().filter_map(|(name, raw)| upstream(name, raw, credentials, reply_heads, context));
    upstreams.map(|upstream| (upstream.name.clone(), Arc::new(upstream))).collect()
}

fn upstream(
    name: Spot<Name>,
    raw: RawUpstream,
    credentials: &BTreeMap<String, Credential>,
    reply_heads: ReplyHeads,
    context: &mut Context<'_>,
) -> Option<Upstream> {
    let (origin, base_path) = origin(&raw.url, &raw.url.span, context)?;
    if let Some(credential) = &raw.credential {
        check_credential(credential, &raw.url.span, &origin, credentials, context);
    }
    let protocol = protocol(&raw.protocols, &origin, &raw.url.span, context);
    let parts =
        TlsParts { ca_file: raw.ca_file, server_name: raw.server_name, client_certificate: raw.client_certificate };
    let tls = tls(parts, &origin, &raw.url.span, context);
    Some(Upstream {
        name: name.value.0,
        origin,
        base_path,
        credential: raw.credential.map(|name| name.value.0),
        connect_timeout: Duration::from_millis(raw.connect_timeout_ms),
        reply_timeout: Duration::from_millis(raw.reply_timeout_ms),
        idle_timeout: Duration::from_millis(raw.idle_timeout_ms),
        connections_max: raw.connections_max as usize,
        protocol,
        streams_max: raw.streams_max as usize,
        ca_file: tls.ca_file,
        server_name: tls.server_name,
        client_certificate: tls.client_certificate,
        reply_heads,
    })
}

/// What is written of TLS to an upstream or a provider.
pub(super) struct TlsParts {
    pub(super) ca_file: Option<Spot<FilePath>>,
    pub(super) server_name: Option<Spot<ServerNameText>>,
    pub(super) client_certificate: Option<Spot<RawClientCertificate>>,
}

/// The same once its files are there.
pub(super) struct TlsFiles {
    pub(super) ca_file: Option<PathBuf>,
    pub(super) server_name: Option<String>,
    pub(super) client_certificate: Option<ClientCertificate>,
}

pub(super) fn tls(parts: TlsParts, origin: &Origin, url: &Span, context: &mut Context<'_>) -> TlsFiles {
    let TlsParts { ca_file, server_name, client_certificate } = parts;
    if !origin.tls {
        let of_tls = [
            ("ca_file", ca_file.as_ref().map(|file| &file.span)),
            ("server_name", server_name.as_ref().map(|name| &name.span)),
            ("client_certificate", client_certificate.as_ref().map(|own| &own.span)),
        ];
        for (key, span) in of_tls.iter().filter_map(|(key, span)| Some((key, (*span)?))) {
            let message = format!("`{key}` speaks of TLS, and this upstream has none");
            let found = context.report.add(Mistake::Relation, span, message);
            found.also(url, "`http://` is clear text").help("let the `url` begin with `https://`, or remove it");
        }
    }
    TlsFiles {
        ca_file: ca_file.map(|file| context.file(&file, None, "put the certificate authorities there, as PEM")),
        server_name: server_name.map(|name| name.value.0),
        client_certificate: client_certificate.map(|own| own_certificate(own.value, context)),
    }
}

pub(super) fn protocol(
    names: &[Spot<RawUpstreamProtocol>],
    origin: &Origin,
    url: &Span,
    context: &mut Context<'_>,
) -> UpstreamProtocol {
    let has = |protocol| names.iter().any(|name| name.value == protocol);
    match (has(RawUpstreamProtocol::H2), has(RawUpstreamProtocol::Http11)) {
        (true, true) => {
            if let (false, Some(name)) = (origin.tls, names.first()) {
                let message = "in clear text nobody can choose between two protocols";
                let found = context.report.add(Mistake::Relation, &name.span, message);
                found
                    .also(url, "`http://` is clear text")
                    .help("leave the one that the upstream speaks, or use `https://`");
            }
            UpstreamProtocol::Either
        }
        (true, false) => UpstreamProtocol::Http2,
        (false, _) => UpstreamProtocol::Http1,
    }
}

fn own_certificate(raw: RawClientCertificate, context: &mut Context<'_>) -> ClientCertificate {
    ClientCertificate {
        certificate_file: context.file(&raw.certificate_file, None, "put the gateway's certificate there, as PEM"),
        key_file: context.file(&raw.key_file, None, "put the certificate's private key there, as PEM"),
    }
}

/// A secret goes to the origin that it is bound to, so an upstream elsewhere can never be sent it.
pub(super) fn check_credential(
    name: &Spot<Name>,
    url: &Span,
    origin: &Origin,
    credentials: &BTreeMap<String, Credential>,
    context: &mut Context<'_>,
) {
    let Some(credential) = declared(name, credentials, context) else { return };
    if credential.origin != *origin {
        let bound = credential.origin.to_uri_prefix();
        context
            .report
            .add(Mistake::Relation, &name.span, format!("credential `{}` is bound to another origin", name.0))
            .also(url, format!("this is `{}`", origin.to_uri_prefix()))
            .help(format!("it is only ever sent to `{bound}`: correct the `url` or the credential's `origin`, or use another credential"));
    }
}

/// None, and reported, when there is no such credential.
pub(super) fn declared<'a>(
    name: &Spot<Name>,
    credentials: &'a BTreeMap<String, Credential>,
    context: &mut Context<'_>,
) -> Option<&'a Credential> {
    let credential = credentials.get(&name.0);
    if credential.is_none() && !context.declared.credentials.contains(&name.0) {
        context.unknown("credential", name, &context.declared.credentials, "[credentials.NAME]");
    }
    credential
}

/// The origin, and the path without a final slash.
pub(super) fn origin(text: &str, span: &Span, context: &mut Context<'_>) -> Option<(Origin, String)> {
    let uri: Option<Uri> = text.parse().ok();
    let origin =
        uri.as_ref().and_then(|uri| Some((Origin::from_uri(uri)?, uri.path().trim_end_matches('/').to_owned())));
    if origin.is_none() {
        context.report.add(Mistake::Shape, span, "this is not a URL");
    }
    origin
}
