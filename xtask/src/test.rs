//! All tests, with everything fetched and built in front of them.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use anyhow::{Context, Result};

use crate::stages::Stages;
use crate::{command, parts, toolchain};

pub fn run(arguments: &[OsString]) -> Result<()> {
    let mut stages = Stages::new(STAGES);
    add_stages(&mut stages, arguments);
    stages.finish()
}

pub const STAGES: usize = 4;

pub fn add_stages(stages: &mut Stages, arguments: &[OsString]) {
    // A part that could not be fetched fails its stage and the tests that need it, not the others.
    let targets = stages.run("wasm targets", toolchain::add_targets);
    stages.run("parts", parts::run);
    if targets && stages.run("build", build) {
        stages.run("tests", || test(arguments));
    } else {
        stages.skip("tests", "what they run was not built");
    }
}

fn build() -> Result<()> {
    // The programs too: tests over sockets start the real one.
    command::run(command::cargo()?.args(["build", "--workspace", "--bins", "--tests"]))
}

fn test(arguments: &[OsString]) -> Result<()> {
    let mut cargo = command::cargo()?;
    cargo.args(["test", "--workspace", "--no-fail-fast"]).args(arguments);
    cargo.env(parts::PYTHON_VARIABLE, parts::python()?).env(parts::REGISTRY_VARIABLE, parts::registry()?);
    cargo.env(parts::JAVASCRIPT_VARIABLE, parts::javascript()?);
    cargo.env(parts::PYTHON_PLUGINS_VARIABLE, parts::python_plugins()?);
    let mut child = cargo.stdout(Stdio::piped()).spawn().context("cargo could not be started")?;
    let mut summary = Summary::default();
    for line in BufReader::new(child.stdout.take().context("cargo has no output")?).split(b'\n') {
        let line = line?;
        summary.read(&String::from_utf8_lossy(&line));
        std::io::stdout().lock().write_all(&[&line[..], b"\n"].concat())?;
    }
    let status = child.wait()?;
    eprintln!("\ncargo test: {summary}");
    command::succeeded(&cargo, status)
}

/// The sum of the closing lines of all test programs.
#[derive(Default)]
struct Summary {
    programs: u64,
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Summary {
    /// Such as `test result: ok. 17 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s`.
    fn read(&mut self, line: &str) {
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) else {
            return;
        };
        self.programs += 1;
        for count in counts.split("; ") {
            match count.split_once(' ') {
                Some((number, "passed")) => self.passed += number.parse().unwrap_or(0),
                Some((number, "failed")) => self.failed += number.parse().unwrap_or(0),
                Some((number, "ignored")) => self.ignored += number.parse().unwrap_or(0),
                _ => {}
            }
        }
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Summary { programs, passed, failed, ignored } = self;
        write!(formatter, "{passed} passed, {failed} failed, {ignored} ignored in {programs} test programs")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_add_up_and_other_lines_do_not_count() {
        let mut summary = Summary::default();
        for line in [
            "test result: ok. 17 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test a_test ... ok",
            "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
        ] {
            summary.read(line);
        }
        assert_eq!(summary.to_string(), "19 passed, 1 failed, 1 ignored in 2 test programs");
    }
}
