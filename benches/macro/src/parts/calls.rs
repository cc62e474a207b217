//! Microseconds a plugin call in both isolation modes, with the runtime alone: no socket, no chain.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};
use sluicegate_runtime::services::{
    Claim, Clock, Counters, KeyFailure, KeyOwner, Keys, PluginMetrics, Services, Taken, Waiting,
};
use sluicegate_runtime::{
    BreakerPolicy, Call, EngineOptions, Entry, EntryOptions, Exchange, ExchangeFacts, Held, Identity, Isolation,
    NoCandidates, OnError, PluginLimits, PluginSpec, Presented, RequestHead, Runtime, Verdict, Version,
};

use crate::samples::Samples;
use crate::section::{Better, Goal, Section, Table};

const LOOKUP: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/guest-lookup.wasm"));
const API_KEY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/plugin-api-key.wasm"));
/// Keys that the guest, or the host, looks one up among.
const KEYS: usize = 100;
const SAMPLES: usize = 100;
/// A sample of so many calls takes some milliseconds: long against the clock, short against disturbances.
const CALLS_PER_SAMPLE: u32 = 500;

/// Microseconds a call: floor and aim for the guest that does least.
const REQUEST_GOAL: (f64, f64) = (8.0, 5.0);
const POOLED_GOAL: (f64, f64) = (1.0, 0.5);

pub fn measure() -> Result<Section> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measure_all())
}

async fn measure_all() -> Result<Section> {
    let mut section = Section::new("calls", "Microseconds a plugin call");
    section.notes.push("With the runtime alone: no socket, no chain.".to_owned());
    let mut table = Table::of_figures();
    let runtime = Runtime::new(EngineOptions::default())?;
    let keys: HashMap<String, String> = (0..KEYS).map(|n| (key(n), format!("owner-{n}"))).collect();
    for (isolation, (floor, aim), what) in [
        (Isolation::Request, REQUEST_GOAL, "per-request instance with 100 configured keys: made, called, dropped"),
        (Isolation::Pooled, POOLED_GOAL, "warm plugin call, one header read, one set"),
    ] {
        let lookup = load(&runtime, LOOKUP, json!({ "keys": keys }), &[], isolation).await?;
        let name = format!("one header read, one of {KEYS} keys found, one header set; {}", isolation.as_str());
        let samples = sample(&lookup).await?;
        table.add(name, "µs a call", &samples);
        section.goals.push(Goal::of(what, "µs", Samples::of([samples.median()]), Better::Lower, floor, aim));
    }
    for isolation in [Isolation::Request, Isolation::Pooled] {
        let api_key = load(&runtime, API_KEY, json!({}), &["keys", "identity-writer"], isolation).await?;
        let name = format!("the bundled api-key, {KEYS} keys in the host; {}", isolation.as_str());
        table.add(name, "µs a call", &sample(&api_key).await?);
    }
    section.tables.push(table);
    Ok(section)
}

/// Microseconds a call, for each sample.
async fn sample(entry: &Entry) -> Result<Samples> {
    let exchange = Arc::new(exchange());
    // The first sample warms caches, pools and the branch predictor.
    calls(entry, &exchange).await?;
    let mut samples = Vec::with_capacity(SAMPLES);
    for _ in 0..SAMPLES {
        let began = Instant::now();
        calls(entry, &exchange).await?;
        samples.push(began.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS_PER_SAMPLE));
    }
    Samples::of(samples).context("no call was timed")
}

async fn calls(entry: &Entry, exchange: &Arc<Exchange>) -> Result<()> {
    for _ in 0..CALLS_PER_SAMPLE {
        // As each request begins: nobody is known.
        exchange.lock().identity = Identity::default();
        let mut held = Held::default();
        let verdict = entry.call(&mut held, exchange, 0, &Call::Head).await;
        let verdict = verdict.map_err(|failure| anyhow::anyhow!("{failure}"))?;
        ensure!(verdict == Verdict::Proceed, "the plugin refused: {verdict:?}");
    }
    Ok(())
}

