//! Components of every shape at load: damaged, generated, vast. Each is loaded or refused with a sentence, in bounded time and
//! memory, and what is loaded runs under its limits.
//!
//! `SLUICEGATE_SOAK=1` makes the sets twenty times as large.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arbitrary::Unstructured;
use http::{HeaderMap, Method};
use serde_json::{Value, json};
use sluicegate::runtime::services::{
    Claim, Clock, Counters, KeyFailure, KeyOwner, Keys, PluginMetrics, Services, Taken, Waiting,
};
use sluicegate::runtime::{
    BreakerPolicy, Call, EngineOptions, Entry, EntryOptions, Exchange, ExchangeFacts, Held, Inspection, Isolation,
    LoadError, NoCandidates, OnError, Plugin, PluginLimits, PluginSpec, Presented, RequestHead, Runtime, Version,
};
use sluicegate_tests::guests;
use sluicegate_tests::surgery::{Chance, damaged, with_functions, with_module};

/// No component takes longer to load or to be refused, in a debug build on a busy machine.
const LOAD_MAX: Duration = Duration::from_secs(60);
/// What all of them together may add to the memory of this process.
const MEMORY_BYTES_MAX: u64 = 600 << 20;

fn rounds(quick: usize) -> usize {
    if std::env::var_os("SLUICEGATE_SOAK").is_some() { quick * 20 } else { quick }
}

fn runtime() -> Runtime {
    let options = EngineOptions { instances_max: 16, memory_bytes_max: 64 << 20, ..EngineOptions::default() };
    Runtime::new(options).expect("room for a few instances")
}

fn spec(wasm: Vec<u8>, config: Value, isolation: Isolation) -> PluginSpec {
    let grants: BTreeSet<String> =
        ["keys", "identity", "identity-writer", "counters", "metrics"].map(str::to_owned).into_iter().collect();
    let limits = PluginLimits { wall_max: Duration::from_secs(20), ..PluginLimits::default() };
    PluginSpec { entry: "entry".into(), version: Version::Stable, wasm: wasm.into(), config, grants, isolation, limits }
}

/// How many were loaded and how many refused.
#[derive(Debug, Default)]
struct Tally {
    loaded: usize,
    refused: usize,
}

impl Tally {
    /// Loads it, and calls what was loaded.
    async fn load(&mut self, runtime: &Runtime, spec: PluginSpec, about: &str) {
        let began = Instant::now();
        let inspected = Inspection::of(&spec.wasm).is_ok();
        let loaded = tokio::time::timeout(LOAD_MAX, runtime.load(spec)).await;
        let loaded: Result<Arc<Plugin>, LoadError> = loaded.unwrap_or_else(|_| panic!("{about}: over {LOAD_MAX:?}"));
        match loaded {
            Ok(plugin) => {
                assert!(inspected, "{about}: loaded, and refused at a first look");
                call(plugin).await;
                self.loaded += 1;
            }
            Err(error) => {
                let said = error.to_string();
                assert!(!said.contains("please report this"), "{about}: {said}");
                assert!(said.len() > "plugin `entry`, ".len() + 10 && said.len() < 20_000, "{about}: {said}");
                self.refused += 1;
            }
        }
        assert!(began.elapsed() < LOAD_MAX, "{about}: {:?}", began.elapsed());
    }
}

/// Calls every phase once, whatever comes of it.
async fn call(plugin: Arc<Plugin>) {
    let options = EntryOptions { on_error: OnError::Deny, breaker: BreakerPolicy::default(), piece_bytes_max: 1 << 20 };
    let entry = Entry::new("entry".into(), plugin, options);
    let exchange = Arc::new(exchange());
    let mut held = Held::default();
    let piece = bytes::Bytes::from_static(b"a piece");
    for call in [
        Call::Head,
        Call::Body { bytes: piece.clone(), end: true },
        Call::ReplyHead,
        Call::ReplyBody { bytes: piece, end: true },
        Call::Finish,
    ] {
        drop(entry.call(&mut held, &exchange, 0, &call).await);
    }
    entry.release(&mut held);
}

fn memory_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line for it");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

