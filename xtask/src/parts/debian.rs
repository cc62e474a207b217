//! Programs of Debian's packages: the system's own, or one that is unpacked with the libraries that are missing. To unpack takes
//! no rights, and starts no service.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{Progress, folder};
use crate::command;

const REMEDY: &str = "On Debian, run `sudo apt-get update` and the command again; elsewhere, install the program.";

/// Where the programs of packages lie, below the folder in which they are unpacked.
const PLACES: [&str; 3] = ["usr/lib/chromium", "usr/sbin", "usr/bin"];

/// The program of this name, from the package of that name. What is unpacked goes into a folder named `part`.
pub(super) fn program(part: &str, package: &str, name: &str) -> Result<PathBuf> {
    let folder = folder(part)?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let of_system = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    let mut candidates = of_system.map(|place| place.join(name)).chain(unpacked(&folder, name));
    if let Some(program) = candidates.find(|program| program.is_file()) {
        return Ok(program);
    }
    let _progress = Progress::start(format!("fetching {package} into {}", folder.display()));
    let downloads = folder.join("downloads");
    fs::create_dir_all(downloads.join("partial"))?;
    let download = || {
        let mut apt_get = Command::new("apt-get");
        apt_get.args(["-qq", "--yes", "--download-only", "--no-install-recommends", "-o", "Debug::NoLocking=1", "-o"]);
        apt_get.arg(format!("Dir::Cache::archives={}", downloads.display())).args(["install", package]);
        command::read(&mut apt_get)
    };
    if download().is_err() {
        // The lists of packages may be old, or missing.
        command::read(Command::new("apt-get").args(["update", "-qq"])).context(REMEDY)?;
        download().context(REMEDY)?;
    }
    for entry in fs::read_dir(&downloads)? {
        let file = entry?.path();
        if file.extension().is_some_and(|extension| extension == "deb") {
            command::read(Command::new("dpkg").arg("-x").arg(&file).arg(&folder)).context(REMEDY)?;
            fs::remove_file(file)?;
        }
    }
    let found = unpacked(&folder, name).find(|program| program.is_file());
    found.with_context(|| format!("the package {package} has no program {name}"))
}

/// For the libraries of what was unpacked and not installed.
pub(super) fn libraries(part: &str) -> Result<PathBuf> {
    let triplet = format!("{}-linux-gnu", std::env::consts::ARCH);
    Ok(folder(part)?.join("usr/lib").join(triplet))
}

fn unpacked(folder: &Path, name: &str) -> impl Iterator<Item = PathBuf> {
    PLACES.into_iter().map(move |place| folder.join(place).join(name))
}
