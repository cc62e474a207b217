//! Builds the bundled plugins, which `src/bundled.rs` takes into the binary, and lists the SDK's sources, which go into the
//! crates that `sluicegate plugin new` writes.

use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use sluicegate_build_plugins::Build;

const NAMES: [&str; 7] = ["api-key", "headers", "meter", "prompt-template", "rate-limit", "redact", "router"];
/// What a plugin in Rust is written against, as the repository lays it out.
const SDK: [&str; 2] = ["plugin-sdk", "wit/v0.1"];

fn main() -> Result<(), Box<dyn Error>> {
    let packages = NAMES.map(|name| format!("plugin-{name}"));
    let build = Build::in_build_script(&packages.each_ref().map(String::as_str))?;
    build.watch(&["plugins", "LICENSE"]);
    build.run_into_out_dir(&NAMES)?;
    list_sdk(&build.workspace)
}

/// Writes `sdk.rs`: each file of the SDK with its path, and what its manifests take from the workspace.
fn list_sdk(workspace: &Path) -> Result<(), Box<dyn Error>> {
    let mut files = vec![PathBuf::from("LICENSE")];
    for folder in SDK {
        collect(workspace, Path::new(folder), &mut files)?;
    }
    files.sort();
    let mut text = String::from("pub const FILES: &[(&str, &[u8])] = &[\n");
    for file in &files {
        writeln!(text, "    ({file:?}, include_bytes!({:?})),", workspace.join(file))?;
    }
    text.push_str("];\n");
    for (name, file) in [("WORKSPACE", "Cargo.toml"), ("LOCK", "Cargo.lock")] {
        writeln!(text, "pub const {name}: &str = include_str!({:?});", workspace.join(file))?;
    }
    let out = std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?;
    std::fs::write(PathBuf::from(out).join("sdk.rs"), text)?;
    Ok(())
}

/// All files below a folder, but for what a build or an editor leaves there.
fn collect(workspace: &Path, folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in std::fs::read_dir(workspace.join(folder))? {
        let entry = entry?;
        let (path, name) = (folder.join(entry.file_name()), entry.file_name());
        let name = name.to_string_lossy();
        match entry.file_type()? {
            kind if kind.is_dir() && name != "target" && !name.starts_with('.') => collect(workspace, &path, files)?,
            kind if kind.is_file() && name != "Cargo.lock" && !name.starts_with('.') => files.push(path),
            _ => {}
        }
    }
    Ok(())
}
