//! Proves on this machine that swaps of the configuration lose nothing, leak nothing and are not felt, that a million requests
//! leave nothing behind, and that idle connections cost little: prints a table, and fails if a promise is broken. Run it by `cargo xtask soak`.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use sluicegate_tests::gateway::binary;
use sluicegate_tests::soak::edge::Edge;
use sluicegate_tests::soak::idle::{Kind, bytes_each};
use sluicegate_tests::soak::latency::{self, Until, median, quantile};
use sluicegate_tests::soak::load::Sizes;
use sluicegate_tests::soak::process::{Sample, slope};
use sluicegate_tests::soak::promise::Promises;
use sluicegate_tests::soak::swaps::Stand;
use sluicegate_tests::soak::vast;
use tokio::sync::watch;

/// What the process holds is told after so many swaps; it is looked at after each, since it goes up and down with the compiler.
const TELL_SWAPS: usize = 50;
/// Of resident memory, over the later half of the swaps.
const KIB_A_SWAP_MAX: f64 = 1.0;
/// Median over all pairs of windows: p99 with swaps by p99 without.
const RATIO_MAX: f64 = 1.25;
const VAST_BYTES: usize = 12 << 20;
/// In the windows with swaps, one begins so often.
const SWAP_INTERVAL: Duration = Duration::from_millis(500);
/// Between two windows: what the one before has left to do is done by then.
const SETTLE: Duration = Duration::from_millis(700);
/// The requests at the edge come in so many rounds, between which the gateway is at rest.
const EDGE_ROUNDS: usize = 20;
/// Of resident memory, over the later half of the rounds: less than one byte a request.
const BYTES_A_REQUEST_MAX: f64 = 1.0;

/// Of each kind, one kind after the other.
const IDLE_CONNECTIONS: usize = 10_000;

const USAGE: &str = "\
usage: sluicegate-soak [--swaps N] [--pairs N] [--seconds S] [--requests N] [--only swaps|latency|compile|edge|idle]

--swaps N    swaps under load (1000)
--pairs N    pairs of windows, with and without swaps (12)
--seconds S  length of one window (6)
--requests N whole requests at the edge, and one in a hundred besides that breaks off (1000000)
--only NAME  one part: swaps under load, latency while swapping, latency while a large plugin compiles, requests at the edge, or
             idle connections
";

struct Options {
    swaps: usize,
    pairs: usize,
    window: Duration,
    requests: u64,
    only: Option<String>,
}

