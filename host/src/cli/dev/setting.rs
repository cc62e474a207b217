//! What the plugin runs in: a configuration that is made for it, or one that is given.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use sluicegate_runtime::Inspection;

use super::exchanges::{self, Exchanges};
use super::generated::{Plan, table, text};
use super::{Options, echo};
use crate::cli::demo::listen_address;
use crate::cli::plugin::build::Package;
use crate::cli::plugin::new::name::in_configuration;
use crate::cli::shell::quoted;
use crate::config::{self, PluginSource, Texts, Url};
use crate::plugin_source::write_beside;
use crate::state::keys::{self, NewKey};

/// In the crate's folder: the configuration, the component, and what the gateway keeps.
const DATA_DIR: &str = "target/sluicegate-dev";
/// Built-in services; the second one is for a plugin that chooses among several.
const ECHOES: [&str; 2] = ["echo", "echo-2"];
/// The phase that chooses.
const CHOOSING_PHASE: &str = "route";

/// Where the configuration and the component are.
pub(super) struct Setting {
    config_file: PathBuf,
    component: PathBuf,
    /// None where the configuration is given.
    made: Option<Made>,
}

struct Made {
    listen: SocketAddr,
    admin: SocketAddr,
    /// Names and URLs.
    upstreams: Vec<(&'static str, String)>,
    /// Gateway keys of this run, by the name that exchanges.toml gives them.
    keys: BTreeMap<String, NewKey>,
}

impl Setting {
    pub(super) async fn new(options: &Options, package: &Package) -> anyhow::Result<Setting> {
        if let Some(file) = &options.config {
            Texts::read(file)?;
            return Ok(Setting { config_file: file.clone(), component: package.output(), made: None });
        }
        let folder = package.folder.join(DATA_DIR);
        std::fs::create_dir_all(&folder).with_context(|| format!("the folder {} cannot be made", folder.display()))?;
        let mut upstreams = Vec::new();
        match &options.upstream {
            Some(url) if Url::parse(url).is_none() => {
                bail!("`--upstream` must be a URL such as `http://127.0.0.1:3000`")
            }
            Some(url) => upstreams.push(("upstream", url.clone())),
            None => {
                for name in ECHOES {
                    let address = echo::start(name).await.context("the service that answers cannot be started")?;
                    upstreams.push((name, format!("http://{address}")));
                }
            }
        }
        Ok(Setting {
            config_file: folder.join("sluicegate.toml"),
            component: folder.join(format!("{}.wasm", package.name)),
            made: Some(Made {
                listen: listen_address(options.port),
                admin: free_address()?,
                upstreams,
                keys: BTreeMap::new(),
            }),
        })
    }

