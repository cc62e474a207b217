//! Our own: the six bundled policies as an operator would configure them, or the first so many of them.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;

use super::Program;
use crate::chat::MODELS;
use crate::ground::Ground;

/// All that a chain can have.
pub const PLUGINS: usize = SIX.len();

/// With so many plugins, addresses in answers are masked.
pub const MASKING: usize = 5;

/// With so many plugins there is a choice of upstreams.
const ROUTING: usize = 4;

/// Name and config of each, in their order.
const SIX: [(&str, &str); 6] = [
    ("api-key", "{}"),
    ("rate-limit", r#"{ limits = [{ name = "requests", requests = 1000000000, window_ms = 60000, by = "key" }] }"#),
    (
        "headers",
        r#"{ request = [{ set = "x-served-for", value = "${identity.consumer}" }, { remove = "x-debug" }],
             reply = [{ set = "x-served-for", value = "${identity.consumer}" }, { remove = "server" }] }"#,
    ),
    (
        "router",
        r#"{ strategy = "weighted", targets = [{ upstream = "service", weight = 90 }, { upstream = "second", weight = 10 }] }"#,
    ),
    ("redact", r#"{ bodies = ["reply"], kinds = ["email", "card"] }"#),
    // Per MiB what is 2 nano-USD per byte.
    ("meter", "{ prices = [{ request = 1000, reply_mib = 2097152 }] }"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    Pooled,
    Request,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain {
    /// The first so many of the six.
    pub plugins: usize,
    pub isolation: Isolation,
    /// The route is one of models, and the model provider serves them.
    pub models: bool,
}

impl Chain {
    pub const fn new(plugins: usize, isolation: Isolation) -> Chain {
        Chain { plugins, isolation, models: false }
    }

    pub(super) fn name(self) -> String {
        match (self.plugins, self.isolation) {
            (0, _) => "Sluicegate without plugins".to_owned(),
            (plugins, Isolation::Pooled) => format!("Sluicegate, {plugins} pooled"),
            (plugins, Isolation::Request) => format!("Sluicegate, {plugins} with an instance for each request"),
        }
    }
}

pub(super) fn prepare(ground: &Ground, folder: &Path, address: SocketAddr, chain: Chain) -> Result<Program> {
    fs::write(folder.join("sluicegate.toml"), config(ground, folder, address, chain)?)?;
    let arguments = ["run", "-c", "sluicegate.toml"].map(Into::into);
    Ok(Program { path: ground.gateway.clone(), arguments: arguments.into(), environment: Vec::new() })
}

fn config(ground: &Ground, folder: &Path, address: SocketAddr, chain: Chain) -> Result<String> {
    let mut text = format!("data_dir = \"data\"\naccess_log = \"off\"\n\n[[listen]]\naddress = \"{address}\"\n");
    let upstreams: &[&str] = if chain.plugins < ROUTING { &["service"] } else { &["service", "second"] };
    text += &match chain.models {
        false => services(ground, upstreams),
        true => models(ground, folder, upstreams)?,
    };
    let isolation = match chain.isolation {
        Isolation::Pooled => "pooled",
        Isolation::Request => "request",
    };
    for (number, (plugin, config)) in SIX.iter().take(chain.plugins).enumerate() {
        text += &format!(
            "\n[[chains.bench]]\nname = \"entry-{number}\"\nplugin = \"{plugin}\"\nisolation = \"{isolation}\"\nconfig = {config}\n"
        );
    }
    text += "\n[[routes]]\nname = \"bench\"\n";
    text += &match chain.models {
        false => format!("upstreams = {upstreams:?}\n"),
        true => "models = [\"*\"]\n".to_owned(),
    };
    if chain.plugins > 0 {
        text += "chain = \"bench\"\n";
    }
    for key in &ground.keys {
        text += &format!("\n{}", key.entry);
    }
    Ok(text)
}

fn services(ground: &Ground, names: &[&str]) -> String {
    let url = ground.service.address;
    names.iter().map(|name| format!("\n[upstreams.{name}]\nurl = \"http://{url}\"\n")).collect()
}

/// All of the provider's models, each at providers of these names.
fn models(ground: &Ground, folder: &Path, providers: &[&str]) -> Result<String> {
    let models = ground.models()?;
    let url = format!("http://{}", models.server.address);
    fs::write(folder.join("provider.key"), &models.key)?;
    let mut text = format!("\n[credentials.models]\nvalue = \"${{file:provider.key}}\"\norigin = \"{url}\"\n");
    for name in providers {
        text += &format!("\n[providers.{name}]\nkind = \"openai\"\nurl = \"{url}/v1\"\ncredentials = [\"models\"]\n");
    }
    for (model, own_name) in MODELS {
        let target = |provider: &&str| format!("{{ provider = {provider:?}, model = {own_name:?} }}");
        let targets: Vec<String> = providers.iter().map(target).collect();
        text += &format!("\n[models.{model:?}]\ntargets = [{}]\n", targets.join(", "));
    }
    Ok(text)
}
