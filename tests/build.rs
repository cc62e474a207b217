//! Builds the hostile plugins under `guests/`, and writes down which there are: a guest without a test of its name must not
//! compile.

use std::error::Error;
use std::fmt::Write;
use std::path::PathBuf;

use sluicegate_build_plugins::Build;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").ok_or("CARGO_MANIFEST_DIR is not set")?);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder.join("guests"))? {
        let entry = entry?;
        if entry.path().join("Cargo.toml").is_file() {
            names.push(entry.file_name().into_string().map_err(|name| format!("{} is no name", name.display()))?);
        }
    }
    names.sort();
    let packages: Vec<String> = names.iter().map(|name| format!("guest-{name}")).collect();
    let build = Build::in_build_script(&packages.iter().map(String::as_str).collect::<Vec<_>>())?;
    build.watch(&["tests/guests"]);
    build.run_into_out_dir(&names.iter().map(String::as_str).collect::<Vec<_>>())?;
    // Once more as its author has it at work: what a trap says then is another thing.
    let with_lines = Build {
        target_dir: build.target_dir.with_file_name("plugins-with-lines"),
        packages: vec!["guest-clumsy".to_owned()],
        line_tables: true,
        ..build
    };
    with_lines.run_into_out_dir(&["clumsy-with-lines"])?;
    let (mut constants, mut calls) = (String::new(), String::new());
    for name in &names {
        let file = format!("{name}.wasm");
        let constant = name.replace('-', "_").to_uppercase();
        writeln!(constants, "pub const {constant}: &[u8] = include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{file}\"));")?;
        writeln!(calls, "        $check!({});", name.replace('-', "_"))?;
    }
    writeln!(
        constants,
        "pub const CLUMSY_WITH_LINES: &[u8] = include_bytes!(concat!(env!(\"OUT_DIR\"), \"/clumsy-with-lines.wasm\"));"
    )?;
    let each =
        format!("#[macro_export]\nmacro_rules! for_each_guest {{\n    ($check:ident) => {{\n{calls}    }};\n}}\n");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    std::fs::write(out.join("guests.rs"), constants + &each)?;
    Ok(())
}
