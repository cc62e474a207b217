//! Everything that must hold before a change is merged. A stage that fails does not hide what the others find.

use std::process::Command;

use anyhow::{Result, bail};

use crate::stages::Stages;
use crate::{command, parts, test, tidy, workspace};

pub fn run() -> Result<()> {
    let mut stages = Stages::new(test::STAGES + 4);
    stages.run("format", || command::run(command::cargo()?.args(["fmt", "--all", "--check"])));
    stages.run("tidy", tidy::run);
    test::add_stages(&mut stages, &[]);
    stages.run("warnings", no_warnings);
    match parts::cargo_deny() {
        Ok(program) => {
            stages.run("dependencies", || {
                let mut deny = Command::new(program);
                deny.current_dir(workspace::root()?);
                command::run(deny.args(["--all-features", "check", "bans", "licenses", "sources"]))
            });
        }
        Err(error) => stages.skip("dependencies", &format!("cargo-deny is not to be had here: {error:#}")),
    }
    stages.finish()
}

/// Cargo repeats the warnings of what is already built. A compiler flag that forbids them would build everything anew.
fn no_warnings() -> Result<()> {
    let mut cargo = command::cargo()?;
    cargo.args(["build", "--workspace", "--bins", "--tests"]);
    let output = cargo.output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    command::succeeded(&cargo, output.status)?;
    if text.lines().any(|line| line.starts_with("warning: ")) {
        bail!("the compiler warns:\n{}", text.trim_end());
    }
    Ok(())
}