fn bundled() -> [(&'static str, Value); 3] {
    let limits = json!({ "limits": [{ "name": "burst", "requests": 5, "window_ms": 60_000, "by": "address" }] });
    let operations = json!({ "request": [{ "set": "x-a", "value": "${request.path}" }] });
    [("api-key", json!({ "realm": "models" })), ("headers", operations), ("rate-limit", limits)]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_plugins_of_our_own_are_loaded_or_refused_with_a_sentence() {
    let runtime = runtime();
    let before = memory_bytes();
    for (name, config) in bundled() {
        let wasm = sluicegate::bundled::bundled(name).expect("a bundled plugin");
        let mut tally = Tally::default();
        tally.load(&runtime, spec(wasm.to_vec(), config.clone(), Isolation::Pooled), name).await;
        assert_eq!(tally.loaded, 1, "{name}");
        for seed in 0..rounds(120) as u64 {
            let mut chance = Chance(seed);
            let mut bytes = damaged(wasm, &mut chance);
            // Some of them twice.
            if chance.below(4) == 0 && bytes.starts_with(b"\0asm") && bytes.len() > 64 {
                let at = 8 + chance.below(bytes.len() - 8);
                bytes[at] = bytes[at].wrapping_add(1);
            }
            let isolation = if seed % 2 == 0 { Isolation::Request } else { Isolation::Pooled };
            tally.load(&runtime, spec(bytes, config.clone(), isolation), &format!("{name}, seed {seed}")).await;
        }
        eprintln!("{name}: {tally:?}");
        assert!(tally.loaded > 1 && tally.refused > tally.loaded, "{name}: {tally:?}");
    }
    let grown = memory_bytes().saturating_sub(before);
    assert!(grown < MEMORY_BYTES_MAX, "grown by {} MiB", grown >> 20);
    assert!(runtime.instances_live() <= 16);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn generated_components_are_refused_with_a_sentence() {
    let runtime = runtime();
    let before = memory_bytes();
    let mut tally = Tally::default();
    for seed in 0..rounds(200) as u64 {
        let chance = Chance(seed).bytes(2048);
        let config = wasm_smith::Config::default();
        // Some seeds have too few bytes for a component.
        let Ok(component) = wasm_smith::Component::new(config, &mut Unstructured::new(&chance)) else { continue };
        tally.load(&runtime, spec(component.to_bytes(), json!({}), Isolation::Request), &format!("seed {seed}")).await;
    }
    eprintln!("{tally:?}");
    assert!(tally.refused >= rounds(50), "{tally:?}");
    assert_eq!(tally.loaded, 0, "none of them exports a policy");
    assert!(memory_bytes().saturating_sub(before) < MEMORY_BYTES_MAX);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plugins_with_a_generated_module_inside_are_compiled_or_refused() {
    let runtime = runtime();
    let before = memory_bytes();
    let (name, config) = bundled().into_iter().next().expect("three");
    let wasm = sluicegate::bundled::bundled(name).expect("a bundled plugin");
    let mut tally = Tally::default();
    for seed in 0..rounds(15) as u64 {
        let chance = Chance(seed).bytes(4096);
        let Ok(module) = wasm_smith::Module::new(wasm_smith::Config::default(), &mut Unstructured::new(&chance)) else {
            continue;
        };
        let bytes = with_module(wasm, &module.to_bytes());
        tally.load(&runtime, spec(bytes, config.clone(), Isolation::Pooled), &format!("seed {seed}")).await;
    }
    eprintln!("{tally:?}");
    assert!(tally.loaded + tally.refused >= rounds(7), "{tally:?}");
    assert!(memory_bytes().saturating_sub(before) < MEMORY_BYTES_MAX);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_of_sixty_thousand_functions_is_loaded_in_bounded_time_and_memory() {
    let runtime = runtime();
    let before = memory_bytes();
    // They do nothing: the time goes into their number.
    let vast = with_functions(guests::LIAR, 60_000, &[0x0b]);
    let mut tally = Tally::default();
    let began = Instant::now();
    tally.load(&runtime, spec(vast, json!({}), Isolation::Request), "60,000 functions").await;
    eprintln!("60,000 functions: {:?}, {} MiB", began.elapsed(), memory_bytes().saturating_sub(before) >> 20);
    assert_eq!(tally.loaded, 1);
    assert!(memory_bytes().saturating_sub(before) < MEMORY_BYTES_MAX);
}

struct Nothing;

impl Keys for Nothing {
    fn identify<'a>(&'a self, _presented: &'a [u8]) -> Waiting<'a, Result<KeyOwner, KeyFailure>> {
        Box::pin(async { Err(KeyFailure::Unknown) })
    }
}

impl Counters for Nothing {
    fn take<'a>(&'a self, _namespace: &'a str, claims: &'a [Claim]) -> Waiting<'a, Vec<Taken>> {
        Box::pin(async { claims.iter().map(|_| Taken { allowed: true, remaining: 1, reset_ms: 1 }).collect() })
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

fn exchange() -> Exchange {
    let nothing = Arc::new(Nothing);
    let services =
        Services { keys: nothing.clone(), counters: nothing.clone(), metrics: nothing.clone(), clock: nothing };
    let facts = ExchangeFacts {
        id: "id".into(),
        route: "route".into(),
        generation: 1,
        client_address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        started: Instant::now(),
        services: Arc::new(services),
        credential_fields: Arc::new([]),
        candidates: Arc::new(NoCandidates),
    };
    let request = RequestHead {
        method: Method::GET,
        scheme: "http",
        authority: "localhost".into(),
        path: "/".into(),
        query: None,
        headers: HeaderMap::new(),
        sent: false,
    };
    Exchange::new(facts, request, Presented::new())
}
