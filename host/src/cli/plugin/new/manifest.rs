//! The SDK's manifests for a crate outside of its workspace: what they take from there is written out.

use std::path::{Component, Path, PathBuf};

use anyhow::{Context, bail};
use toml::{Table, Value};

/// Where a manifest names what a package is built with, for all targets or for one.
pub(super) const SECTIONS: [&str; 2] = ["dependencies", "build-dependencies"];

/// The workspace's own manifest.
pub(super) struct Workspace(Table);

impl Workspace {
    pub(super) fn parse(manifest: &str) -> anyhow::Result<Workspace> {
        let mut manifest: Table = manifest.parse().context("the workspace's manifest")?;
        match manifest.remove("workspace") {
            Some(Value::Table(workspace)) => Ok(Workspace(workspace)),
            _ => bail!("the workspace's manifest has no [workspace]"),
        }
    }

    /// The manifest of the package in `folder`, relative to the workspace. What only its own tests need is left out.
    pub(super) fn resolved(&self, manifest: &str, folder: &Path) -> anyhow::Result<Table> {
        let mut manifest: Table = manifest.parse()?;
        manifest.remove("dev-dependencies");
        if let Some(package) = manifest.get_mut("package").and_then(Value::as_table_mut) {
            for (name, value) in package.iter_mut().filter(|(_, value)| is_inherited(value)) {
                *value = self.get(&["package", name])?.clone();
            }
        }
        if manifest.get("lints").is_some_and(is_inherited) {
            manifest.insert("lints".to_owned(), self.get(&["lints"])?.clone());
        }
        self.write_out(&mut manifest, folder)?;
        for (_, target) in manifest.get_mut("target").and_then(Value::as_table_mut).into_iter().flatten() {
            target.as_table_mut().map_or(Ok(()), |target| self.write_out(target, folder))?;
        }
        Ok(manifest)
    }

    fn write_out(&self, manifest: &mut Table, folder: &Path) -> anyhow::Result<()> {
        for section in SECTIONS {
            for (name, wanted) in manifest.get_mut(section).and_then(Value::as_table_mut).into_iter().flatten() {
                if is_inherited(wanted) {
                    *wanted = Value::Table(self.dependency(name, wanted, folder)?);
                }
            }
        }
        Ok(())
    }

    /// The workspace's declaration, with the features that the package wants besides.
    fn dependency(&self, name: &str, wanted: &Value, folder: &Path) -> anyhow::Result<Table> {
        let mut dependency = match self.get(&["dependencies", name])? {
            Value::String(version) => Table::from_iter([("version".to_owned(), Value::String(version.clone()))]),
            Value::Table(table) => table.clone(),
            _ => bail!("the workspace's dependency `{name}` is neither a version nor a table"),
        };
        if let Some(path) = dependency.get("path").and_then(Value::as_str) {
            let path = relative(folder, Path::new(path)).to_string_lossy().into_owned();
            dependency.insert("path".to_owned(), Value::String(path));
        }
        for (key, value) in wanted.as_table().into_iter().flatten().filter(|(key, _)| *key != "workspace") {
            match (dependency.get_mut(key), value) {
                (Some(Value::Array(features)), Value::Array(more)) => features.extend(more.clone()),
                _ => drop(dependency.insert(key.clone(), value.clone())),
            }
        }
        Ok(dependency)
    }

    fn get(&self, path: &[&str]) -> anyhow::Result<&Value> {
        let mut tables = path.iter();
        let first = tables.next().and_then(|name| self.0.get(*name));
        let found = tables.fold(first, |value, name| value?.get(*name));
        found.with_context(|| format!("the workspace does not declare `{}`", path.join(".")))
    }
}

fn is_inherited(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

/// The way from one folder to another, both relative to the same one.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let (from, to): (Vec<Component>, Vec<Component>) = (from.components().collect(), to.components().collect());
    let shared = from.iter().zip(&to).take_while(|(from, to)| from == to).count();
    let up = std::iter::repeat_n(Component::ParentDir, from.len() - shared);
    up.chain(to.iter().skip(shared).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_manifest_takes_from_its_workspace_is_written_out() {
        let workspace = Workspace::parse(
            r#"
[workspace.package]
version = "1.2.3"
[workspace.dependencies]
serde = { version = "1.0", features = ["derive"] }
plain = "2"
sdk-derive = { path = "sdk/derive" }
[workspace.lints.rust]
unsafe_code = "forbid"
"#,
        );
        let manifest = r#"
[package]
name = "sdk"
version.workspace = true
[dependencies]
serde = { workspace = true, features = ["rc"], optional = true }
plain.workspace = true
sdk-derive.workspace = true
other = "3"
[target.'cfg(unix)'.dependencies]
plain.workspace = true
[dev-dependencies]
only-for-tests.workspace = true
[lints]
workspace = true
"#;
        let expected: Table = r#"
[package]
name = "sdk"
version = "1.2.3"
[dependencies]
serde = { version = "1.0", features = ["derive", "rc"], optional = true }
plain = { version = "2" }
sdk-derive = { path = "derive" }
other = "3"
[target.'cfg(unix)'.dependencies]
plain = { version = "2" }
[lints.rust]
unsafe_code = "forbid"
"#
        .parse()
        .unwrap();
        let workspace = workspace.unwrap();
        assert_eq!(workspace.resolved(manifest, Path::new("sdk")).unwrap(), expected);
        let unknown = "[dependencies]\nnowhere.workspace = true\n";
        let error = workspace.resolved(unknown, Path::new("sdk")).unwrap_err().to_string();
        assert!(error.contains("dependencies.nowhere"), "{error}");
    }

    #[test]
    fn a_path_leads_from_one_folder_to_another() {
        for (from, to, path) in [("sdk/derive", "sdk", ".."), ("sdk", "sdk/derive", "derive"), ("a/b", "c", "../../c")]
        {
            assert_eq!(relative(Path::new(from), Path::new(to)), Path::new(path));
        }
    }
}
