//! One crate of a policy, wherever it lies: what its build needs is said to cargo in the call, so that the crate need not say it.

use std::path::PathBuf;
use std::process::{Child, Stdio};

use crate::{Error, PROFILE, TARGET, cargo, target};

/// One run of cargo for one crate.
#[derive(Debug, Clone)]
pub struct CrateBuild {
    /// The folder of the crate's `Cargo.toml`.
    pub folder: PathBuf,
    /// The package as cargo names it; a plain name will do where no other has it.
    pub package: String,
    pub kind: Kind,
    /// Says nothing but warnings and errors.
    pub quiet: bool,
}

/// What the component is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// As small as it gets. The names of functions stay in, for whoever wants to know what takes the room.
    Small,
    /// The same code, and with it where in the source it comes from.
    SmallWithLines,
    /// Built anew within a moment after each change, with source lines.
    QuickWithLines,
}

impl CrateBuild {
    /// Sees to it that the compiler can make components, and adds what is missing where it can. Once is enough.
    ///
    /// # Errors
    /// What is missing, and how to get it.
    pub fn prepare(&self) -> Result<(), Error> {
        target::ensure(&self.folder)
    }

    /// Starts cargo, which writes to this process's standard error. The component is there when it ends well, in the folder of
    /// [`TARGET`] and [`PROFILE`].
    ///
    /// # Errors
    /// Where cargo cannot be started.
    pub fn start(&self) -> Result<Child, Error> {
        let mut command = cargo(&self.folder);
        command.args(["build", "--lib", "--target", TARGET, "--profile", PROFILE, "--package", &self.package]);
        if self.quiet {
            command.arg("--quiet");
        }
        for setting in self.kind.settings() {
            command.arg("--config").arg(setting);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
        command.spawn().map_err(|error| Error::new(format!("cargo could not be started: {error}")))
    }
}

impl Kind {
    /// What this workspace says in `.cargo/config.toml` and under `[profile.plugin]`, where the reasons stand.
    ///
    /// Nothing is stripped: names are of use to whoever asks what takes the room, and he can leave them out himself.
    fn settings(self) -> Vec<String> {
        let (lines, small) = ("\"line-tables-only\"", self != Kind::QuickWithLines);
        let profile = [
            ("inherits", "\"release\""),
            ("opt-level", if small { "\"s\"" } else { "1" }),
            ("lto", if small { "true" } else { "\"off\"" }),
            ("codegen-units", if small { "1" } else { "16" }),
            ("incremental", if small { "false" } else { "true" }),
            ("panic", "\"abort\""),
            ("strip", "\"none\""),
            ("debug", if self == Kind::Small { "false" } else { lines }),
            // Macros are built once for all kinds.
            ("build-override.debug", "false"),
        ];
        let profile = profile.iter().map(|(key, value)| format!("profile.{PROFILE}.{key}={value}"));
        let target = [("linker", "\"wasm-component-ld\""), ("rustflags", "[\"-Clink-arg=-zstack-size=32768\"]")];
        profile.chain(target.iter().map(|(key, value)| format!("target.{TARGET}.{key}={value}"))).collect()
    }
}
