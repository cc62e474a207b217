//! `packaging/Dockerfile` against the repository: what it names is there, and is what it takes it for. That needs no Docker; that the
//! image is made and starts is for whoever has one to see.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Its instructions, each on one line, without comments.
fn instructions() -> Vec<String> {
    let text = read("packaging/Dockerfile").replace("\\\n", " ");
    text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(str::to_owned).collect()
}

fn the_one(start: &str) -> String {
    let all: Vec<String> = instructions().into_iter().filter(|line| line.starts_with(start)).collect();
    assert_eq!(all.len(), 1, "{start}: {all:?}");
    all[0].clone()
}

#[test]
fn the_image_is_built_by_the_compiler_that_the_workspace_asks_for_and_for_its_target() {
    let workspace: toml::Table = read("Cargo.toml").parse().unwrap();
    let version = workspace["workspace"]["package"]["rust-version"].as_str().unwrap();
    let from: Vec<String> = instructions().into_iter().filter(|line| line.starts_with("FROM ")).collect();
    assert_eq!(from.len(), 2, "{from:?}");
    assert_eq!(from[0], format!("FROM rust:{version}-bookworm AS build"));
    // Both of one Debian: the program is linked against the libc of the first and runs with that of the second.
    assert_eq!(from[1], "FROM debian:bookworm-slim");
    let target = the_one("RUN rustup target add ");
    let target = target.rsplit(' ').next().unwrap();
    assert!(read("README.md").contains(&format!("`{target}`")), "{target}");
}

#[test]
fn the_command_that_builds_it_finds_its_package_its_program_and_its_lock_file() {
    let build = the_one("RUN cargo build");
    assert_eq!(build, "RUN cargo build --release --locked -p sluicegate --bin sluicegate");
    // Changes nothing, and fails where the lock file does not fit the manifests.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut metadata = Command::new(cargo);
    metadata.args(["metadata", "--locked", "--offline", "--no-deps", "--format-version", "1"]).current_dir(root());
    let output = metadata.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = found["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == "sluicegate").unwrap();
    let targets = package["targets"].as_array().unwrap();
    assert!(targets.iter().any(|target| target["name"] == "sluicegate" && target["kind"][0] == "bin"), "{targets:?}");
    let copied = the_one("COPY --from=build ");
    let paths: Vec<&str> = copied.split(' ').skip(2).collect();
    assert_eq!(paths, ["/source/target/release/sluicegate", "/usr/local/bin/sluicegate"]);
}

#[test]
fn everything_that_a_build_reads_is_in_the_context_and_what_a_build_writes_is_not() {
    assert_eq!(the_one("COPY . "), "COPY . .");
    let ignored = read("packaging/Dockerfile.dockerignore");
    // `cargo build` wants all members, and none of them lies in a folder of that name.
    assert_eq!(ignored.lines().collect::<Vec<_>>(), ["**/target", ".git"]);
    let listed = Command::new("git").args(["ls-files", "--cached"]).current_dir(root()).output().unwrap();
    let files = String::from_utf8(listed.stdout).unwrap();
    assert!(files.lines().count() > 100, "{files}");
    let lost: Vec<&str> = files.lines().filter(|file| file.split('/').any(|part| part == "target")).collect();
    assert!(lost.is_empty(), "{lost:?}");
}

#[test]
fn it_starts_as_a_user_without_rights_with_a_command_that_there_is() {
    let user = the_one("USER ");
    let id = user.trim_start_matches("USER ").split(':').next().unwrap().to_owned();
    assert!(id.parse::<u32>().is_ok_and(|id| id > 0), "{user}");
    let folder = the_one("VOLUME ").trim_start_matches("VOLUME ").to_owned();
    assert!(instructions().iter().any(|line| line.contains(&format!("install -d -o {id} -g {id} {folder}"))));
    let words = |line: &str| -> Vec<String> { serde_json::from_str(line).unwrap() };
    let entry = words(the_one("ENTRYPOINT ").trim_start_matches("ENTRYPOINT "));
    let command = words(the_one("CMD ").trim_start_matches("CMD "));
    assert_eq!(entry, ["sluicegate"]);
    // The file is what is missing, and not the command or its flag.
    let output = Command::new(sluicegate_tests::binary()).args(&command).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains(&command[2]), "{said}");
    assert_eq!(the_one("STOPSIGNAL "), "STOPSIGNAL SIGTERM");
}
