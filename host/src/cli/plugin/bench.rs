//! `sluicegate plugin bench`: what a plugin costs, in time and memory, with the runtime alone: no socket, no chain.

mod measure;
mod memory;
mod render;

use std::time::Duration;

use anyhow::bail;
use serde::Serialize;

use super::super::{logging, tokio_runtime};
use super::trial::{TrialOptions, Trials};

/// A request as it comes in without a file.
const USUAL: &str = "[[exchanges]]\nname = \"GET /\"\n";

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Options {
    #[command(flatten)]
    trial: TrialOptions,
    /// How long each exchange is repeated, in each kind of isolation; 0.01 to 60.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    seconds: f64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// All figures, as `--json` prints them.
#[derive(Serialize)]
struct Report {
    plugin: String,
    /// Of the component.
    bytes: usize,
    /// `release`, or `debug` for a program whose figures say little.
    build: &'static str,
    exchanges: Vec<Measured>,
}

/// One exchange.
#[derive(Serialize)]
struct Measured {
    name: String,
    /// None if an earlier exchange has the same config.
    made: Option<Made>,
    memory: Memory,
    times: Vec<Times>,
}

/// What making the plugin ready with one config took.
#[derive(Serialize)]
struct Made {
    frozen: bool,
    /// Why not.
    not_frozen: Option<String>,
    compile_ms: f64,
    configure_ms: f64,
    freeze_ms: f64,
    /// Of the component after `configure`.
    frozen_bytes: Option<usize>,
    /// All instances share it.
    code_bytes: usize,
}

/// Of one instance.
#[derive(Serialize)]
struct Memory {
    /// Its linear memory before the first call, after the exchange, and after it was repeated.
    start_bytes: usize,
    after_bytes: usize,
    after_many_bytes: usize,
    /// How often it was repeated.
    many: usize,
    /// What one live instance keeps of the machine's memory after the exchange, as the system counts it; only for the first
    /// exchange, and none if the system does not say.
    resident_bytes: Option<usize>,
}

#[derive(Serialize)]
struct Times {
    isolation: &'static str,
    phase: &'static str,
    calls: usize,
    median_us: f64,
    p99_us: f64,
    /// One after the other.
    calls_per_second: f64,
}

pub(super) fn bench(options: &Options) -> anyhow::Result<()> {
    // Lines that a plugin writes for each call would drown the figures; where it fails, they say why.
    let lines = logging::capture();
    let mut trials = Trials::ready(&options.trial, Some(USUAL))?;
    if cfg!(debug_assertions) {
        eprintln!(
            "note: this is a debug build of sluicegate: its figures say little; take one of `cargo build --release`"
        );
    }
    let limit = Duration::from_secs_f64(options.seconds);
    let report = tokio_runtime()?.block_on(run(&mut trials, limit)).inspect_err(|_| lines.print())?;
    match options.json {
        true => println!("{}", serde_json::to_string_pretty(&report)?),
        false => print!("{}", render::render(&report)),
    }
    Ok(())
}

async fn run(trials: &mut Trials, limit: Duration) -> anyhow::Result<Report> {
    let mut report = Report {
        plugin: trials.subject.shown(),
        bytes: trials.subject.wasm.len(),
        build: if cfg!(debug_assertions) { "debug" } else { "release" },
        exchanges: Vec::new(),
    };
    let mut configs = Vec::new();
    for trial in trials.trials.clone() {
        let measured = match measure::measure(trials, &trial, limit, configs.is_empty()).await? {
            Ok(measured) => measured,
            Err(problem) => bail!("exchange \"{}\": {problem}", trial.exchange.name),
        };
        let made = if configs.contains(&trial.config) { None } else { measured.made };
        configs.push(trial.config.clone());
        report.exchanges.push(Measured { made, ..measured });
    }
    Ok(report)
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.01..=60.0).contains(&seconds) => Ok(seconds),
        _ => Err("write seconds from 0.01 to 60".to_owned()),
    }
}
