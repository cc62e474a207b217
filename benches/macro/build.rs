//! Builds the components that `src/plugin_calls.rs` measures.

use sluicegate_build_plugins::Build;

const PACKAGES: [&str; 2] = ["guest-lookup", "plugin-api-key"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let build = Build::in_build_script(&PACKAGES)?;
    build.watch(&["benches/guests", "plugins/api-key"]);
    build.run_into_out_dir(&PACKAGES)?;
    Ok(())
}
