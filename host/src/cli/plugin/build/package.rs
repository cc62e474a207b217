//! The package of a plugin, as cargo sees it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, bail};
use serde::Deserialize;
use sluicegate_build_plugins::{CrateBuild, Kind, PROFILE, TARGET, cargo};

/// A package that can become a component.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Package {
    pub(in crate::cli) name: String,
    /// What its code calls it.
    pub(in crate::cli) crate_name: String,
    /// Of its `Cargo.toml`.
    pub(in crate::cli) folder: PathBuf,
    /// What cargo calls it, which no other package has.
    id: String,
    target_folder: PathBuf,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Member>,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Member {
    name: String,
    id: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    crate_types: Vec<String>,
}

impl Package {
    /// The package whose `Cargo.toml` is in `folder`.
    ///
    /// # Errors
    /// Sentences that say what is missing, and the remedy.
    pub(in crate::cli) fn find(folder: &Path) -> anyhow::Result<Package> {
        let manifest = folder.join("Cargo.toml");
        if !manifest.is_file() {
            bail!(
                "there is no {}: name the folder of a plugin's crate, or make one with `sluicegate plugin new my-policy`",
                manifest.display()
            );
        }
        let folder = folder.canonicalize().with_context(|| format!("{} cannot be read", folder.display()))?;
        let metadata = metadata(&folder, &manifest)?;
        let is_here = |member: &&Member| {
            member.manifest_path.parent().and_then(|path| path.canonicalize().ok()) == Some(folder.clone())
        };
        let Some(member) = metadata.packages.iter().find(is_here) else {
            bail!(
                "{} is that of a workspace, without a package of its own: {}",
                manifest.display(),
                choice(&metadata.packages)
            );
        };
        let library = |target: &&Target| target.crate_types.iter().any(|kind| kind == "cdylib");
        let Some(library) = member.targets.iter().find(library) else {
            bail!(
                "`{}` makes no component: write `crate-type = [\"cdylib\"]` under `[lib]` in {}",
                member.name,
                manifest.display()
            );
        };
        Ok(Package {
            name: member.name.clone(),
            crate_name: library.name.replace('-', "_"),
            id: member.id.clone(),
            target_folder: metadata.target_directory,
            folder,
        })
    }

    pub(in crate::cli) fn build(&self, kind: Kind, quiet: bool) -> CrateBuild {
        CrateBuild { folder: self.folder.clone(), package: self.id.clone(), kind, quiet }
    }

    /// What the last build has linked.
    pub(in crate::cli) fn component(&self) -> anyhow::Result<Vec<u8>> {
        let file = self.target_folder.join(TARGET).join(PROFILE).join(format!("{}.wasm", self.crate_name));
        std::fs::read(&file)
            .with_context(|| format!("cargo built `{}`, but {} cannot be read", self.name, file.display()))
    }

    /// Where a configuration finds the component.
    pub(in crate::cli) fn output(&self) -> PathBuf {
        self.folder.join(format!("{}.wasm", self.name))
    }
}

fn metadata(folder: &Path, manifest: &Path) -> anyhow::Result<Metadata> {
    let mut command = cargo(folder);
    command.args(["metadata", "--no-deps", "--format-version", "1"]).stdin(Stdio::null());
    let output = command.output().map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            anyhow::anyhow!("cargo, which builds plugins in Rust, is not there: install Rust from https://rustup.rs")
        }
        _ => anyhow::Error::new(error).context("cargo could not be started"),
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("cargo cannot use {}:\n{}", manifest.display(), said.trim_end());
    }
    serde_json::from_slice(&output.stdout).context("cargo's description of the package cannot be read")
}

/// Which folders there are instead.
fn choice(members: &[Member]) -> String {
    let plugins = members
        .iter()
        .filter(|member| member.targets.iter().any(|target| target.crate_types.iter().any(|kind| kind == "cdylib")));
    let folders: Vec<String> = plugins
        .filter_map(|member| Some(format!("`sluicegate plugin build {}`", member.manifest_path.parent()?.display())))
        .collect();
    match folders.as_slice() {
        [] => "name the folder of a plugin's crate".to_owned(),
        folders => format!("name the folder of one package, as in {}", folders.join(" or ")),
    }
}
