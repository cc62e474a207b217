//! The toolchains that build the example plugins in JavaScript and Python, from the lists beside these examples.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{Progress, folder, install, install_from_debian, may_install};
use crate::command;

/// Tells the tests in which folder `componentize-js` is.
pub const JAVASCRIPT_VARIABLE: &str = "SLUICEGATE_JAVASCRIPT_TOOLS";

/// Tells the tests in which folder `componentize-py` is.
pub const PYTHON_PLUGINS_VARIABLE: &str = "SLUICEGATE_PYTHON_TOOLS";

pub(super) const PYTHON_PACKAGES: &str = include_str!("../../../examples/plugins/python/requirements.txt");

const NODE_PACKAGES: &str = include_str!("../../../examples/plugins/javascript/package.json");
const NODE_LOCK: &str = include_str!("../../../examples/plugins/javascript/package-lock.json");

/// The oldest Node.js that the packages run on.
const NODE_MAJOR_MIN: u32 = 20;

const NODE_REMEDY: &str = "Install Node.js 20 or newer with npm (on Debian 13 or newer: `sudo apt-get install nodejs npm`) and run \
                           the command again.";

/// One that cannot be had does not keep the other away.
pub(super) fn install_all() -> Result<()> {
    let javascript = install_javascript();
    if let Ok(folder) = &javascript {
        eprintln!("    the toolchain for plugins in JavaScript is in {}", folder.display());
    }
    let python = install("python-plugins", PYTHON_PACKAGES).and_then(|_| python_plugins());
    if let Ok(folder) = &python {
        eprintln!("    the toolchain for plugins in Python is in {}", folder.display());
    }
    javascript.and(python).map(drop)
}

/// There after [`super::run`].
pub fn javascript() -> Result<PathBuf> {
    Ok(folder("javascript")?.join("node_modules/.bin"))
}

/// There after [`super::run`].
pub fn python_plugins() -> Result<PathBuf> {
    Ok(folder("python-plugins")?.join("bin"))
}

/// Exactly the packages of the lock file, without running any script of theirs.
fn install_javascript() -> Result<PathBuf> {
    let folder = folder("javascript")?;
    // Written last, so that an interrupted installation is not taken for a whole one.
    let stamp = folder.join("installed.json");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == NODE_LOCK) {
        return javascript();
    }
    node()?;
    let _progress = Progress::start(format!("installing Node.js packages in {}", folder.display()));
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("package.json"), NODE_PACKAGES)?;
    fs::write(folder.join("package-lock.json"), NODE_LOCK)?;
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&folder);
    command::read(&mut npm).context("the packages could not be installed; is the package registry reachable?")?;
    fs::write(stamp, NODE_LOCK)?;
    javascript()
}

/// Node.js with npm; installed from Debian's packages if it is missing and we may.
fn node() -> Result<()> {
    let works = || command::works(Command::new("npm").arg("--version")) && node_major().is_some();
    if !works() && may_install() {
        for package in ["nodejs", "npm"] {
            install_from_debian(package, NODE_REMEDY)?;
        }
    }
    match node_major() {
        Some(major) if major < NODE_MAJOR_MIN => bail!("Node.js {major} is too old. {NODE_REMEDY}"),
        Some(_) if works() => Ok(()),
        _ => bail!("Node.js or npm is missing. {NODE_REMEDY}"),
    }
}

fn node_major() -> Option<u32> {
    major(&command::read(Command::new("node").arg("--version")).ok()?)
}

/// From `v20.20.2`.
fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_package_is_pinned_by_version_and_digest_and_to_no_registry() {
        let lock: Vec<&str> = NODE_LOCK.lines().map(str::trim).collect();
        let count = |start: &str| lock.iter().filter(|line| line.starts_with(start)).count();
        assert!(count("\"version\": ") > 100);
        assert_eq!(count("\"integrity\": \"sha512-"), count("\"version\": "));
        assert!(!NODE_LOCK.contains("\"resolved\"") && !NODE_LOCK.contains("hasInstallScript"));
        assert!(!NODE_PACKAGES.contains(['^', '~', '*']), "{NODE_PACKAGES}");
    }

    #[test]
    fn the_major_version_is_read_from_what_node_says() {
        assert_eq!([major("v20.20.2\n"), major("v9.0.0"), major("20"), major("")], [Some(20), Some(9), None, None]);
    }
}
