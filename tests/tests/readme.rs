//! The commands of the README, run as they stand there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sluicegate_tests::readme::{Block, blocks};
use sluicegate_tests::{Demo, binary};

/// Builds what is missing and starts the gateway; it ends with Ctrl-C.
const DEMO: &str = "cargo xtask demo";
/// Runs this very test.
const TEST: &str = "cargo xtask test";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Without what cargo tells its tests, which would be told to the cargo that a block starts.
fn clean(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        let of_cargo = name_text.starts_with("CARGO_") && !["CARGO_HOME", "CARGO_TARGET_DIR"].contains(&name_text.as_ref());
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
fn paste(block: &Block, demo: Option<&Demo>, folder: &Path) {
    let exports = demo.map(Demo::exports).unwrap_or_default();
    let mut shell = Command::new("sh");
    shell.arg("-euc").arg(format!("{exports}{}", block.text)).stdin(Stdio::null());
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

#[test]
fn the_commands_of_the_readme_work() {
    let file = root().join("README.md");
    let markdown = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let blocks = blocks(&markdown);
    assert!(!blocks.is_empty(), "README.md has no block of `sh`: nothing in it is tested");
    let commands: String = blocks.iter().map(|block| block.text.as_str()).collect();
    for command in [DEMO, TEST] {
        assert!(commands.contains(command), "README.md has no `{command}` in a block of `sh`");
    }
    let folder = tempfile::tempdir().unwrap();
    let examples = folder.path().join("examples");
    fs::create_dir(&examples).unwrap();
    for entry in fs::read_dir(root().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, examples.join(path.file_name().unwrap())).unwrap();
        }
    }
    let mut demo: Option<Demo> = None;
    for mut block in blocks {
        // A block may hold both, one below the other.
        if let Some(line) = block.text.lines().find(|line| line.trim_start().starts_with(DEMO)).map(str::to_owned) {
            let mut shell = Command::new("sh");
            clean(shell.arg("-c").arg(format!("exec {line}")));
            demo = Some(Demo::run(shell, Some(&root())));
            block.text = block.text.replace(&line, "");
        }
        if block.text.contains(TEST) {
            let help = Command::new(binary().with_file_name("xtask")).arg("--help").output().unwrap();
            assert!(String::from_utf8_lossy(&help.stdout).contains("\n  test "), "xtask knows no `test`");
            block.text = block.text.lines().filter(|line| !line.contains(TEST)).map(|line| format!("{line}\n")).collect();
        }
        if block.text.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#')) {
            paste(&block, demo.as_ref(), folder.path());
        }
    }
    assert_eq!(demo.expect("a demo was started").interrupt().code(), Some(0));
}
