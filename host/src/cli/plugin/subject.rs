//! The plugin that a command is about: a file, a bundled plugin, or what the crate in the current folder was built into.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use bytes::Bytes;
use sluicegate_runtime::Inspection;

use super::new::name::in_configuration;
use super::server::PLACE_TABLE;
use crate::bundled;
use crate::cli::dev::sources::newer_than;
use crate::plugin_source::read;

/// Bytes of a crate's `Cargo.toml`.
const MANIFEST_BYTES_MAX: u64 = 1 << 20;

/// A component that is a plugin.
pub(super) struct Subject {
    /// What a configuration may call it.
    pub(super) name: String,
    /// None: it is bundled.
    pub(super) path: Option<PathBuf>,
    pub(super) wasm: Bytes,
    pub(super) inspection: Inspection,
}

impl Subject {
    /// Without a file, the one that the crate in the current folder was built into.
    ///
    /// # Errors
    /// Why there is none, or why it is no plugin.
    pub(super) fn find(file: Option<&Path>) -> anyhow::Result<Subject> {
        let path = match file {
            Some(file) => file.to_owned(),
            None => of_the_crate_here()?,
        };
        // A file of that name comes first: whoever has one means it.
        if let Some((name, wasm)) = bundled_plugin(&path).filter(|_| !path.exists()) {
            return Subject::new(name.to_owned(), None, Bytes::from_static(wasm));
        }
        let wasm = read(&path).map_err(anyhow::Error::msg)?;
        Subject::new(name_of(&path), Some(path), wasm)
    }

    /// How messages call it.
    pub(super) fn shown(&self) -> String {
        shown(&self.name, self.path.as_deref())
    }

    fn new(name: String, path: Option<PathBuf>, wasm: Bytes) -> anyhow::Result<Subject> {
        let inspection = Inspection::of(&wasm);
        let inspection =
            inspection.map_err(|sentence| anyhow::anyhow!("{}: {sentence}", shown(&name, path.as_deref())))?;
        Ok(Subject { name, path, wasm, inspection })
    }
}

/// A plugin's name as the configuration allows it, from the name of its file.
pub(super) fn name_of(file: &Path) -> String {
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().to_lowercase()).unwrap_or_default();
    let name: String = stem.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
    match name.trim_matches('-') {
        "" => PLACE_TABLE.to_owned(),
        name => in_configuration(name),
    }
}

fn shown(name: &str, path: Option<&Path>) -> String {
    path.map_or_else(|| format!("{name} (bundled)"), |path| path.display().to_string())
}

fn bundled_plugin(path: &Path) -> Option<(&str, &'static [u8])> {
    let name = path.to_str()?;
    Some((name, bundled::bundled(name)?))
}

/// NAME.wasm beside the `Cargo.toml` that says NAME, where `sluicegate plugin build` writes it.
fn of_the_crate_here() -> anyhow::Result<PathBuf> {
    let manifest = Path::new("Cargo.toml");
    let Ok(metadata) = fs::metadata(manifest) else {
        bail!("name the plugin's file: there is no Cargo.toml in this folder that would say which it is");
    };
    if metadata.len() > MANIFEST_BYTES_MAX {
        bail!("Cargo.toml has over {MANIFEST_BYTES_MAX} bytes; name the plugin's file");
    }
    let text = fs::read_to_string(manifest).context("Cargo.toml cannot be read; name the plugin's file")?;
    let manifest: toml::Table = text.parse().context("Cargo.toml is not valid TOML; name the plugin's file")?;
    let name = manifest.get("package").and_then(|package| package.get("name")).and_then(toml::Value::as_str);
    let name = name.context("Cargo.toml has no package with a name; name the plugin's file")?;
    let file = PathBuf::from(format!("{name}.wasm"));
    if !file.is_file() {
        bail!("{} is not there: build it with `sluicegate plugin build`, or name the plugin's file", file.display());
    }
    if let Some(source) = newer_than(&file, Path::new(".")) {
        let source = source.strip_prefix(".").unwrap_or(&source).display();
        eprintln!(
            "note: {source} is newer than {}: run `sluicegate plugin build` to try what it says now",
            file.display()
        );
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_made_of_what_a_configuration_allows() {
        for (file, name) in [
            ("a/Audit_1.2.wasm", "audit-1-2"),
            ("_.wasm", "plugin"),
            ("team", "team"),
            // Taken by a bundled one.
            ("headers.wasm", "my-headers"),
            ("rate_limit.wasm", "my-rate-limit"),
        ] {
            assert_eq!(name_of(Path::new(file)), name);
        }
    }
}
