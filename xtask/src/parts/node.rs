//! Packages of Node.js, each set in a folder of its own.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{Progress, folder, install_from_debian, may_install};
use crate::command;

/// The oldest Node.js that the packages run on.
const MAJOR_MIN: u32 = 20;

const REMEDY: &str = "Install Node.js 20 or newer with npm (on Debian 13 or newer: `sudo apt-get install nodejs npm`) and run \
                      the command again.";

/// Exactly the packages of the lock file, without running any script of theirs; the folder that has them in `node_modules`.
pub(super) fn install(name: &str, packages: &str, lock: &str) -> Result<PathBuf> {
    let folder = folder(name)?;
    // Written last, so that an interrupted installation is not taken for a whole one.
    let stamp = folder.join("installed.json");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(folder);
    }
    have_node()?;
    let _progress = Progress::start(format!("installing Node.js packages in {}", folder.display()));
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("package.json"), packages)?;
    fs::write(folder.join("package-lock.json"), lock)?;
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&folder);
    command::read(&mut npm).context("the packages could not be installed; is the package registry reachable?")?;
    fs::write(stamp, lock)?;
    Ok(folder)
}

/// Node.js with npm; installed from Debian's packages if it is missing and we may.
fn have_node() -> Result<()> {
    let works = || command::works(Command::new("npm").arg("--version")) && major_installed().is_some();
    if !works() && may_install() {
        for package in ["nodejs", "npm"] {
            install_from_debian(package, REMEDY)?;
        }
    }
    match major_installed() {
        Some(major) if major < MAJOR_MIN => bail!("Node.js {major} is too old. {REMEDY}"),
        Some(_) if works() => Ok(()),
        _ => bail!("Node.js or npm is missing. {REMEDY}"),
    }
}

fn major_installed() -> Option<u32> {
    major(&command::read(Command::new("node").arg("--version")).ok()?)
}

/// From `v20.20.2`.
fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// What is wrong with a set: a version that is open, a package without a digest, or one that is bound to a registry.
#[cfg(test)]
pub(super) fn unpinned(packages: &str, lock: &str) -> Option<&'static str> {
    let lines: Vec<&str> = lock.lines().map(str::trim).collect();
    let count = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
    if packages.contains(['^', '~', '*']) {
        return Some("a version is open");
    }
    if count("\"version\": ") == 0 || count("\"integrity\": \"sha512-") != count("\"version\": ") {
        return Some("a package has no digest");
    }
    lock.contains("\"resolved\"").then_some("a package is bound to a registry")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_what_node_says() {
        assert_eq!([major("v20.20.2\n"), major("v9.0.0"), major("20"), major("")], [Some(20), Some(9), None, None]);
    }

    #[test]
    fn what_is_not_pinned_is_named() {
        let whole = "\"version\": \"1.0.0\",\n\"integrity\": \"sha512-AAAA\"\n";
        assert_eq!(unpinned("\"a\": \"1.0.0\"", whole), None);
        assert!(unpinned("\"a\": \"^1.0.0\"", whole).is_some());
        assert!(unpinned("\"a\": \"1.0.0\"", "\"version\": \"1.0.0\"\n").is_some());
        assert!(unpinned("\"a\": \"1.0.0\"", &format!("{whole}\"resolved\": \"\"")).is_some());
    }
}
