//! Everything that must hold before a change is merged. A stage that fails does not hide what the others find.

use std::process::Command;

use anyhow::{Result, bail};

use crate::stages::Stages;
use crate::{command, parts, test, tidy, workspace};

pub fn run() -> Result<()> {
    let mut stages = Stages::new(test::STAGES + 5);
    stages.run("format", || {
        command::run(command::cargo()?.args(["fmt", "--all", "--check"]))?;
        // Workspaces of their own.
        for manifest in ["benches/macro/envoy-filters/Cargo.toml", "benches/micro/harness/Cargo.toml"] {
            command::run(command::cargo()?.args(["fmt", "--check", "--manifest-path", manifest]))?;
        }
        Ok(())
    });
    stages.run("tidy", tidy::run);
    test::add_stages(&mut stages, &[]);
    stages.run("warnings", no_warnings);
    stages.run("one build", one_build);
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

/// After the tests were built, nothing from a registry is left to compile for who runs the gateway alone.
fn one_build() -> Result<()> {
    let mut cargo = command::cargo()?;
    cargo.args(["build", "--package", "sluicegate"]);
    let output = cargo.output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    command::succeeded(&cargo, output.status)?;
    let again: Vec<&str> = text.lines().filter_map(from_a_registry).collect();
    if !again.is_empty() {
        bail!(
            "compiled again, with other features than for the tests; see host/one-build/Cargo.toml: {}",
            again.join(", ")
        );
    }
    Ok(())
}

/// The name and version in a line such as `   Compiling libc v0.2.191`; crates of ours have their folder behind it.
fn from_a_registry(line: &str) -> Option<&str> {
    line.trim_start().strip_prefix("Compiling ").filter(|rest| !rest.contains('('))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_of_a_registry_is_told_from_ours_by_the_folder_behind_it() {
        assert_eq!(from_a_registry("   Compiling libc v0.2.191"), Some("libc v0.2.191"));
        assert_eq!(from_a_registry("   Compiling sluicegate v0.1.0 (/somewhere/host)"), None);
        assert_eq!(from_a_registry("    Finished `dev` profile in 1.0s"), None);
    }
}
