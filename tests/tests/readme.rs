//! The commands of the README, run as they stand there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sluicegate_tests::readme::{Block, blocks};
use sluicegate_tests::{Demo, binary, sluicegate};
use tempfile::TempDir;

/// Builds what is missing and starts the gateway; it ends with Ctrl-C. Run for real, in whichever block it stands.
const DEMO: &str = "cargo xtask demo";
/// Runs this very test.
const TEST: &str = "cargo xtask test";
/// Another choice of packages may have other features, and then compiles the engine anew for minutes. What it runs is the
/// program that lies beside the tests.
const RUN: &str = "cargo run -p sluicegate --";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Without what cargo tells its tests, which would be told to the cargo that a block starts.
fn clean(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        let of_cargo =
            name_text.starts_with("CARGO_") && !["CARGO_HOME", "CARGO_TARGET_DIR"].contains(&name_text.as_ref());
        if of_cargo || name_text == "LD_LIBRARY_PATH" {
            command.env_remove(&name);
        }
    }
    let programs = binary().parent().unwrap().to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(programs).chain(std::env::split_paths(&path));
    command.env("PATH", std::env::join_paths(paths).unwrap())
}

/// Pastes a block into a shell, after what the running demo told its user to paste.
fn paste(block: &Block, demo: &Demo, folder: &Path) {
    let mut shell = Command::new("sh");
    shell.arg("-euc").arg(format!("{}{}", demo.exports(), block.text)).stdin(Stdio::null());
    // What is said to be run in the source is run there; all else where it can do no harm.
    let place = if block.text.contains("cargo ") { root() } else { folder.to_owned() };
    let output = clean(shell.current_dir(place)).output().unwrap();
    assert!(
        output.status.success(),
        "README.md:{}: {}\n{}\n--- stdout\n{}--- stderr\n{}",
        block.line,
        output.status,
        block.text,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn readme() -> String {
    let file = root().join("README.md");
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// A folder where commands can do no harm, with the examples in it.
fn folder_with_examples() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let examples = folder.path().join("examples");
    fs::create_dir(&examples).unwrap();
    for entry in fs::read_dir(root().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, examples.join(path.file_name().unwrap())).unwrap();
        }
    }
    folder
}

#[test]
fn the_commands_of_the_readme_work() {
    let markdown = readme();
    for command in [DEMO, TEST] {
        let in_a_block =
            ["sh", "console"].iter().flat_map(|word| blocks(&markdown, word)).any(|block| block.text.contains(command));
        assert!(in_a_block, "README.md has no block with `{command}`");
    }
    let blocks = blocks(&markdown, "sh");
    assert!(!blocks.is_empty(), "README.md has no block of `sh`: no other command in it is tested");
    let help = Command::new(binary().with_file_name("xtask")).arg("--help").output().unwrap();
    assert!(String::from_utf8_lossy(&help.stdout).contains("\n  test "), "xtask knows no `test`");

    let mut shell = Command::new("sh");
    clean(shell.arg("-c").arg(format!("exec {DEMO} --port 0")));
    let demo = Demo::run(shell, Some(&root()));
    let folder = folder_with_examples();
    for mut block in blocks {
        let lines =
            block.text.lines().filter(|line| ![DEMO, TEST].iter().any(|long| line.trim_start().starts_with(long)));
        block.text = lines.map(|line| format!("{}\n", line.replace(RUN, "sluicegate"))).collect();
        paste(&block, &demo, folder.path());
    }
    assert_eq!(demo.interrupt().code(), Some(0));
}

#[test]
fn the_whole_configurations_in_the_readme_pass_the_check() {
    let whole: Vec<Block> =
        blocks(&readme(), "toml").into_iter().filter(|block| block.text.contains("[[listen]]")).collect();
    assert!(!whole.is_empty(), "README.md shows no whole configuration");
    for block in whole {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("sluicegate.toml"), &block.text).unwrap();
        let said = sluicegate(folder.path(), &["check"]);
        assert_eq!(said.status, 0, "README.md:{}: {}", block.line, said.stderr);
    }
}
