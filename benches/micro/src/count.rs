//! Runs the harness, and reads what it has counted.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::work::{self, Item};

/// Instructions of one operation, by the work's name.
pub type Counts = BTreeMap<String, f64>;

/// Of the harness's summaries, the parts that are read here.
#[derive(Deserialize)]
struct Summary {
    id: Option<String>,
    profiles: Value,
}

/// Counts the works whose names contain one of `only`, or all; the long ones where names begin so.
pub fn count(harness: &Path, tools: &[PathBuf], only: &[String]) -> Result<Counts> {
    let program = env::current_exe().context("the path of this program is not known")?;
    let folder = folder()?;
    let summaries = folder.join("summaries");
    if summaries.exists() {
        fs::remove_dir_all(&summaries).context("the summaries of an earlier run cannot be removed")?;
    }
    let chosen = work::chosen(only, work::LONG)?;
    let names: Vec<&str> = chosen.iter().map(|item| item.name).collect();
    let path = env::var_os("PATH").unwrap_or_default();
    let places = tools.iter().cloned().chain(env::split_paths(&path));
    let mut command = Command::new(harness);
    command.args(["--bench", "--save-summary=json", "--nosummary=yes", "--home"]).arg(&summaries);
    command.arg("--workspace-root").arg(env!("CARGO_MANIFEST_DIR"));
    command.env("PATH", env::join_paths(places)?).env("SLUICEGATE_MICRO_NAMES", names.join(" "));
    command.env("SLUICEGATE_MICRO_PROGRAM", &program).env("SLUICEGATE_MICRO_DATA", &folder);
    let status = command.status().with_context(|| format!("{} does not start", harness.display()))?;
    ensure!(status.success(), "the harness failed: {status}; what it says stands above");
    let mut totals = BTreeMap::new();
    read(&summaries, &mut totals)?;
    chosen.into_iter().map(|item| of(item, &totals)).collect()
}

/// Where runs keep what they need again. It is made if need be.
pub fn folder() -> Result<PathBuf> {
    let program = env::current_exe().context("the path of this program is not known")?;
    let target = program.ancestors().nth(2).context("this program is not in cargo's output folder")?;
    let folder = target.join("micro");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn of(item: &Item, totals: &BTreeMap<String, u64>) -> Result<(String, f64)> {
    let total = totals.get(&id(item.name)).copied().unwrap_or_default();
    ensure!(total > 0, "nothing was counted for {}", item.name);
    Ok((item.name.to_owned(), total as f64 / item.times as f64))
}

/// What the harness takes as a name.
fn id(name: &str) -> String {
    format!("id_{}", name.replace('-', "_"))
}

fn read(folder: &Path, totals: &mut BTreeMap<String, u64>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            read(&path, totals)?;
        } else if path.ends_with("summary.json") {
            let text = fs::read_to_string(&path)?;
            let summary: Summary = serde_json::from_str(&text).with_context(|| format!("{} is odd", path.display()))?;
            let Some(instructions) = instructions(&summary.profiles) else {
                bail!("{} has no count of instructions", path.display());
            };
            totals.insert(summary.id.unwrap_or_default(), instructions);
        }
    }
    Ok(())
}

/// The first `Ir` beneath a value: an object whose text of numbers depends on the harness's version.
fn instructions(value: &Value) -> Option<u64> {
    match value {
        Value::Object(members) => {
            members.get("Ir").and_then(number).or_else(|| members.values().find_map(instructions))
        }
        Value::Array(items) => items.iter().find_map(instructions),
        _ => None,
    }
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::Object(members) => members.values().find_map(number),
        Value::Array(items) => items.iter().find_map(number),
        _ => None,
    }
}
