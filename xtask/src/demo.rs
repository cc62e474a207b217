//! From a checkout to a running gateway in one command.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};

use crate::stages::Stages;
use crate::{command, toolchain, workspace};

pub fn run(arguments: &[OsString]) -> Result<()> {
    let mut stages = Stages::new(2);
    if stages.run("wasm targets", toolchain::add_targets) {
        // Built as a whole, so that features, and with them all compiled crates, are the same as for the tests.
        stages.run("build", || {
            eprintln!("    takes some minutes the first time");
            command::run(command::cargo()?.args(["build", "--workspace"]))
        });
    }
    stages.finish()?;
    let gateway = workspace::target()?.join("debug/sluicegate");
    // The gateway takes the place of this program, so that signals reach it and its exit status is the one seen.
    let error = Command::new(&gateway).arg("demo").args(arguments).exec();
    Err(error).with_context(|| format!("{} could not be started", gateway.display()))
}
