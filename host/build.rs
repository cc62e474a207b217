//! Builds the bundled plugins, which `src/bundled.rs` takes into the binary.

use std::error::Error;

use sluicegate_build_plugins::Build;

const NAMES: [&str; 3] = ["api-key", "headers", "rate-limit"];

fn main() -> Result<(), Box<dyn Error>> {
    let packages = NAMES.map(|name| format!("plugin-{name}"));
    let build = Build::in_build_script(&packages.each_ref().map(String::as_str))?;
    build.watch(&["plugins"]);
    build.run_into_out_dir(&NAMES)?;
    Ok(())
}
