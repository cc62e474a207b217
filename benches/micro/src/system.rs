//! What single things ask of the system: its calls, and pages that it gives.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::count;
use crate::work::{self, Item};

/// Prints a row for each work whose name contains one of `only`, or for all; also for those that are not counted where names begin so.
///
/// strace(1) follows the first thread alone, which is the gateway's: client and upstream run on others. What a start takes is in both of
/// two runs, one of which does twice as much.
pub fn report(strace: &Path, only: &[String]) -> Result<()> {
    let data = count::folder()?;
    println!("{:30} {:>12} {:>12}", "of one operation", "system calls", "minor faults");
    for item in work::chosen(only, work::LONG.iter().chain(work::UNCOUNTED))? {
        let once = traced(strace, &data, item, item.times)?;
        let twice = traced(strace, &data, item, 2 * item.times)?;
        let calls = (twice.calls as f64 - once.calls as f64) / item.times as f64;
        println!("{:30} {calls:>12.2} {:>12.2}", item.name, twice.faults);
    }
    Ok(())
}

struct Traced {
    /// Of the whole run.
    calls: u64,
    /// Of one operation.
    faults: f64,
}

fn traced(strace: &Path, data: &Path, item: &Item, times: usize) -> Result<Traced> {
    let program = std::env::current_exe().context("the path of this program is not known")?;
    let told = data.join("system-calls");
    let mut command = Command::new(strace);
    command.args(["-c", "-U", "calls,name", "-o"]).arg(&told).arg(program);
    command.args(["work", item.name, "--times", &times.to_string(), "--data"]).arg(data);
    let output = command.output().with_context(|| format!("{} does not start", strace.display()))?;
    ensure!(output.status.success(), "{}: {}", item.name, String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(&told).with_context(|| format!("{} cannot be read", told.display()))?;
    let calls =
        total(&text).with_context(|| format!("what strace says of {} is not understood:\n{text}", item.name))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let faults = faults(&said).with_context(|| format!("what a work says is not understood: {said}"))?;
    Ok(Traced { calls, faults })
}

/// From what `work` prints.
fn faults(said: &str) -> Option<f64> {
    said.split_once(" and ")?.1.split(' ').next()?.parse().ok()
}

/// From a table whose last line is the sum.
fn total(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.trim_end().strip_suffix(" total")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_stands_in_the_last_line_of_the_table() {
        let text = "    calls syscall\n--------- ----------------\n       12 read\n      300 writev\n--------- ----------------\n      312 total\n";
        assert_eq!(total(text), Some(312));
        assert_eq!(total("nothing"), None);
    }
}
