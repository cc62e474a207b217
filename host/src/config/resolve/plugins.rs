//! Plugins: where each comes from, its pin, and whose signature is trusted.

use std::collections::BTreeMap;

use super::{Context, upstreams};
use crate::config::bundled::BUNDLED;
use crate::config::diagnostic::Mistake;
use crate::config::model::{
    Access, Credential, OciReference, PluginSource, RemotePlace, RemotePlugin, Trust, TrustedKey, Url, digest_from_hex,
    signature_path,
};
use crate::config::raw::plugin::{RawPlugin, RawTrust};
use crate::config::raw::spot::{Span, Spot};
use crate::config::raw::text::{FilePath, Name, OciText, PluginUrlText};

type Credentials = BTreeMap<String, Credential>;

pub fn plugins(
    raw: Vec<(Spot<Name>, RawPlugin)>,
    credentials: &Credentials,
    context: &mut Context<'_>,
) -> BTreeMap<String, PluginSource> {
    let bundled = BUNDLED.iter().map(|plugin| (plugin.name.to_owned(), PluginSource::Bundled(plugin.name)));
    let mut plugins: BTreeMap<String, PluginSource> = bundled.collect();
    for (name, plugin) in raw {
        if let Some(source) = source(&name, plugin, credentials, context) {
            plugins.insert(name.value.0, source);
        }
    }
    plugins
}

pub fn trust(raw: RawTrust, context: &mut Context<'_>) -> Trust {
    let mut keys: Vec<(TrustedKey, Span)> = Vec::new();
    for text in &raw.keys {
        let Some(key) = TrustedKey::parse(text) else {
            context.report.add(Mistake::Shape, &text.span, "this is not a public key");
            continue;
        };
        if let Some((_, first)) = keys.iter().find(|(known, _)| *known == key) {
            let found = context.report.add(Mistake::Relation, &text.span, "this key stands here twice");
            found.also(first, "first here").help("remove one of them");
            continue;
        }
        keys.push((key, text.span.clone()));
    }
    if *raw.require_signed && raw.keys.is_empty() {
        let message = "plugins must be signed, and no key is trusted";
        context
            .report
            .add(Mistake::Relation, &raw.require_signed.span, message)
            .help("add `keys` with the public keys of those who sign; `sluicegate plugin key new` makes one");
    }
    Trust { keys: keys.into_iter().map(|(key, _)| key).collect(), require_signed: *raw.require_signed }
}

/// None: reported.
fn source(
    name: &Spot<Name>,
    raw: RawPlugin,
    credentials: &Credentials,
    context: &mut Context<'_>,
) -> Option<PluginSource> {
    let given: Vec<(&str, &Span)> = [
        raw.file.as_ref().map(|text| ("file", &text.span)),
        raw.url.as_ref().map(|text| ("url", &text.span)),
        raw.oci.as_ref().map(|text| ("oci", &text.span)),
    ]
    .into_iter()
    .flatten()
    .collect();
    if let [(first, first_span), (second, second_span), ..] = given[..] {
        let message = format!("a plugin has one place, and this one has `{first}` and `{second}`");
        context.report.add(Mistake::Relation, second_span, message).also(first_span, "first here").help("remove one");
        return None;
    }
    let sha256 = raw.sha256.as_deref().and_then(digest_from_hex);
    match raw {
        RawPlugin { file: Some(file), signature, credential, ca_file, .. } => {
            let credential = credential.map(|text| ("credential", text.span));
            for (key, span) in credential.into_iter().chain(ca_file.map(|text| ("ca_file", text.span))) {
                context
                    .report
                    .add(Mistake::Relation, &span, format!("`{key}` is for plugins with `url` or `oci`"))
                    .help("remove it: a file is read without");
            }
            let stand_in = context.texts.plugin_files.get(&name.0).cloned();
            let path = context.file(&file, stand_in.as_ref(), "build the plugin first, or correct the path");
            // A plugin of the past has its signature beside it.
            let signature_in = stand_in.as_deref().map(signature_path);
            let help = "sign the plugin with `sluicegate plugin sign`";
            let signature = signature.map(|file| context.file(&file, signature_in.as_ref(), help));
            if signature.is_none() {
                let beside = signature_path(&context.path(&file));
                context.inputs.files.insert(beside);
            }
            Some(PluginSource::File { path, sha256, signature })
        }
        RawPlugin { url: Some(url), signature, credential, ca_file, .. } => {
            let place = url_place(&url, signature, credential.as_ref(), credentials, context);
            remote(name, place, sha256, &url.span, credential, ca_file, context)
        }
        RawPlugin { oci: Some(oci), signature, credential, ca_file, .. } => {
            if let Some(signature) = signature {
                context
                    .report
                    .add(Mistake::Relation, &signature.span, "`signature` is for plugins with `file` or `url`")
                    .help("remove it: `sluicegate plugin push` puts the signature into the artifact");
            }
            if let Some(credential) = &credential {
                // Which origin it must have is known once the registry says where its tokens come from.
                upstreams::declared(credential, credentials, context);
            }
            let place = oci_place(&oci, ca_file.is_some(), context);
            remote(name, place, sha256, &oci.span, credential, ca_file, context)
        }
        // A place that has a mistake of its own has been reported.
        _ if ["file", "url", "oci"].iter().any(|key| has(context, name, key)) => None,
        _ => {
            let message = format!("plugin `{}` comes from nowhere", name.0);
            context
                .report
                .add(Mistake::Relation, &name.span, message)
                .help("add `file` and a path, `url` and a URL, or `oci` and a reference to a registry");
            None
        }
    }
}

