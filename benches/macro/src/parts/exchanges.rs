//! CPU of single exchanges, one after the other: among few and among many, and of streams with and without plugins.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::Effort;
use crate::cores::Place;
use crate::samples::Samples;
use crate::section::{Better, Bound, Cell, Goal, Section, Table};

/// Exchanges in a run: some tenths of a second of CPU.
const TIMES: usize = 20_000;
const STREAMS: usize = 1000;

/// Works of `sluicegate-micro`: among ten and among many.
///
/// What is promised of them is instructions, which `cargo xtask bench --check` counts: what many of them touch does not fit the
/// processor's caches, and that takes time.
const MANY: [(&str, &str, &str); 3] = [
    ("10,000 routes", "exchange-10-routes", "exchange-10000-routes"),
    ("1,000,000 keys", "exchange-10-keys", "exchange-1000000-keys"),
    ("1,000 chains, 100 of them asked for", "exchange-10-chains", "exchange-1000-chains"),
];
const NO_PHASE: (&str, &str, &str) =
    ("a plugin that is in no phase", "exchange-no-plugins", "exchange-plugin-in-no-phase");

const PLAIN_STREAM: &str = "stream-22-events";
const STREAM: &str = "stream-22-events-3-plugins";
/// Each of three plugins hears the answer's head, each event, and the end.
const CALLS_OF_STREAM: f64 = 3.0 * (1.0 + 22.0 + 1.0);

/// The works print microseconds of CPU of the gateway's thread alone.
pub fn measure(target: &Path, effort: Effort) -> Result<Section> {
    let mut section = Section::new("exchanges", "CPU of single exchanges");
    section.notes.push(
        "A gateway on one thread, one connection, one exchange after the other; client and upstream run on other threads of the \
         same processor and do not count: to wake one that sleeps on another costs as much as all else, and not always the same. \
         Runs alternate, and ratios are taken within a round."
            .to_owned(),
    );
    let (folder, place) = (target.join("micro"), Place::single()?);
    let alternate = |works, times| alternate(&place, &folder, works, times, effort.rounds);
    let mut table = Table::new(&["exchanges", "with few or without, µs", "with many or with, µs", "ratio"]);
    for (what, few, many) in MANY {
        let [few, many] = alternate([few, many], TIMES)?;
        let ratio = many.by(&few);
        table.rows.push(row(what, few, many, ratio));
    }
    let (what, none, one) = NO_PHASE;
    let [none, one] = alternate([none, one], TIMES)?;
    let ratio = one.by(&none);
    section.goals.push(Goal::of(&format!("CPU a request; {what}"), "of none", ratio.clone(), Better::Lower, 1.1, 1.05));
    table.rows.push(row(what, none, one, ratio));
    let [plain, stream] = alternate([PLAIN_STREAM, STREAM], STREAMS)?;
    section.goals.push(Goal {
        what: "a stream of 22 events, three plugins that mask, CPU".to_owned(),
        floor: Bound {
            unit: "of 1.5 streams without plugins and 1 µs a call".to_owned(),
            figure: Samples::of([stream.median() / (1.5 * plain.median() + CALLS_OF_STREAM)]),
            limit: 1.0,
            better: Better::Lower,
        },
        aim: Bound { unit: "µs".to_owned(), figure: Some(stream.clone()), limit: 100.0, better: Better::Lower },
    });
    let ratio = stream.by(&plain);
    table.rows.push(row("a stream of 22 events, three plugins", plain, stream, ratio));
    section.tables.push(table);
    Ok(section)
}

fn row(what: &str, few: Samples, many: Samples, ratio: Option<Samples>) -> Vec<Cell> {
    vec![Cell::text(what), Cell::Figure(Some(few)), Cell::Figure(Some(many)), Cell::Figure(ratio)]
}

fn alternate(place: &Place, folder: &Path, works: [&str; 2], times: usize, rounds: usize) -> Result<[Samples; 2]> {
    let mut figures: [Vec<f64>; 2] = Default::default();
    for round in 1..=rounds {
        eprintln!("    {} and {}: round {round} of {rounds}", works[0], works[1]);
        for (figures, work) in figures.iter_mut().zip(works) {
            figures.push(run(place, folder, work, times).with_context(|| work.to_owned())?);
        }
    }
    let [few, many] = figures.map(Samples::of);
    Ok([few.context("no round")?, many.context("no round")?])
}

/// Microseconds of CPU each.
fn run(place: &Place, folder: &Path, work: &str, times: usize) -> Result<f64> {
    let program = std::env::current_exe()?.with_file_name("sluicegate-micro");
    ensure!(program.is_file(), "{} is missing: run `cargo xtask bench`", program.display());
    let mut command = place.command(program);
    command.args(["work", work, "--times", &times.to_string(), "--data"]).arg(folder);
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let figure = said.split_once(": ").and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
    figure.with_context(|| format!("what it says is not understood: {said}"))
}
