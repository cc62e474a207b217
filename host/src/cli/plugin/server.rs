//! The options that say how a command and a server prove to each other who they are.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::config::{self, Access, Origin, PluginSource, RemotePlace, SecretSource, Texts, Url};
use crate::plugin_source::{Client, Patience};
use crate::secrets::{Credentials, Secret};
use crate::upstream::Tls;

/// Where the credential is looked for if no file is named.
const VARIABLE: &str = "SLUICEGATE_CREDENTIAL";

/// The plugin's name in a configuration that is made up to read a place.
pub(super) const PLACE_TABLE: &str = "plugin";

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Server {
    /// A file with `user:password`, or with a token. Without it, the environment variable SLUICEGATE_CREDENTIAL is read.
    #[arg(long, value_name = "FILE")]
    credential_file: Option<PathBuf>,
    /// The only place where the credential is sent, such as `https://auth.example.com`; the server's own unless given.
    #[arg(long, value_name = "URL")]
    credential_origin: Option<String>,
    /// A PEM file with the certificate authorities to trust instead of the system's.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

/// Everything that a client is made of.
pub(super) struct Ready {
    pub access: Access,
    credentials: Credentials,
    tls: Tls,
    patience: Patience,
}

impl Ready {
    pub(super) fn client(&self) -> Client<'_> {
        let Ready { access, credentials, tls, patience } = self;
        Client { tls, credentials, access, patience }
    }
}

impl Server {
    /// Read by the code that reads it in a configuration, so that the two cannot differ.
    pub(super) fn place(&self, text: &str) -> anyhow::Result<RemotePlace> {
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let key = if text.contains("://") { "url" } else { "oci" };
        let mut file = format!(
            "[[listen]]\naddress = \"127.0.0.1:0\"\n[plugins.{PLACE_TABLE}]\n{key} = {}\nsha256 = \"{}\"\n",
            quoted(text),
            "0".repeat(64)
        );
        if let Some(ca_file) = &self.ca_file {
            file.push_str(&format!("ca_file = {}\n", quoted(&ca_file.display().to_string())));
        }
        match Texts::of(Path::new(""), file).and_then(|texts| config::parse(&texts)) {
            Ok(config) => match config.plugins.get(PLACE_TABLE) {
                Some(PluginSource::Remote(plugin)) => Ok(plugin.place.clone()),
                _ => bail!("`{text}` is no place of a plugin"),
            },
            Err(refused) => {
                let sentences: Vec<&str> = refused.items.iter().map(|item| item.message.as_str()).collect();
                bail!("{}", sentences.join("; "))
            }
        }
    }

    pub(super) fn ready(&self, origin: &Origin, patience: Patience) -> anyhow::Result<Ready> {
        let (credentials, credential) = match self.secret()? {
            Some((name, secret)) => {
                let (prefix, secret) = in_a_field(secret, &name)?;
                let origin = self.origin(origin)?;
                (Credentials::one(&name, secret, origin, prefix)?, Some(name))
            }
            None if self.credential_origin.is_some() => {
                bail!("there is no credential to bind: name a file as `--credential-file`, or set {VARIABLE}")
            }
            None => (Credentials::default(), None),
        };
        let access = Access { credential, ca_file: self.ca_file.clone() };
        Ok(Ready { access, credentials, tls: Tls::new(), patience })
    }

    fn secret(&self) -> anyhow::Result<Option<(String, Secret)>> {
        let (name, source) = match &self.credential_file {
            Some(path) => ("--credential-file".to_owned(), SecretSource::File(path.clone())),
            None if std::env::var_os(VARIABLE).is_some() => {
                (VARIABLE.to_owned(), SecretSource::Env(VARIABLE.to_owned()))
            }
            None => return Ok(None),
        };
        Ok(Some((name, Secret::read(&source)?)))
    }

    fn origin(&self, of_server: &Origin) -> anyhow::Result<Origin> {
        let Some(text) = &self.credential_origin else { return Ok(of_server.clone()) };
        let url = Url::parse(text).filter(Url::is_private);
        let url = url
            .context("`--credential-origin` must be `https://` and a host; `http://` is for loopback addresses only")?;
        Ok(url.origin)
    }
}

/// `user:password` becomes what the scheme Basic sends (RFC 7617); anything else is a token (RFC 6750).
fn in_a_field(secret: Secret, name: &str) -> anyhow::Result<(&'static str, Secret)> {
    if !secret.expose().contains(&b':') {
        return Ok(("Bearer ", secret));
    }
    let encoded = Zeroizing::new(STANDARD.encode(secret.expose()));
    Ok(("Basic ", Secret::new(encoded.as_bytes().to_vec(), name)?))
}
