//! Repeats one exchange in both kinds of isolation, and puts each call's time with those of its phase.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sluicegate_runtime::{Isolation, Phase, Plugin};

use super::super::trial::{Trials, entry_options};
use super::{Made, Measured, Times, memory};
use crate::config::{Diagnostics, Trial};
use crate::generation::self_test::{Show, fresh};

/// Calls of one phase that are kept; enough for a percentile, whatever the time.
const SAMPLES_MAX: usize = 200_000;
/// Exchanges that warm caches, pools and the branch predictor, and are not counted.
const WARM_UP: usize = 20;

/// The inner error says why there are no figures.
pub(super) async fn measure(
    trials: &mut Trials,
    trial: &Trial,
    limit: Duration,
    untouched: bool,
) -> Result<Result<Measured, String>, Diagnostics> {
    let pooled = trials.plugin_in(trial, Isolation::Pooled).await?;
    let made = made(&pooled);
    // Before any instance has left its pages behind for the next.
    let memory = match memory::measure(&trials.bench, &pooled, &trial.exchange, untouched).await {
        Ok(memory) => memory,
        Err(problem) => return Ok(Err(hidden(trials, trial, &problem))),
    };
    let mut plugins = vec![pooled];
    if made.as_ref().is_some_and(|made| made.frozen) {
        plugins.insert(0, trials.plugin_in(trial, Isolation::Request).await?);
    }
    let mut times = Vec::new();
    for plugin in &plugins {
        match sample(trials, trial, plugin, limit).await {
            Ok(samples) => times.extend(summary(plugin.isolation(), samples)),
            Err(problem) => return Ok(Err(hidden(trials, trial, &problem))),
        }
    }
    Ok(Ok(Measured { name: trial.exchange.name.clone(), made, memory, times }))
}

fn hidden(trials: &Trials, trial: &Trial, problem: &str) -> String {
    Show::new(&trial.exchange, &trials.secrets).text(problem)
}

fn made(plugin: &Plugin) -> Option<Made> {
    let making = plugin.making()?;
    let milliseconds = |duration: Duration| duration.as_secs_f64() * 1e3;
    Some(Made {
        frozen: plugin.frozen().is_ok(),
        not_frozen: plugin.frozen().err().map(str::to_owned),
        compile_ms: milliseconds(making.compile),
        configure_ms: milliseconds(making.configure),
        freeze_ms: milliseconds(making.freeze),
        frozen_bytes: making.frozen_bytes,
        code_bytes: plugin.code_bytes(),
    })
}

/// Nanoseconds of each call, by phase.
async fn sample(
    trials: &Trials,
    trial: &Trial,
    plugin: &Plugin,
    limit: Duration,
) -> Result<BTreeMap<Phase, Vec<u64>>, String> {
    let entry = fresh(&trials.subject.name, plugin, &entry_options());
    let mut samples: BTreeMap<Phase, Vec<u64>> = BTreeMap::new();
    let mut began = Instant::now();
    for round in 0..SAMPLES_MAX + WARM_UP {
        let drive = trials.bench.drive(&entry, &trial.exchange, "bench").await?;
        if let Some(failure) = drive.outcome.failure {
            return Err(failure);
        }
        if drive.outcome.calls.is_empty() {
            break;
        }
        match round {
            0..WARM_UP => began = Instant::now(),
            _ => {
                for (phase, took) in drive.outcome.calls {
                    samples.entry(phase).or_default().push(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
                }
                if began.elapsed() >= limit {
                    break;
                }
            }
        }
    }
    Ok(samples)
}

fn summary(isolation: Isolation, samples: BTreeMap<Phase, Vec<u64>>) -> Vec<Times> {
    let times = samples.into_iter().map(|(phase, mut samples)| {
        samples.sort_unstable();
        let at = |percent: usize| samples.get(samples.len() * percent / 100).copied().unwrap_or_default() as f64 / 1e3;
        let seconds = samples.iter().sum::<u64>() as f64 / 1e9;
        Times {
            isolation: isolation.as_str(),
            phase: phase.as_str(),
            calls: samples.len(),
            median_us: at(50),
            p99_us: at(99),
            calls_per_second: samples.len() as f64 / seconds.max(1e-9),
        }
    });
    times.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_hundred_calls_the_middle_and_the_slowest_are_told() {
        let samples = (1..=100).rev().map(|number| number * 1_000).collect();
        let times = summary(Isolation::Pooled, BTreeMap::from([(Phase::Head, samples)]));
        let [head] = &times[..] else { panic!("one phase") };
        assert_eq!((head.median_us, head.p99_us, head.calls), (51.0, 100.0, 100));
        assert!((head.calls_per_second - 100.0 / 5_050e-6).abs() < 1.0, "{}", head.calls_per_second);
    }
}
