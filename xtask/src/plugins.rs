//! The bundled plugins as files, for a look at them or for another gateway; the binary carries its own copies.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::{command, toolchain, workspace};

const TARGET: &str = "wasm32-unknown-unknown";
const PROFILE: &str = "plugin";

/// A bundled plugin: a folder under `plugins`, and the name of the package in it.
struct Plugin {
    folder: String,
    package: String,
}

pub fn run() -> Result<()> {
    toolchain::add_targets()?;
    let plugins = plugins()?;
    let mut cargo = command::cargo()?;
    cargo.args(["build", "--target", TARGET, "--profile", PROFILE]);
    for plugin in &plugins {
        cargo.args(["--package", &plugin.package]);
    }
    command::run(&mut cargo)?;
    let (built, folder) = (workspace::target()?.join(TARGET).join(PROFILE), workspace::target()?.join("plugins"));
    fs::create_dir_all(&folder)?;
    let width = plugins.iter().map(|plugin| plugin.folder.len()).max().unwrap_or_default();
    for Plugin { folder: name, package } in &plugins {
        let file = folder.join(format!("{name}.wasm"));
        let component = built.join(format!("{}.wasm", package.replace('-', "_")));
        let bytes = fs::copy(&component, &file).with_context(|| format!("{} was not built", component.display()))?;
        println!("{name:width$}  {:>7.1} KiB  {}", bytes as f64 / 1024.0, file.display());
    }
    Ok(())
}

fn plugins() -> Result<Vec<Plugin>> {
    let folder = workspace::root()?.join("plugins");
    let entries = fs::read_dir(&folder).with_context(|| format!("no plugins at {}", folder.display()))?;
    let mut folders = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>>>()?;
    folders.retain(|folder| folder.join("Cargo.toml").is_file());
    folders.sort();
    if folders.is_empty() {
        bail!("no plugins at {}", folder.display());
    }
    folders.iter().map(|folder| plugin(folder)).collect()
}

fn plugin(folder: &Path) -> Result<Plugin> {
    let manifest = folder.join("Cargo.toml");
    let text = fs::read_to_string(&manifest)?;
    let package = package_name(&text).with_context(|| format!("{} names no package", manifest.display()))?;
    let folder = folder.file_name().context("a plugin's folder has a name")?.to_string_lossy().into_owned();
    Ok(Plugin { folder, package: package.to_owned() })
}

/// The first name in a manifest is the package's.
fn package_name(manifest: &str) -> Option<&str> {
    manifest.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_of_a_plugin_is_named_by_its_manifest() {
        let manifest = "[package]\nname = \"plugin-headers\"\nversion = \"0.1.0\"\n\n[lib]\nname = \"other\"\n";
        assert_eq!(package_name(manifest), Some("plugin-headers"));
        assert_eq!(package_name("[package]\n"), None);
    }
}