async fn load(
    runtime: &Runtime,
    wasm: &'static [u8],
    config: Value,
    grants: &[&str],
    isolation: Isolation,
) -> Result<Entry> {
    let entry: Arc<str> = "bench".into();
    let grants: BTreeSet<String> = grants.iter().map(|grant| (*grant).to_owned()).collect();
    let spec = PluginSpec {
        entry: entry.clone(),
        version: Version::Stable,
        wasm: Bytes::from_static(wasm),
        config,
        grants,
        isolation,
        limits: PluginLimits::default(),
    };
    let plugin = runtime.load(spec).await.context("a plugin of the benches does not load")?;
    let options = EntryOptions { on_error: OnError::Deny, breaker: BreakerPolicy::default(), piece_bytes_max: 1 << 20 };
    Ok(Entry::new(entry, plugin, options))
}

fn key(number: usize) -> String {
    format!("sg_0123456789abcdef_{number:032}")
}

/// A request with a few fields, and nobody known.
pub fn exchange() -> Exchange {
    let key = key(KEYS / 2);
    let value = |text: &str| HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("not a value"));
    let mut headers = HeaderMap::new();
    headers.insert("accept", HeaderValue::from_static("*/*"));
    headers.insert("user-agent", HeaderValue::from_static("bench"));
    headers.insert("x-bench-key", value(&key));
    let mut presented = Presented::new();
    presented.add_header(AUTHORIZATION, value(&format!("Bearer {key}")));
    let owners = (0..KEYS).map(|n| (self::key(n).into_bytes(), owner(n))).collect();
    let facts = ExchangeFacts {
        id: "bench".to_owned(),
        route: "bench".into(),
        generation: 1,
        client_address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        started: Instant::now(),
        services: Arc::new(Services {
            keys: Arc::new(KnownKeys(owners)),
            counters: Arc::new(Nothing),
            metrics: Arc::new(Nothing),
            clock: Arc::new(Nothing),
        }),
        credential_fields: Arc::new([AUTHORIZATION]),
        candidates: Arc::new(NoCandidates),
    };
    let request = RequestHead {
        method: Method::GET,
        scheme: "http",
        authority: "localhost".to_owned(),
        path: "/v1/models".to_owned(),
        query: None,
        headers,
        sent: false,
    };
    Exchange::new(facts, request, presented)
}

fn owner(number: usize) -> KeyOwner {
    KeyOwner {
        key_id: format!("key-{number}"),
        consumer: format!("consumer-{number}"),
        scopes: vec!["chat".to_owned()],
    }
}

/// Without hashes: they are the gateway's work, not the plugin call's.
struct KnownKeys(HashMap<Vec<u8>, KeyOwner>);

impl Keys for KnownKeys {
    fn identify<'a>(&'a self, presented: &'a [u8]) -> Waiting<'a, Result<KeyOwner, KeyFailure>> {
        let owner = self.0.get(presented).cloned().ok_or(KeyFailure::Unknown);
        Box::pin(std::future::ready(owner))
    }
}

/// The services that no plugin here calls.
struct Nothing;

impl Counters for Nothing {
    fn take<'a>(&'a self, _namespace: &'a str, _claims: &'a [Claim]) -> Waiting<'a, Vec<Taken>> {
        Box::pin(std::future::ready(Vec::new()))
    }
}

impl PluginMetrics for Nothing {
    fn add(&self, _entry: &str, _version: Version, _route: &str, _name: &str, _by: u64) {}

    fn observe(&self, _entry: &str, _version: Version, _route: &str, _name: &str, _value: f64) {}
}

impl Clock for Nothing {
    fn now_unix_ms(&self) -> u64 {
        0
    }

    fn monotonic_ns(&self) -> u64 {
        0
    }
}
