//! `sluicegate plugin build`: a crate becomes one small component, and it is said what takes the room.

mod package;
mod sections;
mod size;

use std::path::PathBuf;

use anyhow::{Context, bail};
use sluicegate_build_plugins::Kind;
use sluicegate_runtime::Inspection;

pub(in crate::cli) use self::package::Package;
use self::size::Size;
use crate::plugin_source::write_beside;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Options {
    /// The folder of the plugin's crate.
    #[arg(value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,
    /// The file to write; the package's name and `.wasm`, in FOLDER, unless given.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Keep the names of functions and the lines of the source, so that a failure says where it happened.
    #[arg(long)]
    debug: bool,
}

pub(super) fn build(options: &Options) -> anyhow::Result<()> {
    let package = Package::find(&options.folder)?;
    let kind = if options.debug { Kind::SmallWithLines } else { Kind::Small };
    let build = package.build(kind, false);
    build.prepare()?;
    let status = build.start()?.wait().context("cargo's end could not be waited for")?;
    if !status.success() {
        bail!("`{}` was not built: mend what cargo says above, then build it again", package.name);
    }
    let linked = package.component()?;
    let inspection = inspect(&package, &linked)?;
    let finished = if options.debug { linked.clone() } else { sections::stripped(&linked)? };
    let output = options.output.clone().unwrap_or_else(|| package.output());
    write_beside(&output, &finished, 0o644).with_context(|| format!("{} cannot be written", output.display()))?;
    let file = output.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    println!("{file}  {}", Size::of(&linked, &finished, &package.crate_name)?);
    println!("{}", role(&inspection));
    Ok(())
}

/// A crate that builds may be no plugin for all that.
pub(in crate::cli) fn inspect(package: &Package, component: &[u8]) -> anyhow::Result<Inspection> {
    Inspection::of(component).map_err(|reason| {
        anyhow::anyhow!(
            "`{}` builds, but the gateway would not load it: {reason}. Its src/lib.rs needs a line such as \
             `sluicegate_plugin::export!(Policy: head);`, and its Cargo.toml `crate-type = [\"cdylib\"]` under `[lib]`",
            package.name
        )
    })
}

fn role(inspection: &Inspection) -> String {
    let phases: Vec<&str> = inspection.phases.iter().map(|phase| phase.as_str()).collect();
    let grants: Vec<&str> = inspection.grants.iter().map(String::as_str).collect();
    let grants = match grants.as_slice() {
        [] => "no grant".to_owned(),
        [one] => format!("the grant `{one}`"),
        several => format!("the grants `{}`", several.join("`, `")),
    };
    format!("It runs in {} and needs {grants}.", phases.join(", "))
}
