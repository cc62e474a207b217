//! The machine and the build that the figures belong to.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Serialize;

#[derive(Debug, Serialize)]
pub struct Facts {
    pub cpu: String,
    pub cores: usize,
    pub memory_mib: u64,
    pub kernel: String,
    pub rustc: String,
    /// `release`, or `debug` for a program whose figures say little.
    pub build: &'static str,
    /// Load average of the last minute before the start: above 0.5, something else was running.
    pub load: f64,
}

impl Facts {
    pub fn collect() -> Result<Facts> {
        let cpu_info = read("/proc/cpuinfo")?;
        let memory_info = read("/proc/meminfo")?;
        let load = read("/proc/loadavg")?;
        Ok(Facts {
            cpu: after(&cpu_info, "model name").unwrap_or("unknown").to_owned(),
            cores: std::thread::available_parallelism()?.get(),
            memory_mib: crate::process::kib(&memory_info, "MemTotal:").unwrap_or(0) / 1024,
            kernel: read("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            rustc: rustc(),
            build: if cfg!(debug_assertions) { "debug" } else { "release" },
            load: load.split(' ').next().and_then(|word| word.parse().ok()).context("/proc/loadavg has no number")?,
        })
    }
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {path}; benches run on Linux"))
}

/// The value of the first line `name : value`.
fn after<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| Some(line.strip_prefix(name)?.trim_start().strip_prefix(':')?.trim()))
}

fn rustc() -> String {
    let output = Command::new("rustc").arg("--version").output();
    output.map_or_else(|_| "unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
