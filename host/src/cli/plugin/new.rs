//! `sluicegate plugin new`: a crate of a policy that builds, has tests that pass, and runs.

mod lock;
mod manifest;
pub(in crate::cli) mod name;
mod sdk;
mod template;
mod written;

use std::path::{Path, PathBuf};

use anyhow::Context;

use self::sdk::Sdk;
use self::template::Template;
use self::written::Written;
use crate::cli::shell;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Options {
    /// The crate's name, such as `my-policy`.
    #[arg(value_name = "NAME")]
    name: String,
    /// What to begin with.
    #[arg(long, value_enum, default_value_t = Template::Request)]
    template: Template,
    /// The folder to write it into, which must be new or empty; NAME unless given.
    #[arg(long, value_name = "FOLDER")]
    path: Option<PathBuf>,
}

pub(super) fn new(options: &Options) -> anyhow::Result<()> {
    let Options { name, template, path } = options;
    name::check(name)?;
    let folder = path.as_deref().unwrap_or(Path::new(name));
    let files = template.files(name, &name::in_configuration(name));
    let manifest = files.iter().find(|(path, _)| *path == "Cargo.toml").map(|(_, text)| text.as_str());
    let sdk = Sdk::new(name, manifest.unwrap_or_default())
        .context("the SDK in this binary cannot be written out; please report this")?;
    let written = Written::begin(folder)?;
    for (path, text) in &files {
        written.write(path, text.as_bytes())?;
    }
    written.write("Cargo.lock", sdk.lock.as_bytes())?;
    for (path, bytes) in &sdk.files {
        written.write(&format!("sdk/{path}"), bytes)?;
    }
    written.keep();
    print!("{}", next(name, folder));
    Ok(())
}

/// What to paste now.
fn next(name: &str, folder: &Path) -> String {
    let folder = folder.display().to_string();
    format!("{name} is in {folder}. Next:\n\n  cd {}\n  cargo test\n  sluicegate dev\n", shell::quoted(&folder))
}
