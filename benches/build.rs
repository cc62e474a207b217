//! Builds the components that `src/plugin_calls.rs` measures.

use std::path::PathBuf;

use sluicegate_build_plugins::Build;

const PACKAGES: [&str; 2] = ["guest-lookup", "plugin-api-key"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let build = Build::in_build_script(&PACKAGES)?;
    build.watch(&["benches/guests", "plugins/api-key"]);
    let components = match build.run() {
        Ok(components) => components,
        Err(error) => {
            // Cargo prints what a build script writes, where an error returned would be one long quoted line.
            eprintln!("{error}");
            std::process::exit(1);
        }
    };
    let folder = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    for (package, component) in PACKAGES.iter().zip(components) {
        std::fs::copy(&component, folder.join(package).with_extension("wasm"))?;
    }
    Ok(())
}