fn main() -> ExitCode {
    let options = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(wrong) => {
            eprint!("error: {wrong}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("{}, {build} build, load {}", binary().display(), load.split(' ').next().unwrap_or("unknown"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads for the clients");
    let mut promises = Promises::default();
    let ran = runtime.block_on(async {
        let chosen = |part: &str| options.only.as_deref().is_none_or(|only| only == part);
        if chosen("swaps") {
            swaps(&options, &mut promises).await?;
        }
        if chosen("latency") {
            latency_while_swapping(&options, &mut promises).await?;
        }
        if chosen("compile") {
            latency_while_compiling(&options, &mut promises).await?;
        }
        if chosen("edge") {
            edge(&options, &mut promises).await?;
        }
        if chosen("idle") {
            idle(&mut promises).await;
        }
        Ok::<_, String>(())
    });
    println!("\n{}", promises.table());
    if let Err(sentence) = &ran {
        eprintln!("error: {sentence}");
    }
    if ran.is_ok() && promises.all_hold() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn options(mut words: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options =
        Options { swaps: 1000, pairs: 12, window: Duration::from_secs(6), requests: 1_000_000, only: None };
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        let number = || value.parse::<usize>().ok().filter(|number| *number > 0);
        let number = || number().ok_or_else(|| format!("{value} is no number above 0"));
        match word.as_str() {
            "--swaps" => options.swaps = number()?,
            "--pairs" => options.pairs = number()?,
            "--seconds" => options.window = Duration::from_secs(number()? as u64),
            "--requests" => options.requests = number()? as u64,
            "--only" if ["swaps", "latency", "compile", "edge", "idle"].contains(&value.as_str()) => {
                options.only = Some(value)
            }
            "--only" => return Err(format!("there is no part {value}")),
            _ => return Err(format!("{word} means nothing here")),
        }
    }
    Ok(options)
}

/// Swaps one after the other under load of every kind.
async fn swaps(options: &Options, promises: &mut Promises) -> Result<(), String> {
    println!("\n{} swaps under load", options.swaps);
    let mut stand = Stand::start().await;
    let id = stand.gateway.id();
    let load = stand.load(Sizes { getters: 4, posters: 2, streams: 3, rest: Duration::from_millis(20) });
    let began = Instant::now();
    let mut samples = Vec::new();
    for number in 1..=options.swaps {
        stand.swap().await?;
        let sample = Sample::of(id);
        samples.push((number, sample));
        if number % TELL_SWAPS == 0 {
            println!(
                "{number} swaps, {} s, {} exchanges: {sample:?}",
                began.elapsed().as_secs(),
                stand.book.exchanges()
            );
        }
    }
    let took = began.elapsed();
    load.stop().await;
    stand.wait_for_log().await;
    let live = stand.live_generations().await;
    let verdict = stand.book.close(&stand.access_log()).map_err(|error| format!("the access log: {error}"))?;

    println!("{} exchanges in {} s", verdict.exchanges, took.as_secs());
    let name = format!(
        "{} swaps, {} exchanges of {} generations: failed, cut, mixed or not in the log as they were",
        options.swaps, verdict.exchanges, verdict.generations
    );
    promises.add(name, verdict.wrong, 0, verdict.wrong == 0);
    let least = verdict.stream_swaps_min.unwrap_or(0);
    promises.add(
        format!("the fewest swaps that one of {} whole streams outlived", verdict.streams),
        least,
        10,
        least >= 10,
    );
    promises.add("generations live at the end", live, 1, live == 1);
    memory(&samples, promises);
    Ok(())
}

/// Requests that come to their end and such as break off, round after round.
async fn edge(options: &Options, promises: &mut Promises) -> Result<(), String> {
    println!("\n{} whole requests at the edge, and {} broken ones", options.requests, options.requests / 100);
    let edge = Edge::start().await;
    let each = (options.requests / EDGE_ROUNDS as u64).max(1);
    let (began, mut whole, mut broken) = (Instant::now(), 0, 0);
    let mut samples = Vec::new();
    for _ in 0..EDGE_ROUNDS {
        let done = edge.round(each, each / 100).await?;
        (whole, broken) = (whole + done.whole, broken + done.broken);
        let sample = edge.at_rest().await;
        println!("{whole} whole, {broken} broken, {} s: {sample:?}", began.elapsed().as_secs());
        samples.push((whole as f64, sample));
    }
    let complete = edge.outcomes("complete").await;
    promises.add(format!("whole requests that came to their end, of {whole}"), complete, whole, complete == whole);
    let later = &samples[EDGE_ROUNDS / 2..];
    let (Some((_, first)), Some((_, last))) = (later.first(), later.last()) else { return Ok(()) };
    let resident: Vec<_> = later.iter().map(|(whole, sample)| (*whole, sample.resident_kib as f64 * 1024.0)).collect();
    let name = format!(
        "resident memory, over the later half of {whole} requests and {broken} broken ones, {} to {} KiB",
        first.resident_kib, last.resident_kib
    );
    let grows = slope(&resident);
    let limit = format!("{BYTES_A_REQUEST_MAX} bytes a request");
    promises.add(name, format!("{grows:.2} bytes a request"), limit, grows <= BYTES_A_REQUEST_MAX);
    for (name, pick, more) in [
        ("descriptors", (|sample| sample.descriptors) as fn(&Sample) -> u64, 8),
        ("threads", |sample| sample.threads, 0),
        ("mappings", |sample| sample.mappings, 16),
    ] {
        let (first, last) = (pick(first), pick(last));
        promises.add(
            format!("{name} after half of them, and after all"),
            format!("{first}, {last}"),
            first + more,
            last <= first + more,
        );
    }
    Ok(())
}

/// What connections cost on which nobody asks.
async fn idle(promises: &mut Promises) {
    println!("\n{IDLE_CONNECTIONS} idle connections of each kind");
    for kind in Kind::ALL {
        let (each, max) = (bytes_each(kind, IDLE_CONNECTIONS).await, kind.bytes_max());
        promises.add(format!("bytes of an idle connection of {}", kind.name()), each, max, each <= max);
    }
}

fn memory(samples: &[(usize, Sample)], promises: &mut Promises) {
    let later = &samples[samples.len() / 2..];
    let (Some((from, first)), Some((to, last))) = (later.first(), later.last()) else { return };
    let slope_of = |pick: fn(&Sample) -> u64| {
        slope(&later.iter().map(|(number, sample)| (*number as f64, pick(sample) as f64)).collect::<Vec<_>>())
    };
    let resident = slope_of(|sample| sample.resident_kib);
    let name = format!("resident memory, swaps {from} to {to}, {} to {} KiB", first.resident_kib, last.resident_kib);
    promises.add(
        name,
        format!("{resident:.2} KiB a swap"),
        format!("{KIB_A_SWAP_MAX} KiB a swap"),
        resident <= KIB_A_SWAP_MAX,
    );
    for (name, pick, limit) in [
        ("anonymous memory in KiB", (|sample| sample.anonymous_kib) as fn(&Sample) -> u64, KIB_A_SWAP_MAX),
        ("mappings", |sample| sample.mappings, 0.1),
        ("descriptors", |sample| sample.descriptors, 0.02),
        ("threads", |sample| sample.threads, 0.02),
    ] {
        let slope = slope_of(pick);
        let name = format!("{name}, {} to {}", pick(first), pick(last));
        promises.add(name, format!("{slope:.3} a swap"), format!("{limit} a swap"), slope <= limit);
    }
}

/// Pairs of windows at a fixed rate; in one of each pair the configuration is swapped all the time.
async fn latency_while_swapping(options: &Options, promises: &mut Promises) -> Result<(), String> {
    println!("\nlatency while swapping");
    let mut stand = Stand::start().await;
    let streams = stand.load(Sizes { getters: 0, posters: 0, streams: 1, rest: Duration::from_millis(20) });
    warm_up(&mut stand).await?;
    let (address, book) = (stand.address(), stand.book.clone());
    let mut pairs = Pairs::default();
    for pair in 0..options.pairs {
        for with_swaps in order(pair) {
            tokio::time::sleep(SETTLE).await;
            let (done, over) = watch::channel(false);
            let measuring = tokio::spawn({
                let book = book.clone();
                let least = options.window;
                async move { latency::window(address, &book, Until::Told { least, over }).await }
            });
            if with_swaps {
                let began = Instant::now();
                let mut next = began;
                while began.elapsed() < options.window {
                    stand.swap().await?;
                    next += SWAP_INTERVAL;
                    tokio::time::sleep_until(next.into()).await;
                }
            }
            done.send_replace(true);
            pairs.add(with_swaps, &measuring.await.map_err(|error| error.to_string())?);
        }
    }
    streams.stop().await;
    pairs.promise("p99 while swapping", promises);
    settle_book(stand, "failed or mixed meanwhile", promises).await
}

/// The same, while a plugin as large as an interpreter is compiled.
async fn latency_while_compiling(options: &Options, promises: &mut Promises) -> Result<(), String> {
    println!("\nlatency while a plugin of {} MiB compiles", VAST_BYTES >> 20);
    let mut stand = Stand::start().await;
    warm_up(&mut stand).await?;
    println!("before the first of them: {:?}", Sample::of(stand.gateway.id()));
    let (address, book) = (stand.address(), stand.book.clone());
    let mut pairs = Pairs::default();
    let (mut compiled_in, mut length) = (Vec::new(), options.window);
    for pair in 0..options.pairs {
        for with_swaps in order(pair) {
            tokio::time::sleep(SETTLE).await;
            if !with_swaps {
                pairs.add(false, &latency::window(address, &book, Until::Elapsed(length)).await);
                continue;
            }
            let name = format!("vast-{pair}.wasm");
            stand.replace(&name, &vast::component(VAST_BYTES, pair as u32 + 1));
            let (done, over) = watch::channel(false);
            let measuring = tokio::spawn({
                let book = book.clone();
                async move { latency::window(address, &book, Until::Told { least: Duration::ZERO, over }).await }
            });
            let began = Instant::now();
            stand.push_same(&stand.text(&with_vast(&name))).await?;
            length = began.elapsed();
            compiled_in.push(length.as_secs_f64());
            done.send_replace(true);
            pairs.add(true, &measuring.await.map_err(|error| error.to_string())?);
        }
    }
    println!("compiled and swapped in {:.1} s (median)", median(&compiled_in));
    println!("with the last of them:    {:?}", Sample::of(stand.gateway.id()));
    stand.push_same(&stand.text("")).await?;
    println!("when it is gone:          {:?}", Sample::of(stand.gateway.id()));
    pairs.promise("p99 while a plugin of 12 MiB compiles", promises);
    settle_book(stand, "failed or mixed meanwhile", promises).await
}

fn with_vast(file: &str) -> String {
    format!(
        "[plugins.vast]\nfile = \"{file}\"\n\n[[routes]]\nname = \"vast\"\npath = \"/vast/*\"\nupstream = \"service\"\n\
         chain = [{{ plugin = \"vast\" }}]\n"
    )
}

/// Pools and connections.
async fn warm_up(stand: &mut Stand) -> Result<(), String> {
    for _ in 0..12 {
        stand.swap().await?;
    }
    latency::window(stand.address(), &stand.book, Until::Elapsed(Duration::from_secs(1))).await;
    Ok(())
}

/// Which window of a pair comes first is left to chance: what else the machine does must not always meet the same one.
fn order(pair: usize) -> [bool; 2] {
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |time| time.subsec_nanos());
    let first = (seed as usize / 1000 + pair).is_multiple_of(2);
    [first, !first]
}

