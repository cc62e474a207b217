//! Sees to it that the compiler can make components, and adds what is missing where it can.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Error, TARGET};

const LINKER: &str = "wasm-component-ld";

/// Adds the target through rustup if it is missing.
pub(crate) fn ensure() -> Result<(), Error> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
    if !is_installed(&rustc)? {
        add()?;
        if !is_installed(&rustc)? {
            return Err(remedy("rustup says that it added the target, and the compiler in use still lacks it"));
        }
    }
    let sysroot = PathBuf::from(ask(&rustc, &["--print", "sysroot"])?);
    let linker = format!("{LINKER}{}", std::env::consts::EXE_SUFFIX);
    if in_sysroot(&sysroot, &linker) || in_path(&linker) {
        return Ok(());
    }
    Err(Error::new(format!(
        "{LINKER}, which writes components, is neither part of the compiler in {} nor in PATH. Use Rust from https://rustup.rs, \
         which brings it along, or run `cargo install {LINKER}`.",
        sysroot.display()
    )))
}

fn is_installed(rustc: &OsString) -> Result<bool, Error> {
    let folder = PathBuf::from(ask(rustc, &["--print", "target-libdir", "--target", TARGET])?);
    let mut files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    Ok(files.any(|file| file.file_name().to_string_lossy().starts_with("libstd-")))
}

fn add() -> Result<(), Error> {
    let output = Command::new("rustup").args(["target", "add", TARGET]).output();
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(remedy(&format!("rustup could not add it: {}", String::from_utf8_lossy(&output.stderr).trim()))),
        Err(error) => Err(remedy(&format!("rustup could not be started: {error}"))),
    }
}

fn remedy(reason: &str) -> Error {
    Error::new(format!(
        "Plugins are compiled for {TARGET}, which this Rust lacks, and {reason}. Run `rustup target add {TARGET}` with access to the \
         network; with a Rust that is not from rustup, install its package for WebAssembly, such as `libstd-rust-dev-wasm32` on Debian."
    ))
}

fn ask(rustc: &OsString, arguments: &[&str]) -> Result<String, Error> {
    let failed = |reason: String| Error::new(format!("{} {} failed: {reason}", rustc.display(), arguments.join(" ")));
    let output = Command::new(rustc).args(arguments).output().map_err(|error| failed(error.to_string()))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        false => Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
    }
}

/// `SYSROOT/lib/rustlib/HOST/bin`, where rustc looks for linkers first.
fn in_sysroot(sysroot: &Path, linker: &str) -> bool {
    let hosts = std::fs::read_dir(sysroot.join("lib").join("rustlib")).into_iter().flatten().flatten();
    hosts.into_iter().any(|host| host.path().join("bin").join(linker).is_file())
}

fn in_path(linker: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(linker).is_file()))
}
