//! The SDK that is part of the binary: its sources, for the crates that are written with it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context;
use toml::{Table, Value};

use super::lock::lock;
use super::manifest::{SECTIONS, Workspace};

mod embedded {
    include!(concat!(env!("OUT_DIR"), "/sdk.rs"));
}

/// Files with their paths in the SDK, and the lock file of a crate that is built with it.
pub(super) struct Sdk {
    pub(super) files: Vec<(String, Vec<u8>)>,
    pub(super) lock: String,
}

impl Sdk {
    /// For a package with a manifest.
    pub(super) fn new(package: &str, manifest: &str) -> anyhow::Result<Sdk> {
        let workspace = Workspace::parse(embedded::WORKSPACE)?;
        let mut files = Vec::new();
        let mut on_disk = BTreeMap::from([(package.to_owned(), dependencies(&manifest.parse()?))]);
        for (path, bytes) in embedded::FILES {
            let path = Path::new(path);
            let mut bytes = bytes.to_vec();
            if path.ends_with("Cargo.toml") {
                let folder = path.parent().unwrap_or(Path::new(""));
                let manifest = String::from_utf8(bytes)?;
                let manifest = workspace.resolved(&manifest, folder).with_context(|| path.display().to_string())?;
                if let Some(name) = manifest.get("package").and_then(|package| package.get("name")?.as_str()) {
                    on_disk.insert(name.to_owned(), dependencies(&manifest));
                }
                bytes = toml::to_string(&manifest)?.into_bytes();
            }
            files.push((path.to_string_lossy().into_owned(), bytes));
        }
        Ok(Sdk { files, lock: lock(embedded::LOCK, package, &on_disk)? })
    }
}

fn dependencies(manifest: &Table) -> BTreeSet<String> {
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let everywhere = [manifest].into_iter().chain(targets.filter_map(Value::as_table));
    let sections = everywhere.flat_map(|table| SECTIONS.map(|section| table.get(section)));
    sections.flatten().filter_map(Value::as_table).flat_map(|table| table.keys().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sdk_needs_nothing_of_the_workspace_that_it_comes_from() {
        let manifest = "[dependencies]\nserde_json = \"1.0\"\nsluicegate-plugin = { path = \"sdk/plugin-sdk\" }\n";
        let sdk = Sdk::new("mine", manifest).unwrap();
        let file = |path: &str| {
            let found = sdk.files.iter().find(|(known, _)| known == path);
            String::from_utf8(found.unwrap_or_else(|| panic!("no {path}")).1.clone()).unwrap()
        };
        for path in ["plugin-sdk/src/lib.rs", "plugin-sdk/README.md", "wit/v0.1/types.wit", "LICENSE"] {
            assert!(!file(path).is_empty());
        }
        for (path, _) in sdk.files.iter().filter(|(path, _)| path.ends_with("Cargo.toml")) {
            assert!(!file(path).contains("workspace"), "{path}:\n{}", file(path));
        }
        // One of them is for one target.
        for needed in ["wit-bindgen", "picoalloc"] {
            assert!(sdk.lock.contains(&format!("name = \"{needed}\"")), "{needed}");
        }
        assert!(!sdk.lock.contains("name = \"wasmtime\""));
    }
}
