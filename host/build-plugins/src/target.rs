//! Sees to it that the compiler can make components, and adds what is missing where it can.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Error, TARGET};

const LINKER: &str = "wasm-component-ld";

/// Adds the target through rustup if it is missing. Asked in `folder`, which may have a toolchain of its own.
pub(crate) fn ensure(folder: &Path) -> Result<(), Error> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
    ensure_with(folder, &rustc, OsStr::new("rustup"))
}

fn ensure_with(folder: &Path, rustc: &OsStr, rustup: &OsStr) -> Result<(), Error> {
    if !is_installed(folder, rustc)? {
        add(folder, rustup)?;
        if !is_installed(folder, rustc)? {
            return Err(remedy("rustup says that it added the target, and the compiler in use still lacks it"));
        }
    }
    let sysroot = PathBuf::from(ask(folder, rustc, &["--print", "sysroot"])?);
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

fn is_installed(folder: &Path, rustc: &OsStr) -> Result<bool, Error> {
    let libraries = PathBuf::from(ask(folder, rustc, &["--print", "target-libdir", "--target", TARGET])?);
    let mut files = std::fs::read_dir(libraries).into_iter().flatten().flatten();
    Ok(files.any(|file| file.file_name().to_string_lossy().starts_with("libstd-")))
}

fn add(folder: &Path, rustup: &OsStr) -> Result<(), Error> {
    let output = Command::new(rustup).current_dir(folder).args(["target", "add", TARGET]).output();
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            Err(remedy(&format!("rustup could not add it: {}", String::from_utf8_lossy(&output.stderr).trim())))
        }
        Err(error) => Err(remedy(&format!("rustup could not be started: {error}"))),
    }
}

fn remedy(reason: &str) -> Error {
    Error::new(format!(
        "Plugins are compiled for {TARGET}, which this Rust lacks, and {reason}. Run `rustup target add {TARGET}` with access to the \
         network; with a Rust that is not from rustup, install its package for WebAssembly, such as `libstd-rust-dev-wasm32` on Debian."
    ))
}

fn ask(folder: &Path, rustc: &OsStr, arguments: &[&str]) -> Result<String, Error> {
    let failed = |reason: String| Error::new(format!("{} {} failed: {reason}", rustc.display(), arguments.join(" ")));
    let output =
        Command::new(rustc).current_dir(folder).args(arguments).output().map_err(|error| failed(error.to_string()))?;
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
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(linker).is_file()))
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A folder with a compiler that says it keeps its targets there, and a rustup that does as told.
    fn toolchain(name: &str, rustup: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("sluicegate-{name}-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("lib/rustlib/host/bin")).unwrap();
        std::fs::write(folder.join("lib/rustlib/host/bin").join(LINKER), "").unwrap();
        let home = folder.display();
        let rustc = format!("#!/bin/sh\ncase $2 in sysroot) echo {home};; *) echo {home}/wasm;; esac\n");
        for (program, text) in [("rustc", rustc), ("rustup", format!("#!/bin/sh\ncd {home}\n{rustup}\n"))] {
            let path = folder.join(program);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        folder
    }

    #[test]
    fn a_missing_target_is_added_through_rustup_or_the_error_says_how() {
        let adds = toolchain("adds", "echo \"$@\" > asked; mkdir wasm; touch wasm/libstd-1.rlib");
        let fails = toolchain("fails", "echo no network >&2; exit 1");
        let lies = toolchain("lies", "exit 0");
        let ensure = |folder: &Path, rustup: &str| {
            ensure_with(folder, folder.join("rustc").as_os_str(), folder.join(rustup).as_os_str())
        };

        ensure(&adds, "rustup").unwrap();
        assert_eq!(std::fs::read_to_string(adds.join("asked")).unwrap(), format!("target add {TARGET}\n"));
        for (folder, rustup, reason) in [
            (&fails, "rustup", "rustup could not add it: no network. "),
            (&lies, "rustup", "the compiler in use still lacks it. "),
            (&fails, "no-rustup", "rustup could not be started"),
        ] {
            let error = ensure(folder, rustup).unwrap_err().to_string();
            assert!(
                error.contains(reason) && error.contains("Run `rustup target add wasm32-unknown-unknown`"),
                "{error}"
            );
        }
        for folder in [adds, fails, lies] {
            std::fs::remove_dir_all(folder).unwrap();
        }
    }
}