    /// Puts a new component where the configuration finds it. Whether the configuration has become another one.
    pub(super) fn prepare(
        &mut self,
        package: &Package,
        component: &[u8],
        inspection: &Inspection,
    ) -> anyhow::Result<bool> {
        let text = match &mut self.made {
            Some(made) => Some(made.text(package, &self.component, inspection)?),
            None => None,
        };
        let write = |path: &Path, bytes: &[u8]| {
            write_beside(path, bytes, 0o644).with_context(|| format!("{} cannot be written", path.display()))
        };
        write(&self.component, component)?;
        match text {
            Some(text) if std::fs::read_to_string(&self.config_file).ok().as_ref() != Some(&text) => {
                write(&self.config_file, text.as_bytes())?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// The configuration's texts, once its plugin is there.
    ///
    /// # Errors
    /// Also if it has nothing to do with the plugin.
    pub(super) fn texts(&self) -> anyhow::Result<Texts> {
        let texts = Texts::read(&self.config_file)?;
        let config = config::parse(&texts)?;
        let is_ours =
            |plugin: &PluginSource| matches!(plugin, PluginSource::File { path, .. } if self.is_component(path));
        if !config.plugins.values().any(is_ours) {
            bail!(
                "{} has no plugin with the file {}: declare it under `plugins`, or leave `--config` out",
                self.config_file.display(),
                self.component.display()
            );
        }
        std::fs::create_dir_all(&config.data_dir)
            .with_context(|| format!("cannot make the data directory {}", config.data_dir.display()))?;
        Ok(texts)
    }

    fn is_component(&self, path: &Path) -> bool {
        let folder = |path: &Path| std::path::absolute(path).ok().and_then(|path| path.parent()?.canonicalize().ok());
        path.file_name() == self.component.file_name() && folder(path) == folder(&self.component)
    }

    /// A request to paste.
    pub(super) fn curl(&self, package: &Package, address: SocketAddr) -> String {
        let keys = self.made.iter().flat_map(|made| &made.keys);
        let keys = keys.map(|(name, key)| (name.clone(), key.key.to_string())).collect();
        // What is wrong with the file has been said.
        Exchanges::read(&package.folder).unwrap_or_default().curl(address, &keys)
    }

    /// What is behind the plugin, in words that go on with a sentence.
    pub(super) fn behind(&self) -> String {
        match self.made.as_ref().and_then(|made| made.upstreams.first()) {
            None => format!("as {} says", self.config_file.display()),
            Some((name, _)) if ECHOES.contains(name) => {
                "and behind it is a service that answers with what it has received".to_owned()
            }
            Some((_, url)) => format!("and {url} is behind it"),
        }
    }

    /// What may mend a refusal besides the crate.
    pub(super) fn sources(&self) -> Vec<PathBuf> {
        if self.is_made() { Vec::new() } else { vec![self.config_file.clone()] }
    }

    /// Whether the configuration comes from the crate.
    pub(super) fn is_made(&self) -> bool {
        self.made.is_some()
    }

    /// Where to mend what the gateway finds wrong in a configuration that was made; a line, or nothing.
    pub(super) fn origin(&self) -> &'static str {
        match self.made {
            Some(_) => "note: what the entry of the plugin is told comes from exchanges.toml\n",
            None => "",
        }
    }

    /// What else is to be known.
    pub(super) fn note(&self) -> String {
        match self.made {
            Some(_) => format!(
                "What it does with a request, step by step: sluicegate trace -c {}\n",
                quoted(&self.config_file.display().to_string())
            ),
            None => format!(
                "{} is now built for this; `sluicegate plugin build` makes the small one again.\n",
                self.component.display()
            ),
        }
    }
}

/// In the configuration and not only in the log, so that other commands find it.
fn free_address() -> anyhow::Result<SocketAddr> {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    free.context("no port is free for the admin listener")
}

impl Made {
    fn text(&mut self, package: &Package, component: &Path, inspection: &Inspection) -> anyhow::Result<String> {
        let chooses = inspection.phases.iter().any(|phase| phase.as_str() == CHOOSING_PHASE);
        let exchanges = Exchanges::read(&package.folder)?;
        let keys = exchanges.keys.iter().map(|key| self.key(key)).collect::<anyhow::Result<_>>()?;
        let plan = Plan {
            listen: self.listen,
            admin: self.admin,
            upstreams: if chooses { &self.upstreams } else { self.upstreams.get(..1).unwrap_or_default() },
            chooses,
            plugin: &in_configuration(&package.name),
            file: &component.file_name().unwrap_or_default().to_string_lossy(),
            grants: inspection.grants.iter().cloned().collect(),
            keys,
            exchanges: &exchanges,
        };
        plan.text().context("exchanges.toml cannot become a configuration")
    }

    /// The table of a key, which is made when it is first wanted.
    fn key(&mut self, wanted: &exchanges::Key) -> anyhow::Result<toml::Table> {
        if !self.keys.contains_key(&wanted.name) {
            let key = keys::generate().map_err(|_| anyhow::anyhow!("the system gives no random bytes"))?;
            self.keys.insert(wanted.name.clone(), key);
        }
        let known = self.keys.get(&wanted.name).context("the key was made")?;
        Ok(table([
            ("id", text(&known.id)),
            ("hash", text(&known.stored())),
            ("consumer", text(&wanted.consumer)),
            ("scopes", toml::Value::Array(wanted.scopes.iter().map(|scope| text(scope)).collect())),
            ("revoked", toml::Value::Boolean(wanted.revoked)),
        ]))
    }
}
