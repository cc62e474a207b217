//! Writes the Rust of the pages for authors of plugins where a test program includes it: each file that a page shows becomes a
//! module, whose tests run.

#[path = "src/pages.rs"]
mod pages;

use std::error::Error;
use std::fmt::Write;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from).ok_or(format!("{name} is not set"));
    let root = variable("CARGO_MANIFEST_DIR")?.join("../..");
    println!("cargo::rerun-if-changed={}", root.join(pages::FOLDER).display());
    let out = variable("OUT_DIR")?;
    let mut modules = String::new();
    for page in pages::pages(&root)? {
        for file in page.rust_files()? {
            let path = out.join(format!("{}.rs", file.module));
            std::fs::write(&path, file.text)?;
            writeln!(modules, "#[path = {path:?}]\nmod {};", file.module)?;
        }
    }
    std::fs::write(out.join("files.rs"), modules)?;
    Ok(())
}
