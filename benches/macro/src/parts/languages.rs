//! The example plugins in JavaScript and Python, where they have been built: size, compilation, memory, and time of a call.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use sluicegate_runtime::{
    BreakerPolicy, Call, EngineOptions, Entry, EntryOptions, Exchange, Held, Isolation, OnError, Plugin, PluginLimits,
    PluginSpec, Runtime, Verdict, Version,
};

use super::calls;
use crate::process;
use crate::samples::Samples;
use crate::section::{Section, Table};

/// Fresh instances that are made to see what one costs.
const INSTANCES: u32 = 10;
const SAMPLES: usize = 50;
const CALLS_PER_SAMPLE: u32 = 20;
/// As much as the example in JavaScript allows.
const MEMORY_BYTES_MAX: u64 = 64 << 20;

struct Example {
    name: &'static str,
    /// Below cargo's output folder, where the tests have put it.
    file: &'static str,
    config: Value,
    call: Call,
}

pub fn measure(target: &Path) -> Result<Section> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measure_all(target))
}

async fn measure_all(target: &Path) -> Result<Section> {
    let mut section = Section::new("languages", "Plugins in JavaScript and Python");
    let mut table = Table::of_figures();
    for example in examples() {
        match fs::read(target.join(example.file)) {
            Ok(wasm) => example.measure(&mut table, wasm.into()).await.with_context(|| example.name.to_owned())?,
            Err(_) => section.notes.push(format!(
                "{} is not measured, for it is not built; `cargo test -p sluicegate-tests --test languages` builds it.",
                example.name
            )),
        }
    }
    section.tables.push(table);
    Ok(section)
}

fn examples() -> [Example; 2] {
    let rules = json!({
        "rules": { "limit": { "pattern": "[1-9][0-9]{0,2}" }, "sort": { "pattern": "name|date" } },
    });
    let body = json!({ "order": 7, "buyer": { "name": "A. Customer", "card": "4111 1111 1111 1111" }, "note": "x".repeat(900) });
    let body = Call::Body { bytes: body.to_string().into(), end: true };
    [
        Example {
            name: "query-rules, JavaScript",
            file: "languages/javascript/query-rules.wasm",
            config: rules,
            call: Call::Head,
        },
        Example {
            name: "mask-json, Python, a body of 1 KiB",
            file: "languages/python/mask-json.wasm",
            config: json!({ "members": ["card"] }),
            call: body,
        },
    ]
}

impl Example {
    async fn measure(&self, table: &mut Table, wasm: Bytes) -> Result<()> {
        table.add_one(format!("{}: component", self.name), "MiB", mebibytes(wasm.len() as u64));
        for isolation in [Isolation::Pooled, Isolation::Request] {
            self.measure_isolated(table, &wasm, isolation).await?;
        }
        Ok(())
    }

    async fn measure_isolated(&self, table: &mut Table, wasm: &Bytes, isolation: Isolation) -> Result<()> {
        let figure = |what: &str| format!("{}, {}: {what}", self.name, isolation.as_str());
        let folder = tempfile::tempdir()?;
        let code = folder.path().join("code");
        let options =
            || EngineOptions { instances_max: 100, cache_dir: Some(code.clone()), ..EngineOptions::default() };
        // It gives way to all else that runs, so the clock says little on a machine that is busy.
        let before = process::cpu_time(std::process::id())?;
        drop(self.load(&Runtime::new(options())?, wasm, isolation).await?);
        let used = process::cpu_time(std::process::id())?.saturating_sub(before);
        table.add_one(figure("first load, compiled"), "s of CPU", used.as_secs_f64());
        let runtime = Runtime::new(options())?;
        let began = Instant::now();
        drop(self.load(&runtime, wasm, isolation).await?);
        table.add_one(figure("load with its code cached"), "ms", began.elapsed().as_secs_f64() * 1e3);
        let code_bytes: u64 = fs::read_dir(&code)?.map(|file| Ok(file?.metadata()?.len())).sum::<Result<u64>>()?;
        table.add_one(figure("compiled code on disk"), "MiB", mebibytes(code_bytes));
        let runtime = Runtime::new(options())?;
        let plugin = self.load(&runtime, wasm, isolation).await?;
        let exchange = Arc::new(self.exchange()?);
        if isolation == Isolation::Pooled {
            self.instances(table, &plugin, &exchange).await?;
        }
        let entry = entry(plugin);
        self.call(&entry, &exchange).await?;
        let mut samples = Vec::with_capacity(SAMPLES);
        for _ in 0..SAMPLES {
            let began = Instant::now();
            for _ in 0..CALLS_PER_SAMPLE {
                self.call(&entry, &exchange).await?;
            }
            samples.push(began.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS_PER_SAMPLE));
        }
        table.add(figure("one call"), "µs", &Samples::of(samples).context("no call was timed")?);
        Ok(())
    }

    /// Each of its own pool, so that each call needs a new one.
    async fn instances(&self, table: &mut Table, plugin: &Arc<Plugin>, exchange: &Arc<Exchange>) -> Result<()> {
        let before = process::memory(std::process::id())?.anonymous_kib;
        let mut entries = Vec::new();
        let mut first_calls = Vec::new();
        for _ in 0..INSTANCES {
            let entry = entry(Arc::new(plugin.apart()));
            let began = Instant::now();
            self.call(&entry, exchange).await?;
            first_calls.push(began.elapsed().as_secs_f64() * 1e3);
            entries.push(entry);
        }
        let grown = process::memory(std::process::id())?.anonymous_kib.saturating_sub(before);
        let first_calls = Samples::of(first_calls).context("no instance was made")?;
        let what = format!("{}, pooled: a new instance, with `configure` and its first call", self.name);
        table.add(what, "ms", &first_calls);
        let each = mebibytes(grown * 1024) / f64::from(INSTANCES);
        table.add_one(format!("{}, pooled: memory of one warm instance", self.name), "MiB", each);
        Ok(())
    }

    async fn call(&self, entry: &Entry, exchange: &Arc<Exchange>) -> Result<()> {
        let verdict = entry.call(&mut Held::default(), exchange, 0, &self.call).await;
        let verdict = verdict.map_err(|failure| anyhow::anyhow!("{failure}"))?;
        let is_as_meant = match self.call {
            Call::Head => verdict == Verdict::Proceed,
            _ => matches!(verdict, Verdict::Replace(_)),
        };
        ensure!(is_as_meant, "the plugin answered {verdict:?}");
        Ok(())
    }

    async fn load(&self, runtime: &Runtime, wasm: &Bytes, isolation: Isolation) -> Result<Arc<Plugin>> {
        let spec = PluginSpec {
            entry: "bench".into(),
            version: Version::Stable,
            wasm: wasm.clone(),
            config: self.config.clone(),
            grants: Default::default(),
            isolation,
            limits: PluginLimits { memory_bytes_max: MEMORY_BYTES_MAX, ..PluginLimits::default() },
        };
        runtime.load(spec).await.map_err(|error| anyhow::anyhow!("{error}"))
    }

    fn exchange(&self) -> Result<Exchange> {
        let exchange = calls::exchange();
        let mut state = exchange.lock();
        state.request.query = Some("limit=20&sort=name&page=7".to_owned());
        state.request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        drop(state);
        Ok(exchange)
    }
}

fn entry(plugin: Arc<Plugin>) -> Entry {
    let options = EntryOptions { on_error: OnError::Deny, breaker: BreakerPolicy::default(), piece_bytes_max: 1 << 20 };
    Entry::new("bench".into(), plugin, options)
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
