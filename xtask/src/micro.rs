//! How many instructions single things take, against the counts that are committed.

use std::ffi::OsString;
use std::process::Command;

use anyhow::Result;

use crate::stages::Stages;
use crate::{command, parts, toolchain, workspace};

/// Ours alone are optimised further than for the tests, so that nothing from a registry is compiled anew, the engine least of all.
const OPTIMISED: [&str; 5] =
    ["sluicegate", "sluicegate-runtime", "sluicegate-framing", "sluicegate-llm", "sluicegate-micro"];

/// `what`: the command of `sluicegate-micro`.
pub fn run(what: &str, arguments: &[OsString]) -> Result<()> {
    let mut stages = Stages::new(4);
    let mut tools = None;
    let ready = stages.run("wasm targets", toolchain::add_targets)
        && stages.run("tools", || {
            tools = Some(parts::counting_tools()?);
            Ok(())
        })
        && stages.run("build", build);
    if let Some(tools) = tools.filter(|_| ready) {
        stages.run("counts", || {
            let target = workspace::target()?;
            let mut micro = Command::new(target.join("debug/sluicegate-micro"));
            micro.arg(what).arg("--harness").arg(target.join("micro/harness/debug/sluicegate-micro-harness"));
            command::run(micro.arg("--tools").arg(tools).args(arguments))
        });
    }
    stages.finish()
}

/// What the system does for single things.
pub fn system(arguments: &[OsString]) -> Result<()> {
    let mut stages = Stages::new(4);
    let mut strace = None;
    let ready = stages.run("wasm targets", toolchain::add_targets)
        && stages.run("strace", || {
            strace = Some(parts::install_peer("strace")?);
            Ok(())
        })
        && stages.run("build", build_works);
    if let Some(strace) = strace.filter(|_| ready) {
        stages.run("counts", || {
            let mut micro = Command::new(workspace::target()?.join("debug/sluicegate-micro"));
            micro.arg("system").arg("--strace").arg(strace).args(arguments);
            command::run(micro.env("LD_LIBRARY_PATH", parts::libraries()?))
        });
    }
    stages.finish()
}

fn build() -> Result<()> {
    build_works()?;
    let mut cargo = command::cargo()?;
    cargo.args(["build", "--locked", "--manifest-path", "benches/micro/harness/Cargo.toml", "--target-dir"]);
    command::run(cargo.arg(workspace::target()?.join("micro/harness")))
}

fn build_works() -> Result<()> {
    let mut cargo = command::cargo()?;
    // Of the whole workspace, so that dependencies have the features that they have for the tests.
    cargo.args(["build", "--workspace", "--bin", "sluicegate-micro"]);
    for package in OPTIMISED {
        cargo.args(["--config", &format!("profile.dev.package.{package}.opt-level=3")]);
    }
    command::run(&mut cargo)
}