async fn settle_book(stand: Stand, name: &str, promises: &mut Promises) -> Result<(), String> {
    stand.wait_for_log().await;
    let verdict = stand.book.close(&stand.access_log()).map_err(|error| format!("the access log: {error}"))?;
    promises.add(format!("{name}, of {} exchanges", verdict.exchanges), verdict.wrong, 0, verdict.wrong == 0);
    Ok(())
}

/// The windows of each kind, in milliseconds at their 99th percentile.
#[derive(Default)]
struct Pairs {
    with: Vec<f64>,
    without: Vec<f64>,
}

impl Pairs {
    fn add(&mut self, with_swaps: bool, latencies: &[Duration]) {
        let ms = |share| quantile(latencies, share).as_secs_f64() * 1e3;
        let kind = if with_swaps { "with   " } else { "without" };
        println!(
            "{kind} p50 {:6.2} ms, p99 {:6.2} ms, longest {:6.2} ms, {} requests",
            ms(0.5),
            ms(0.99),
            ms(1.0),
            latencies.len()
        );
        if with_swaps { &mut self.with } else { &mut self.without }.push(ms(0.99));
    }

    fn promise(&self, name: &str, promises: &mut Promises) {
        let ratios: Vec<f64> = self.with.iter().zip(&self.without).map(|(with, without)| with / without).collect();
        let ratio = median(&ratios);
        let name = format!(
            "{name} by p99 without, {} requests a second, median of {} pairs ({:.2} ms by {:.2} ms)",
            latency::RATE,
            ratios.len(),
            median(&self.with),
            median(&self.without)
        );
        promises.add(name, format!("{ratio:.2}"), RATIO_MAX, ratio <= RATIO_MAX);
    }
}
