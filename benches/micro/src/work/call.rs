//! One call of a plugin with the runtime alone: into a warm instance, or into one that is made from its image for the call.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use serde_json::json;
use sluicegate::bundled;
use sluicegate::clock::SystemClock;
use sluicegate::config;
use sluicegate::generation::self_test::{Bench, fresh};
use sluicegate::runtime::{
    BreakerPolicy, Call, EngineOptions, Entry, EntryOptions, Exchange, Held, Isolation, OnError, PluginLimits,
    PluginSpec, Runtime, Verdict, Version,
};

use super::Work;
use super::config::INSTANCES_MAX;

/// It reads one field and sets one.
const PLUGIN: &str = "headers";
const EXCHANGE: &str =
    "[[exchanges]]\nname = \"one\"\nrequest.headers = { accept = \"*/*\", user-agent = \"bench\" }\n";

pub struct Calls {
    event_loop: tokio::runtime::Runtime,
    /// The instances' engine and its threads.
    _runtime: Runtime,
    entry: Entry,
    exchange: Arc<Exchange>,
}

impl Calls {
    pub fn prepare(data: &Path, isolation: &str) -> Result<Calls> {
        let event_loop = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let code = data.join("code");
        std::fs::create_dir_all(&code).with_context(|| format!("{} cannot be made", code.display()))?;
        let options = EngineOptions { instances_max: INSTANCES_MAX, cache_dir: Some(code), ..EngineOptions::default() };
        let runtime = Runtime::new(options)?;
        let spec = PluginSpec {
            entry: "bench".into(),
            version: Version::Stable,
            wasm: Bytes::from_static(bundled::bundled(PLUGIN).context("the plugin is not bundled")?),
            config: json!({ "request": [{ "set": "x-agent", "value": "${request.header.user-agent}" }] }),
            grants: BTreeSet::from(["identity".to_owned()]),
            isolation: if isolation == "request" { Isolation::Request } else { Isolation::Pooled },
            limits: PluginLimits::default(),
        };
        let plugin = event_loop.block_on(runtime.load(spec))?;
        let exchanges = config::parse_exchanges(Path::new("exchanges.toml"), EXCHANGE.to_owned())?;
        let trial = exchanges.trials.first().context("there is one exchange")?;
        let bench = Bench::new([], Arc::new(SystemClock::new()));
        let (exchange, _) = bench.begin(&trial.exchange, "bench").map_err(anyhow::Error::msg)?;
        let options =
            EntryOptions { on_error: OnError::Deny, breaker: BreakerPolicy::default(), piece_bytes_max: 1 << 20 };
        let entry = fresh("bench", &plugin, &options);
        Ok(Calls { event_loop, _runtime: runtime, entry, exchange })
    }
}

impl Work for Calls {
    fn run(&mut self, times: usize) -> Result<()> {
        self.event_loop.block_on(async {
            for _ in 0..times {
                let mut held = Held::default();
                let verdict = self.entry.call(&mut held, &self.exchange, 0, &Call::Head).await;
                let verdict = verdict.map_err(|failure| anyhow::anyhow!("{failure}"))?;
                ensure!(verdict == Verdict::Proceed, "the plugin refuses: {verdict:?}");
            }
            Ok(())
        })
    }
}
