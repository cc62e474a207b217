//! Several plugins of this workspace at once, as a build script or a test needs them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Error, PROFILE, TARGET, cargo, target};

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
        target::ensure(&self.workspace)?;
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
        let mut command = cargo(&self.workspace);
        // The target folder is said below; the one of the outer build is locked.
        command.env_remove("CARGO_TARGET_DIR").env_remove("CARGO_BUILD_TARGET_DIR");
        command.args(["build", "--locked", "--target", TARGET, "--profile", PROFILE, "--target-dir"]);
        command.arg(&self.target_dir);
        if self.line_tables {
            for setting in ["debug=\"line-tables-only\"", "strip=false"] {
                command.args(["--config", &format!("profile.{PROFILE}.{setting}")]);
            }
        }
        for package in &self.packages {
            command.args(["--package", package]);
        }
        command
    }

    fn component(&self, package: &str) -> Result<PathBuf, Error> {
        let path = self.target_dir.join(TARGET).join(PROFILE).join(format!("{}.wasm", package.replace('-', "_")));
        match path.is_file() {
            true => Ok(path),
            false => Err(Error::new(format!(
                "{package} was built, and {} is missing: does its Cargo.toml say `crate-type = [\"cdylib\"]`?",
                path.display()
            ))),
        }
    }
}
