//! Measures what the gateway costs on this machine, prints a table, and writes the figures to `target/bench/figures.json`.
//!
//! Run it by `cargo xtask bench`, on a machine that has nothing else to do.

mod facts;
mod gateway;
mod load;
mod plugin_calls;
mod process;
mod report;

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::facts::Facts;
use crate::report::Report;

fn main() -> Result<()> {
    let program = std::env::current_exe().context("the path of this program is not known")?;
    let folder = program.parent().context("this program lies in no folder")?;
    let target: PathBuf = folder.parent().context("this program is not in cargo's output folder")?.to_owned();
    let mut report = Report::new(Facts::collect()?);
    report.print_facts();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        plugin_calls::measure(&mut report).await?;
        gateway::measure(&mut report, &folder.join("sluicegate")).await
    })?;
    report.print_table();
    report.write(&target.join("bench").join("figures.json"))
}
