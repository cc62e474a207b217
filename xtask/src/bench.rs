//! What the gateway costs on this machine, side by side with its peers.

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::stages::Stages;
use crate::{command, parts, toolchain, workspace};

const LIBRARIES_VARIABLE: &str = "LD_LIBRARY_PATH";

pub fn run(debug: bool, arguments: &[OsString]) -> Result<()> {
    let profile = if debug { "debug" } else { "release" };
    let program = workspace::target()?.join(profile).join("sluicegate-bench");
    let mut stages = Stages::new(4);
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
    if built {
        let mut tools = Vec::new();
        let known = stages.run("peers", || {
            tools = install_tools(&program, arguments)?;
            Ok(())
        });
        if known {
            stages.run("benches", || {
                let mut bench = Command::new(&program);
                bench.args(&tools).args(arguments).env(LIBRARIES_VARIABLE, libraries()?);
                command::run(&mut bench)
            });
        }
    }
    stages.finish()
}

/// What such a run needs and where it is, as arguments. One that cannot be had does not keep the others away.
fn install_tools(program: &Path, arguments: &[OsString]) -> Result<Vec<String>> {
    let needed = command::read(Command::new(program).args(arguments).arg("--list-tools"))?;
    let argument = |name: &str| match parts::install_peer(name) {
        Ok(place) => {
            eprintln!("    {name} is at {}", place.display());
            format!("--tool={name}={}", place.display())
        }
        Err(error) => {
            eprintln!("    {name} is not to be had: {error:#}");
            // Reports take one line.
            let reason = format!("{error:#}").lines().next().unwrap_or_default().to_owned();
            format!("--missing={name}={reason}")
        }
    };
    Ok(needed.lines().map(argument).collect())
}

/// What is already said there comes first.
fn libraries() -> Result<OsString> {
    let said = env::var_os(LIBRARIES_VARIABLE);
    let said = said.iter().flat_map(|paths| env::split_paths(paths).collect::<Vec<_>>());
    Ok(env::join_paths(said.chain([parts::libraries()?]))?)
}
