//! Builds plugin crates of this workspace into components, from a build script or a command.

mod target;

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What plugins are compiled for: nothing in it but what the contract offers.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// One run of cargo for plugins.
#[derive(Debug, Clone)]
pub struct Build {
    /// The folder of the workspace's `Cargo.toml`.
    pub workspace: PathBuf,
    /// A target folder of its own: the outer cargo holds the lock of the usual one for as long as a build script runs.
    pub target_dir: PathBuf,
    /// Names of packages, each with one `cdylib`.
    pub packages: Vec<String>,
    /// With names of functions and line tables, so that a trap says where it was.
    pub line_tables: bool,
    /// What cargo says goes to this process's standard error instead of into the error.
    pub show_progress: bool,
}

/// Why there are no components, and what to do about it.
#[derive(Debug)]
pub struct Error {
    message: String,
}

impl Error {
    fn new(message: impl Into<String>) -> Error {
        Error { message: message.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl Build {
    /// For use in a build script of this workspace: the target folder is `plugins` beside the profile's own.
    pub fn in_build_script(packages: &[&str]) -> Result<Build, Error> {
        let variable = |name: &str| {
            let value = std::env::var_os(name).map(PathBuf::from);
            value.ok_or_else(|| Error::new(format!("{name} is not set: this runs in a build script.")))
        };
        let workspace = variable("CARGO_MANIFEST_DIR")?
            .ancestors()
            .skip(1)
            .find(|folder| folder.join("Cargo.lock").is_file())
            .map(Path::to_owned);
        // OUT_DIR is TARGET/PROFILE/build/PACKAGE-HASH/out.
        let target = variable("OUT_DIR")?.ancestors().nth(4).map(Path::to_owned);
        match (workspace, target) {
            (Some(workspace), Some(target)) => Ok(Build {
                workspace,
                target_dir: target.join("plugins"),
                packages: packages.iter().map(|package| (*package).to_owned()).collect(),
                line_tables: false,
                show_progress: false,
            }),
            _ => Err(Error::new(
                "The workspace or its target folder was not found above CARGO_MANIFEST_DIR and OUT_DIR.",
            )),
        }
    }

    /// Tells cargo to run this build script again when something changes that every plugin is made from, and `folders`.
    pub fn watch(&self, folders: &[&str]) {
        let shared = ["Cargo.toml", "Cargo.lock", ".cargo/config.toml", "plugin-sdk", "wit"];
        for path in shared.iter().chain(folders) {
            println!("cargo::rerun-if-changed={}", self.workspace.join(path).display());
        }
    }

    /// Builds all packages. One path a package, in the same order.
    pub fn run(&self) -> Result<Vec<PathBuf>, Error> {
        target::ensure()?;
        let mut command = self.command();
        let output = if self.show_progress {
            command.stdout(Stdio::null()).stderr(Stdio::inherit()).output()
        } else {
            command.output()
        };
        let output =
            output.map_err(|error| Error::new(format!("cargo could not be started for the plugins: {error}")))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(Error::new(format!("The plugins do not build ({}). cargo said:\n{said}", output.status)));
        }
        self.packages.iter().map(|package| self.component(package)).collect()
    }

    /// For build scripts: builds all packages, each into `OUT_DIR` as `NAME.wasm`, the names in the packages' order.
    ///
    /// If they do not build, says why and ends the process: cargo prints what a build script writes, where an error returned
    /// would be one long quoted line.
    pub fn run_into_out_dir(&self, names: &[&str]) -> Result<(), Error> {
        let components = match self.run() {
            Ok(components) => components,
            Err(error) => {
                eprintln!("{error}");
                std::process::exit(1);
            }
        };
        let folder = std::env::var_os("OUT_DIR").map(PathBuf::from);
        let folder = folder.ok_or_else(|| Error::new("OUT_DIR is not set: this runs in a build script."))?;
        for (name, component) in names.iter().zip(components) {
            let target = folder.join(format!("{name}.wasm"));
            std::fs::copy(&component, &target)
                .map_err(|error| Error::new(format!("{} cannot be written: {error}", target.display())))?;
        }
        Ok(())
    }

    fn command(&self) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut command = Command::new(cargo);
        command.current_dir(&self.workspace).args([
            "build",
            "--locked",
            "--target",
            TARGET,
            "--profile",
            "plugin",
            "--target-dir",
        ]);
        command.arg(&self.target_dir);
        if self.line_tables {
            for setting in ["debug=\"line-tables-only\"", "strip=false"] {
                command.args(["--config", &format!("profile.plugin.{setting}")]);
            }
        }
        for package in &self.packages {
            command.args(["--package", package]);
        }
        for (name, _) in std::env::vars_os() {
            if belongs_to_the_outer_build(&name.to_string_lossy()) {
                command.env_remove(name);
            }
        }
        command
    }

    fn component(&self, package: &str) -> Result<PathBuf, Error> {
        let path = self.target_dir.join(TARGET).join("plugin").join(format!("{}.wasm", package.replace('-', "_")));
        match path.is_file() {
            true => Ok(path),
            false => Err(Error::new(format!(
                "{package} was built, and {} is missing: does its Cargo.toml say `crate-type = [\"cdylib\"]`?",
                path.display()
            ))),
        }
    }
}

/// What the outer cargo tells its own compilers and build scripts, and would mislead the inner one: flags for the host, the
/// outer package's facts, and clippy in place of the compiler. Choices of the user stay: proxies, registries, wrappers that cache.
fn belongs_to_the_outer_build(name: &str) -> bool {
    const NAMES: [&str; 20] = [
        "CARGO_BUILD_RUSTFLAGS",
        "CARGO_BUILD_TARGET",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_TARGET_DIR",
        "CARGO_BUILD_TARGET_DIR",
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
            "RUSTC_WRAPPER",
            "RUSTUP_TOOLCHAIN",
            "CARGO_MAKEFLAGS",
        ] {
            assert!(!belongs_to_the_outer_build(name), "{name}");
        }
    }
}
