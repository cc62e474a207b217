//! What counts instructions: valgrind, and the runner of the harness in `benches/micro/harness`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{Progress, folder, install_from_debian, may_install};
use crate::command;

/// Of the same version as the harness's library, which refuses any other.
const RUNNER_VERSION: &str = "0.20.0";

const VALGRIND_REMEDY: &str =
    "Install valgrind (on Debian: `sudo apt-get install valgrind`) and run the command again.";

/// The folder with the runner. Valgrind is the system's, for its tools stand at a fixed place.
pub fn counting_tools() -> Result<PathBuf> {
    valgrind()?;
    let folder = folder("gungraun")?;
    let programs = folder.join("bin");
    let said = command::read(Command::new(programs.join("gungraun-runner")).arg("--version")).unwrap_or_default();
    if said.split_whitespace().last() != Some(RUNNER_VERSION) {
        let _progress = Progress::start(format!("building gungraun-runner {RUNNER_VERSION} into {}", folder.display()));
        let build = folder.join("build");
        let mut cargo = command::cargo()?;
        cargo.args(["install", "--quiet", "--locked", "--force", "--version", RUNNER_VERSION, "gungraun-runner"]);
        cargo.arg("--root").arg(&folder).arg("--target-dir").arg(&build);
        command::read(&mut cargo)
            .context("gungraun-runner could not be built; is the registry of crates reachable?")?;
        // Ten times as large as the program.
        fs::remove_dir_all(&build).with_context(|| format!("{} cannot be removed", build.display()))?;
    }
    eprintln!("    gungraun-runner is at {}", programs.display());
    Ok(programs)
}

fn valgrind() -> Result<()> {
    let works = || command::works(Command::new("valgrind").arg("--version"));
    if works() {
        return Ok(());
    }
    if may_install() {
        install_from_debian("valgrind", VALGRIND_REMEDY)?;
    }
    if works() { Ok(()) } else { bail!(VALGRIND_REMEDY) }
}
