//! Which processor runs what: the proxy has one to itself, load and upstream share another.

use std::ffi::OsStr;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

/// A list of processors as `taskset` takes it, such as `0,1`.
#[derive(Debug, Clone)]
pub struct Place(String);

#[derive(Debug, Clone)]
pub struct Cores {
    pub proxy: Place,
    pub load: Place,
    /// For a proxy with two workers. Where there are only two processors, the load is on one of them too.
    pub two: Place,
}

impl Cores {
    pub fn choose() -> Result<Cores> {
        let allowed = allowed()?;
        let [load, last_but_one, proxy] = match allowed.as_slice() {
            [load, proxy] => [load, load, proxy],
            [load, .., last_but_one, proxy] => [load, last_but_one, proxy],
            _ => bail!("a comparison takes two processors: one for the proxy, one for the load"),
        };
        let place = |core: &usize| Place(core.to_string());
        Ok(Cores { proxy: place(proxy), load: place(load), two: Place(format!("{last_but_one},{proxy}")) })
    }

    /// From now on this process leaves the proxy's processor alone, with all its threads.
    pub fn keep_to_load(&self) -> Result<()> {
        let id = std::process::id().to_string();
        let moved = Command::new("taskset").args(["--all-tasks", "--cpu-list", "--pid", &self.load.0, &id]).output();
        let moved = moved.context("`taskset`, of Debian's package util-linux, is needed")?;
        ensure!(moved.status.success(), "taskset: {}", String::from_utf8_lossy(&moved.stderr));
        Ok(())
    }
}

impl Place {
    /// One processor, for what needs no other beside it.
    pub fn single() -> Result<Place> {
        Ok(Place(allowed()?.last().context("there is no processor on which we may run")?.to_string()))
    }

    /// The program itself, under its own process id, once it is started.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", &self.0]).arg(program);
        command
    }
}

/// The processors on which this process may run.
fn allowed() -> Result<Vec<usize>> {
    let status = fs::read_to_string("/proc/self/status").context("benches run on Linux")?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    list.and_then(numbers).context("/proc/self/status does not say on which processors we may run")
}

/// From `0-2,5`.
fn numbers(list: &str) -> Option<Vec<usize>> {
    let mut numbers = Vec::new();
    for range in list.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        numbers.extend(first.parse::<usize>().ok()?..=last.parse().ok()?);
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_the_kernel_is_read_with_its_ranges() {
        assert_eq!(numbers("\t0-2,5\n"), Some(vec![0, 1, 2, 5]));
        assert_eq!((numbers("7"), numbers("")), (Some(vec![7]), None));
    }
}
