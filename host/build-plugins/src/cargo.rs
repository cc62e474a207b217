//! cargo, as it is started from within another build or beside one.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

/// cargo in a folder, without what an outer build says to its own compilers.
pub fn cargo(folder: &Path) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.current_dir(folder);
    for (name, _) in std::env::vars_os() {
        if belongs_to_the_outer_build(&name.to_string_lossy()) {
            command.env_remove(name);
        }
    }
    command
}

/// What the outer cargo tells its own compilers and build scripts, and would mislead the inner one: flags for the host, the
/// outer package's facts, and clippy in place of the compiler. Choices of the user stay: proxies, registries, wrappers that cache.
fn belongs_to_the_outer_build(name: &str) -> bool {
    const NAMES: [&str; 18] = [
        "CARGO_BUILD_RUSTFLAGS",
        "CARGO_BUILD_TARGET",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_CRATE_NAME",
        "CARGO_BIN_NAME",
        "CARGO_PRIMARY_PACKAGE",
        "DEBUG",
        "HOST",
        "NUM_JOBS",
        "OPT_LEVEL",
        "OUT_DIR",
        "PROFILE",
        "RUSTC_LINKER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTDOC",
        "RUSTDOCFLAGS",
        "RUSTFLAGS",
        "TARGET",
    ];
    const PREFIXES: [&str; 6] =
        ["CARGO_CFG_", "CARGO_FEATURE_", "CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_TARGET_WASM32_", "DEP_"];
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_outer_build_says_does_not_reach_the_inner_one_and_the_users_choices_do() {
        for name in [
            "CARGO_ENCODED_RUSTFLAGS",
            "RUSTFLAGS",
            "RUSTC_WORKSPACE_WRAPPER",
            "CARGO_CFG_UNIX",
            "CARGO_PKG_NAME",
            "OUT_DIR",
        ] {
            assert!(belongs_to_the_outer_build(name), "{name}");
        }
        for name in [
            "PATH",
            "HOME",
            "CARGO",
            "CARGO_HOME",
            "CARGO_NET_OFFLINE",
            "CARGO_TARGET_DIR",
            "RUSTC_WRAPPER",
            "RUSTUP_TOOLCHAIN",
            "CARGO_MAKEFLAGS",
        ] {
            assert!(!belongs_to_the_outer_build(name), "{name}");
        }
    }
}
