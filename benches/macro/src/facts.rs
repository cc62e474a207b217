//! The machine and the build that the figures belong to.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Serialize;

/// Above it, something else was running.
const LOAD_MAX: f64 = 0.5;

#[derive(Debug, Serialize)]
pub struct Facts {
    pub cpu: String,
    pub cores: usize,
    pub memory_mib: u64,
    pub kernel: String,
    pub rustc: String,
    /// `release`, or `debug` for a program whose figures say little.
    pub build: &'static str,
    /// What the gateway says of itself.
    pub gateway: String,
    /// Versions of the programs that are not ours, by name.
    pub tools: BTreeMap<String, String>,
    /// The day on which the figures were taken.
    pub date: String,
    /// Load average of the last minute before the start.
    pub load: f64,
}

impl Facts {
    pub fn collect(gateway: &Path, tools: &BTreeMap<String, String>) -> Result<Facts> {
        let cpu_info = read("/proc/cpuinfo")?;
        let memory_info = read("/proc/meminfo")?;
        let load = read("/proc/loadavg")?;
        Ok(Facts {
            cpu: after(&cpu_info, "model name").unwrap_or("unknown").to_owned(),
            cores: std::thread::available_parallelism()?.get(),
            memory_mib: crate::process::kib(&memory_info, "MemTotal:").unwrap_or(0) / 1024,
            kernel: read("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            rustc: version(Path::new("rustc")),
            gateway: version(gateway),
            tools: tools.clone(),
            date: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
            build: if cfg!(debug_assertions) { "debug" } else { "release" },
            load: load.split(' ').next().and_then(|word| word.parse().ok()).context("/proc/loadavg has no number")?,
        })
    }
}

impl Facts {
    /// For the docs, so that figures can be held against later ones.
    pub fn sentence(&self) -> String {
        let Facts { cpu, cores, memory_mib, kernel, rustc, build, gateway, tools, date, load } = self;
        let tools: String = tools.iter().map(|(name, version)| format!(", {name} {version}")).collect();
        format!(
            "Taken on {date} on {cores} cores of {cpu}, {memory_mib} MiB, Linux {kernel}; {gateway}; measured by a {build} build of \
             {rustc}{tools}. The load that the run met was {load}."
        )
    }

    pub fn print(&self) {
        println!("{}\n", self.sentence());
        if cfg!(debug_assertions) {
            println!("This is a debug build: its figures say little. Use `cargo xtask bench`.\n");
        }
        if self.load > LOAD_MAX {
            println!("The machine is not idle: ratios are best believed, then the best of several samples.\n");
        }
    }
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {path}; benches run on Linux"))
}

/// The value of the first line `name : value`.
fn after<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| Some(line.strip_prefix(name)?.trim_start().strip_prefix(':')?.trim()))
}

fn version(program: &Path) -> String {
    let output = Command::new(program).arg("--version").output();
    output.map_or_else(|_| "unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
