//! Where `cargo xtask parts` has put what the tests start.

use std::path::PathBuf;
use std::process::Command;

/// A Python with the packages of the official clients.
pub fn python() -> PathBuf {
    let python = part("SLUICEGATE_PYTHON", "python/bin/python");
    assert!(
        python.is_file(),
        "{} is missing: run `cargo xtask parts`, or set SLUICEGATE_PYTHON to a Python with the package `openai`",
        python.display()
    );
    python
}

/// The reference implementation of an OCI registry.
pub fn registry() -> PathBuf {
    let registry = part("SLUICEGATE_REGISTRY", "registry/usr/bin/docker-registry");
    assert!(
        registry.is_file(),
        "{} is missing: run `cargo xtask parts`, or set SLUICEGATE_REGISTRY to the program `registry` of the CNCF's \
         distribution, version 2.8",
        registry.display()
    );
    registry
}

/// The folder with `componentize-js`.
pub fn javascript_tools() -> PathBuf {
    tools("SLUICEGATE_JAVASCRIPT_TOOLS", "javascript/node_modules/.bin", "componentize-js")
}

/// The folder with `componentize-py`.
pub fn python_tools() -> PathBuf {
    tools("SLUICEGATE_PYTHON_TOOLS", "python-plugins/bin", "componentize-py")
}

fn tools(variable: &str, path: &str, program: &str) -> PathBuf {
    let folder = part(variable, path);
    assert!(
        folder.join(program).exists(),
        "{} is missing: run `cargo xtask parts`, or set {variable} to the folder that has it",
        folder.join(program).display()
    );
    folder
}

/// A client to be run: the system's own, or the one that was unpacked.
///
/// # Panics
/// If it is not there.
pub fn client(name: &str) -> Command {
    let folder = part("SLUICEGATE_CLIENTS", "clients");
    let path = std::env::var_os("PATH").unwrap_or_default();
    // In this order a program of Debian's comes before the script that would start an installed one.
    let unpacked = ["usr/lib/chromium", "usr/bin"].map(|place| folder.join(place));
    let mut candidates = std::env::split_paths(&path).chain(unpacked).map(|place| place.join(name));
    let program = candidates.find(|program| program.is_file());
    let program = program.unwrap_or_else(|| panic!("{name} is missing: run `cargo xtask parts`, or install it"));
    let mut command = Command::new(&program);
    if program.starts_with(&folder) {
        let libraries = folder.join("usr/lib").join(format!("{}-linux-gnu", std::env::consts::ARCH));
        let libraries = [libraries.join("pulseaudio"), libraries];
        command.env("LD_LIBRARY_PATH", std::env::join_paths(libraries).expect("a path without colons"));
    }
    // A proxy of the machine must not stand between the client and the gateway.
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(name);
    }
    command
}

/// Runs openssl in a folder, and returns what it prints.
///
/// # Panics
/// If it says no.
pub fn openssl(folder: &std::path::Path, words: &[&str]) -> String {
    let output = Command::new("openssl").args(words).current_dir(folder).output();
    let output = output.expect("openssl is missing: install openssl 3, on Debian with `sudo apt-get install openssl`");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {}: {said}", words.join(" "));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn part(variable: &str, path: &str) -> PathBuf {
    let made = || {
        let test = std::env::current_exe().expect("a test has a path");
        test.ancestors().nth(3).expect("tests lie in TARGET/PROFILE/deps").join("parts").join(path)
    };
    std::env::var_os(variable).map_or_else(made, PathBuf::from)
}
