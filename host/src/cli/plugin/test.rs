//! `sluicegate plugin test`: drives a plugin through exchanges of a file in the real runtime, and shows what it did.

mod render;

use std::io::IsTerminal;
use std::sync::Arc;

use serde::Serialize;
use sluicegate_runtime::Plugin;

use super::super::logging::{self, Line, PluginLines};
use super::super::{AlreadySaid, tokio_runtime};
use super::trial::{TrialOptions, Trials, entry_options};
use crate::cli::paint::Paint;
use crate::config::{Diagnostics, Trial};
use crate::generation::self_test::{Seen, Show, fresh};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Options {
    #[command(flatten)]
    trial: TrialOptions,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What came of all exchanges, as `--json` prints it.
#[derive(Serialize)]
struct Report {
    plugin: String,
    contract: String,
    /// What plugins wrote to the log in `configure`.
    configure_log: Vec<Line>,
    exchanges: Vec<Tried>,
    passed: usize,
    failed: usize,
    /// Without an expectation, and without a failure.
    shown: usize,
}

#[derive(Serialize)]
struct Tried {
    name: String,
    result: Verdict,
    /// What was expected and what came, or how the plugin failed.
    problem: Option<String>,
    isolation: &'static str,
    /// Why an instance does not start with `configure` behind it, if it does not.
    not_frozen: Option<String>,
    #[serde(flatten)]
    seen: Option<Seen>,
    log: Vec<Line>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    Passed,
    Failed,
    Shown,
}

pub(super) fn test(options: &Options) -> anyhow::Result<()> {
    let lines = logging::capture();
    let mut trials = Trials::ready(&options.trial, None)?;
    let report = tokio_runtime()?.block_on(run(&mut trials, &lines)).inspect_err(|_| lines.print())?;
    match options.json {
        true => println!("{}", serde_json::to_string_pretty(&report)?),
        false => print!("{}", render::render(&report, Paint::new(std::io::stdout().is_terminal()))),
    }
    if report.failed > 0 { Err(AlreadySaid.into()) } else { Ok(()) }
}

async fn run(trials: &mut Trials, lines: &PluginLines) -> Result<Report, Diagnostics> {
    // All configs first: a test of one says little while the plugin refuses another.
    let mut plugins: Vec<(Arc<Trial>, Arc<Plugin>)> = Vec::new();
    for trial in trials.trials.clone() {
        let plugin = trials.plugin(&trial).await?;
        plugins.push((trial, plugin));
    }
    let mut report = Report {
        plugin: trials.subject.shown(),
        contract: trials.subject.inspection.contract.clone(),
        configure_log: lines.take(""),
        exchanges: Vec::new(),
        passed: 0,
        failed: 0,
        shown: 0,
    };
    for (number, (trial, plugin)) in (1..).zip(&plugins) {
        let tried = try_one(trials, trial, plugin, &format!("exchange-{number}"), lines).await;
        match tried.result {
            Verdict::Passed => report.passed += 1,
            Verdict::Failed => report.failed += 1,
            Verdict::Shown => report.shown += 1,
        }
        report.exchanges.push(tried);
    }
    Ok(report)
}

async fn try_one(trials: &Trials, trial: &Trial, plugin: &Plugin, id: &str, lines: &PluginLines) -> Tried {
    let show = Show::new(&trial.exchange, &trials.secrets);
    let entry = fresh(&trials.subject.name, plugin, &entry_options());
    let (seen, problem) = match trials.bench.drive(&entry, &trial.exchange, id).await {
        Ok(drive) => {
            let problem = match &trial.expect {
                Some(expect) => drive.compare(&trial.exchange, expect, &show).err(),
                None => drive.outcome.failure.as_ref().map(|failure| show.text(failure)),
            };
            (Some(drive.seen(&trial.exchange, &show)), problem)
        }
        Err(problem) => (None, Some(problem)),
    };
    let result = match (&problem, &trial.expect) {
        (Some(_), _) => Verdict::Failed,
        (None, Some(_)) => Verdict::Passed,
        (None, None) => Verdict::Shown,
    };
    let log = lines.take(id).into_iter().map(|line| Line { message: show.text(&line.message), ..line }).collect();
    Tried {
        name: trial.exchange.name.clone(),
        result,
        problem,
        isolation: plugin.isolation().as_str(),
        not_frozen: plugin.frozen().err().map(str::to_owned),
        seen,
        log,
    }
}

impl Verdict {
    fn as_str(self) -> &'static str {
        match self {
            Verdict::Passed => "passed",
            Verdict::Failed => "failed",
            Verdict::Shown => "shown",
        }
    }
}
