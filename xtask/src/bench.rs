//! What the gateway costs on this machine, measured with a release build.

use std::process::Command;

use anyhow::Result;

use crate::stages::Stages;
use crate::{command, toolchain, workspace};

pub fn run() -> Result<()> {
    let mut stages = Stages::new(3);
    let built = stages.run("wasm targets", toolchain::add_targets)
        && stages.run("release build", || {
            eprintln!("    takes a quarter of an hour on 2 cores the first time");
            command::run(command::cargo()?.args(["build", "--release", "--workspace", "--bins"]))
        });
    match built {
        true => {
            stages.run("benches", || {
                command::run(&mut Command::new(workspace::target()?.join("release/sluicegate-bench")))
            });
        }
        false => stages.skip("benches", "they were not built"),
    }
    stages.finish()
}
