//! The bundled plugins as files, for a look at them or for another gateway; the binary carries its own copies.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::{command, toolchain, workspace};

const TARGET: &str = "wasm32-unknown-unknown";
const PROFILE: &str = "plugin";

pub fn run() -> Result<()> {
    toolchain::add_targets()?;
    let names = names()?;
    let mut cargo = command::cargo()?;
    cargo.args(["build", "--target", TARGET, "--profile", PROFILE]);
    for name in &names {
        cargo.args(["--package", name]);
    }
    command::run(&mut cargo)?;
    let (built, folder) = (workspace::target()?.join(TARGET).join(PROFILE), workspace::target()?.join("plugins"));
    fs::create_dir_all(&folder)?;
    let width = names.iter().map(String::len).max().unwrap_or_default();
    for name in &names {
        let file = folder.join(format!("{name}.wasm"));
        let component = built.join(format!("{}.wasm", name.replace('-', "_")));
        let bytes = fs::copy(&component, &file).with_context(|| format!("{} was not built", component.display()))?;
        println!("{name:width$}  {:>7.1} KiB  {}", bytes as f64 / 1024.0, file.display());
    }
    Ok(())
}

/// A bundled plugin's folder and its package have the same name.
fn names() -> Result<Vec<String>> {
    let folder = workspace::root()?.join("plugins");
    let entries = fs::read_dir(&folder).with_context(|| format!("no plugins at {}", folder.display()))?;
    let mut folders = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>>>()?;
    folders.retain(|folder| folder.join("Cargo.toml").is_file());
    folders.sort();
    Ok(folders.iter().filter_map(|folder| folder.file_name()?.to_str().map(str::to_owned)).collect())
}
