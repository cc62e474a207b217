//! Builds the bundled plugins, which `src/bundled.rs` takes into the binary.

use std::error::Error;
use std::path::PathBuf;

use sluicegate_build_plugins::Build;

const NAMES: [&str; 3] = ["api-key", "headers", "rate-limit"];

fn main() -> Result<(), Box<dyn Error>> {
    let packages = NAMES.map(|name| format!("plugin-{name}"));
    let build = Build::in_build_script(&packages.each_ref().map(String::as_str))?;
    build.watch(&["plugins"]);
    let components = match build.run() {
        Ok(components) => components,
        Err(error) => {
            // Cargo prints what a build script writes, where an error returned would be one long quoted line.
            eprintln!("{error}");
            std::process::exit(1);
        }
    };
    let folder = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    for (name, component) in NAMES.iter().zip(components) {
        std::fs::copy(&component, folder.join(name).with_extension("wasm"))?;
    }
    Ok(())
}
