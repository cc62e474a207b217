//! What the gateway costs on this machine.

use std::ffi::OsString;
use std::process::Command;

use anyhow::Result;

use crate::stages::Stages;
use crate::{command, toolchain, workspace};

pub fn run(debug: bool, arguments: &[OsString]) -> Result<()> {
    let profile = if debug { "debug" } else { "release" };
    let mut stages = Stages::new(3);
    let built = stages.run("wasm targets", toolchain::add_targets)
        && stages.run("build", || {
            let mut cargo = command::cargo()?;
            cargo.args(["build", "--workspace", "--bins"]);
            if !debug {
                eprintln!("    takes a quarter of an hour on 2 cores the first time");
                cargo.arg("--release");
            }
            command::run(&mut cargo)
        });
    match built {
        true => {
            stages.run("benches", || {
                command::run(Command::new(workspace::target()?.join(profile).join("sluicegate-bench")).args(arguments))
            });
        }
        false => stages.skip("benches", "they were not built"),
    }
    stages.finish()
}
