//! Where things are: the root of the sources and cargo's output.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result};

/// The folder with the workspace's `Cargo.toml`.
pub fn root() -> Result<PathBuf> {
    // Cargo sets the variable when it runs this program; the constant serves a direct call.
    let manifest = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let root = PathBuf::from(manifest).join("..");
    root.canonicalize().with_context(|| format!("the workspace is not at {}", root.display()))
}

/// Cargo's output folder, `target` unless it was told otherwise: this program itself lies in its `debug`.
pub fn target() -> Result<PathBuf> {
    let program = env::current_exe().context("the path of this program is not known")?;
    let target = program.ancestors().nth(2).context("this program is not in cargo's output folder")?;
    Ok(target.to_owned())
}
