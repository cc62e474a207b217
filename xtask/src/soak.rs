//! What takes too long for each change: a thousand swaps under load, latencies while swapping, a million requests, and the tests' long sets.

use std::ffi::OsString;
use std::process::Command;

use anyhow::Result;

use crate::stages::Stages;
use crate::{command, parts, toolchain, workspace};

/// Tests that take longer, and look further, when it is set.
const LONG_SETS: &str = "SLUICEGATE_SOAK";

pub fn run(debug: bool, arguments: &[OsString]) -> Result<()> {
    let profile = if debug { "debug" } else { "release" };
    let only_tests = arguments == ["--only", "tests"];
    let mut stages = Stages::new(4);
    let built = stages.run("wasm targets", toolchain::add_targets)
        && stages.run("build", || {
            let mut cargo = command::cargo()?;
            cargo.args(["build", "--workspace", "--bins"]);
            if !debug && !only_tests {
                eprintln!("    takes a quarter of an hour on 2 cores the first time");
                cargo.arg("--release");
            }
            command::run(&mut cargo)
        });
    match built {
        true if only_tests => stages.skip("swaps", "only the tests are wanted"),
        true => {
            stages.run("swaps", || {
                command::run(Command::new(workspace::target()?.join(profile).join("sluicegate-soak")).args(arguments))
            });
        }
        false => stages.skip("swaps", "they were not built"),
    }
    match built && (arguments.is_empty() || only_tests) {
        true => {
            stages.run("long sets of the tests", long_sets);
        }
        false => stages.skip("long sets of the tests", "they run when nothing else was chosen"),
    }
    stages.finish()
}

/// In a debug build, as `cargo xtask test` does.
fn long_sets() -> Result<()> {
    command::run(command::cargo()?.args(["build", "--workspace", "--bins"]))?;
    let mut cargo = command::cargo()?;
    cargo.args(["test", "--workspace", "--no-fail-fast", "--test", "*"]);
    cargo.env(LONG_SETS, "1").env(parts::PYTHON_VARIABLE, parts::python()?);
    command::run(&mut cargo)
}
