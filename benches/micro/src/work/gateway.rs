//! A gateway on one thread: all that it does for an exchange is counted, from reading the request to writing the answer.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, mpsc};

use anyhow::{Context, Result};
use sluicegate::config::{self, Config, GatewayKey, PathMatch, Route, RouteMatch, Texts};
use sluicegate::generation::{Foundation, Generation};
use sluicegate::listen::{Allowance, ClientInfo, Drain, Listener, Terms};
use sluicegate::runtime::{EngineOptions, Runtime as PluginRuntime};
use sluicegate::secrets::Redaction;
use sluicegate::server;
use sluicegate::telemetry::access_log::AccessLog;
use tokio::runtime::{Builder, Runtime};

use super::client::Client;
use super::config::{COMPACT_INSTANCES_MAX, COMPACT_MEMORY_BYTES, SIX, Setting};
use super::{Work, upstream};

/// One exchange after the other, over one connection.
pub struct Exchanges {
    runtime: Runtime,
    client: Client,
    /// Dropped, it would end the listener.
    _drain: Drain,
}

/// The same configuration built anew and put in the place of the one before, as after a change of something small.
pub struct Swaps {
    runtime: Runtime,
    foundation: Foundation,
    config: Config,
    generation: Option<Generation>,
}

impl Exchanges {
    pub fn of(data: &Path, setting: Setting) -> Result<Exchanges> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (tell, seen) = mpsc::channel();
        let upstream = upstream::start(Arc::new(setting.answer()), seen)?;
        let mut config = parse(data, &setting.text(upstream))?;
        more_routes(&mut config, setting.routes)?;
        config.keys.extend(keys(setting.keys));
        let (client, drain) = runtime.block_on(async {
            let mut foundation = foundation(&config)?;
            if setting.compact {
                foundation.runtime = compact(&config)?;
            }
            let generation = foundation.build(&config, 1).await?.generation;
            let listener = config.listeners.first().context("the configuration has no listener")?;
            let listener = Listener::bind(listener.address, Terms::new(listener, &config.limits)?)?;
            let client = Client::start(listener.address(), setting.requests(), tell, setting.streams);
            let (drain, watch) = Drain::new();
            let allowance = Allowance::new(&config.limits, foundation.metrics.clone());
            // Without workers, connections are served on this event loop.
            tokio::spawn(listener.serve(Arc::default(), allowance, watch, move |request, client: ClientInfo| {
                generation.serve(request, client.connection)
            }));
            anyhow::Ok((client, drain))
        })?;
        Ok(Exchanges { runtime, client, _drain: drain })
    }
}

impl Work for Exchanges {
    fn run(&mut self, times: usize) -> Result<()> {
        self.runtime.block_on(self.client.ask(times))
    }
}

impl Swaps {
    pub fn prepare(data: &Path) -> Result<Swaps> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        // Nobody connects to it.
        let config = parse(data, &Setting::chain(SIX, "pooled").text(([127, 0, 0, 1], 9).into()))?;
        let foundation = runtime.block_on(async { foundation(&config) })?;
        Ok(Swaps { runtime, foundation, config, generation: None })
    }
}

impl Work for Swaps {
    fn run(&mut self, times: usize) -> Result<()> {
        for number in 0..times {
            let built = self.runtime.block_on(self.foundation.build(&self.config, number as u64))?;
            self.generation = Some(built.generation);
        }
        Ok(())
    }
}

fn parse(data: &Path, text: &str) -> Result<Config> {
    let folder = data.join("data");
    std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    Ok(config::parse(&Texts::of(&data.join("sluicegate.toml"), text.to_owned())?)?)
}

fn foundation(config: &Config) -> Result<Foundation> {
    let log = AccessLog::open(&config.access_log, Arc::new(|text| text.into()))?;
    Ok(server::foundation(config, Redaction::new(), log)?)
}

/// Its instances take little address space.
fn compact(config: &Config) -> Result<PluginRuntime> {
    PluginRuntime::new(EngineOptions {
        instances_max: COMPACT_INSTANCES_MAX,
        memory_bytes_max: COMPACT_MEMORY_BYTES,
        memory_address_bytes: Some(COMPACT_MEMORY_BYTES),
        cache_dir: Some(config.data_dir.join("code")),
        ..EngineOptions::default()
    })
}

/// Beside the first. They are not read from the file, for that would take longer than all that is counted.
fn more_routes(config: &mut Config, count: usize) -> Result<()> {
    let first = config.routes.first().context("the configuration has no route")?.clone();
    config.routes.extend((1..count).map(|number| Arc::new(route(&first, number))));
    Ok(())
}

pub fn route(like: &Route, number: usize) -> Route {
    let path = PathMatch::Prefix(format!("/v1/things-{number:05}"));
    Route { name: format!("route-{number}"), matcher: RouteMatch { path, ..like.matcher.clone() }, ..like.clone() }
}

/// Of which nobody knows more than the hash.
pub fn keys(count: usize) -> BTreeMap<String, GatewayKey> {
    let key = |number: usize| {
        let id = format!("{number:012}");
        let consumer = format!("consumer-{number}");
        (id.clone(), GatewayKey { id, sha256: [0; 32], consumer, scopes: Vec::new(), expires: None, revoked: false })
    };
    (0..count).map(key).collect()
}
