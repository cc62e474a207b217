//! Adds the compilation targets that the plugins need, where rustup can.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command;

/// Plugins are components for the first; the second is its basis without a system interface.
const TARGETS: [&str; 2] = ["wasm32-wasip2", "wasm32-unknown-unknown"];

/// A toolchain file cannot do this where automatic installs are switched off.
pub fn add_targets() -> Result<()> {
    for target in TARGETS {
        if is_installed(target)? {
            eprintln!("    {target} is installed");
        } else {
            eprintln!("    {target} is missing; adding it with `rustup target add {target}`");
            add(target)?;
        }
    }
    Ok(())
}

/// Asks the compiler, so that a toolchain without rustup that has the target is as good.
fn is_installed(target: &str) -> Result<bool> {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let folder = command::read(rustc.args(["--print", "target-libdir", "--target", target]))?;
    let is_std = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
    };
    Ok(std::fs::read_dir(Path::new(folder.trim_end())).is_ok_and(|mut entries| entries.any(is_std)))
}

fn add(target: &str) -> Result<()> {
    if !command::works(Command::new("rustup").arg("--version")) {
        bail!(
            "the target {target} is missing, and rustup, which could add it, was not found.\n\
             Install rustup from https://rustup.rs, or the target with the package manager that installed rustc, \
             and run the command again."
        );
    }
    command::run(Command::new("rustup").args(["target", "add", target]))
        .with_context(|| format!("the target {target} could not be added; `rustup target add {target}` says why"))
}
