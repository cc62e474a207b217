//! Measures what the gateway costs on this machine, prints a table, and writes the figures to `target/bench/figures.json`.
//!
//! Run it by `cargo xtask bench`, on a machine that has nothing else to do. `--only calls|languages|gateway` leaves the rest out.

mod facts;
mod gateway;
mod languages;
mod load;
mod plugin_calls;
mod process;
mod report;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::facts::Facts;
use crate::report::Report;

const PARTS: [&str; 3] = ["calls", "languages", "gateway"];

fn main() -> Result<()> {
    let only = only(std::env::args().skip(1).collect())?;
    let wants = |part: &str| only.as_deref().is_none_or(|only| only == part);
    let program = std::env::current_exe().context("the path of this program is not known")?;
    let folder = program.parent().context("this program lies in no folder")?;
    let target: PathBuf = folder.parent().context("this program is not in cargo's output folder")?.to_owned();
    let mut report = Report::new(Facts::collect()?);
    report.print_facts();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        if wants("calls") {
            plugin_calls::measure(&mut report).await?;
        }
        if wants("languages") {
            languages::measure(&mut report, &target).await?;
        }
        if wants("gateway") {
            gateway::measure(&mut report, &folder.join("sluicegate")).await?;
        }
        anyhow::Ok(())
    })?;
    report.print_table();
    report.write(&target.join("bench").join("figures.json"))
}

/// The one part that is wanted, or none for all.
fn only(arguments: Vec<String>) -> Result<Option<String>> {
    match arguments.as_slice() {
        [] => Ok(None),
        [only, part] if only == "--only" && PARTS.contains(&part.as_str()) => Ok(Some(part.clone())),
        _ => bail!("the arguments are unknown: write nothing, or `--only` and one of {}", PARTS.join(", ")),
    }
}