/// Whether the plugin's table has this key, be it with a mistake.
fn has(context: &Context<'_>, plugin: &Spot<Name>, key: &str) -> bool {
    context.declared.plugin_keys.contains(&format!("{}.{key}", plugin.0))
}

fn remote(
    name: &Spot<Name>,
    place: Option<RemotePlace>,
    sha256: Option<[u8; 32]>,
    span: &Span,
    credential: Option<Spot<Name>>,
    ca_file: Option<Spot<FilePath>>,
    context: &mut Context<'_>,
) -> Option<PluginSource> {
    let ca_file = ca_file.map(|file| context.file(&file, None, "put the certificate authorities there, as PEM"));
    if sha256.is_none() && !has(context, name, "sha256") {
        context
            .report
            .add(Mistake::Relation, span, "a plugin from a server needs its `sha256`")
            .help("`sluicegate plugin pull` fetches it and prints the line; look at what it fetched before you pin it");
    }
    let access = Access { credential: credential.map(|name| name.value.0), ca_file };
    Some(PluginSource::Remote(RemotePlugin { place: place?, sha256: sha256?, access }))
}

fn url_place(
    text: &Spot<PluginUrlText>,
    signature: Option<Spot<FilePath>>,
    credential: Option<&Spot<Name>>,
    credentials: &Credentials,
    context: &mut Context<'_>,
) -> Option<RemotePlace> {
    let url = Url::parse(text);
    if url.is_none() {
        context.report.add(Mistake::Shape, &text.span, "this is not a URL");
    }
    let url = url?;
    if let Some(credential) = credential {
        upstreams::check_credential(credential, &text.span, &url.origin, credentials, context);
    }
    let signature = match signature {
        Some(text) => {
            let parsed = Url::parse(&text).filter(Url::is_private);
            if parsed.is_none() {
                let message = "the signature of a plugin with `url` has a URL, too";
                context
                    .report
                    .add(Mistake::Relation, &text.span, message)
                    .help("write `https://`, a host and a path; `http://` is for loopback addresses only");
            }
            Some(parsed?)
        }
        None => None,
    };
    Some(RemotePlace::Url { url, signature })
}

fn oci_place(text: &Spot<OciText>, tls_on_loopback: bool, context: &mut Context<'_>) -> Option<RemotePlace> {
    let reference = OciReference::parse(text, tls_on_loopback);
    if reference.is_none() {
        context.report.add(Mistake::Shape, &text.span, "this is not a reference to a registry");
    }
    reference.map(RemotePlace::Oci)
}
