//! The versions that the gateway's own plugins are built with, for a new crate: it then builds without a look at any registry
//! for newer ones.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use toml::{Table, Value};

/// The lock file of a package with these packages on disk, from that of the workspace.
///
/// `on_disk`: names of packages that are no part of a registry, each with what it depends on.
pub(super) fn lock(
    workspace: &str,
    package: &str,
    on_disk: &BTreeMap<String, BTreeSet<String>>,
) -> anyhow::Result<String> {
    let whole: Table = workspace.parse().context("the workspace's lock file")?;
    let packages =
        whole.get("package").and_then(Value::as_array).context("the workspace's lock file has no packages")?;
    let mut locked: BTreeMap<(String, String), &Table> = BTreeMap::new();
    let known = packages.iter().filter_map(Value::as_table).filter_map(|package| Some((id(package)?, package)));
    let known: BTreeMap<(String, String), &Table> = known.collect();
    let mut waiting: Vec<&Table> = Vec::new();
    for name in on_disk.get(package).into_iter().flatten() {
        waiting.extend(known.iter().filter(|((known, _), _)| known == name).map(|(_, package)| *package));
    }
    while let Some(next) = waiting.pop() {
        let Some(id) = id(next) else { continue };
        if locked.insert(id.clone(), next).is_some() {
            continue;
        }
        let wanted = on_disk.get(&id.0);
        let is_wanted = |name: &str| wanted.is_none_or(|wanted| wanted.contains(name));
        for (name, version) in dependencies(next).filter(|(name, _)| is_wanted(name)) {
            let same = |id: &(String, String)| id.0 == name && version.is_none_or(|version| version == id.1);
            waiting.extend(known.iter().filter(|(id, _)| same(id)).map(|(_, package)| *package));
        }
    }
    let format =
        whole.get("version").and_then(Value::as_integer).context("the workspace's lock file has no version")?;
    let mut text = format!("version = {format}\n");
    let own = Table::from_iter([("version".to_owned(), Value::String("0.1.0".to_owned()))]);
    locked.insert((package.to_owned(), "0.1.0".to_owned()), &own);
    for ((name, version), table) in &locked {
        text.push_str(&format!("\n[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n"));
        for key in ["source", "checksum"] {
            if let Some(value) = table.get(key).and_then(Value::as_str) {
                text.push_str(&format!("{key} = \"{value}\"\n"));
            }
        }
        let wanted = on_disk.get(name);
        let names: BTreeSet<String> = match wanted.filter(|_| name == package) {
            Some(names) => names.clone(),
            None => dependencies(table)
                .filter(|(name, _)| wanted.is_none_or(|wanted| wanted.contains(*name)))
                .map(|(name, version)| written(name, version, &locked))
                .collect(),
        };
        if !names.is_empty() {
            text.push_str("dependencies = [\n");
            names.iter().for_each(|name| text.push_str(&format!(" \"{name}\",\n")));
            text.push_str("]\n");
        }
    }
    Ok(text)
}

fn id(package: &Table) -> Option<(String, String)> {
    let text = |key: &str| package.get(key).and_then(Value::as_str).map(str::to_owned);
    Some((text("name")?, text("version")?))
}

/// Each dependency's name, and its version where the name alone is not enough.
fn dependencies(package: &Table) -> impl Iterator<Item = (&str, Option<&str>)> {
    let items = package.get("dependencies").and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).filter_map(|item| {
        let mut words = item.split(' ');
        Some((words.next()?, words.next()))
    })
}

/// A version stands beside the name only where there are two of that name.
fn written(name: &str, version: Option<&str>, locked: &BTreeMap<(String, String), &Table>) -> String {
    let versions = locked.keys().filter(|(locked, _)| locked == name).count();
    match version {
        Some(version) if versions > 1 => format!("{name} {version}"),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_crate_needs_is_locked_and_nothing_else() {
        let workspace = r#"
version = 4

[[package]]
name = "sdk"
version = "0.1.0"
dependencies = ["one", "only-for-tests", "two 2.0.0"]

[[package]]
name = "one"
version = "1.0.0"
source = "registry+https://registry.example.com"
checksum = "aa"
dependencies = ["two 2.0.0"]

[[package]]
name = "two"
version = "1.0.0"
source = "registry+https://registry.example.com"
checksum = "bb"

[[package]]
name = "two"
version = "2.0.0"
source = "registry+https://registry.example.com"
checksum = "cc"

[[package]]
name = "only-for-tests"
version = "1.0.0"
source = "registry+https://registry.example.com"
checksum = "dd"
"#;
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let on_disk = BTreeMap::from([("new".to_owned(), names(&["sdk"])), ("sdk".to_owned(), names(&["one"]))]);
        let expected = r#"version = 4

[[package]]
name = "new"
version = "0.1.0"
dependencies = [
 "sdk",
]

[[package]]
name = "one"
version = "1.0.0"
source = "registry+https://registry.example.com"
checksum = "aa"
dependencies = [
 "two",
]

[[package]]
name = "sdk"
version = "0.1.0"
dependencies = [
 "one",
]

[[package]]
name = "two"
version = "2.0.0"
source = "registry+https://registry.example.com"
checksum = "cc"
"#;
        assert_eq!(lock(workspace, "new", &on_disk).unwrap(), expected);
    }
}
