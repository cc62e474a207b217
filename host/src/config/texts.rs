//! The texts that a configuration is made from, as they were when they were read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::diagnostic::Diagnostics;
use super::model::Inputs;
use super::read;

/// The texts of one configuration: the main file first, then those that it includes, in the order of their paths.
///
/// It holds all that [`parse`](super::parse) reads of them, so a configuration that was recorded can be checked again later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Texts {
    pub files: Vec<TextFile>,
    /// Files that stand in for those that `plugins` names, by the plugin's name: for a configuration whose files may have changed since.
    #[serde(skip)]
    pub plugin_files: BTreeMap<String, PathBuf>,
}

/// One file and what stood in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextFile {
    /// Absolute, or relative to the working directory.
    pub path: PathBuf,
    pub text: String,
}

impl Texts {
    /// Reads `path` and what it includes.
    ///
    /// # Errors
    /// What cannot be read, each with what to do about it.
    pub fn read(path: &Path) -> Result<Texts, Diagnostics> {
        Texts::of(path, read::read(path)?)
    }

    /// `text` in place of what stands at `path`; includes are read from the disk.
    ///
    /// # Errors
    /// What cannot be read, each with what to do about it.
    pub fn of(path: &Path, text: String) -> Result<Texts, Diagnostics> {
        let main = TextFile { path: path.to_owned(), text };
        Ok(Texts { files: vec![main], plugin_files: BTreeMap::new() })
    }

    /// The folder that relative paths start from.
    pub(super) fn folder(&self) -> &Path {
        self.files.first().and_then(|main| main.path.parent()).unwrap_or(Path::new(""))
    }

    /// The texts' own files.
    pub(super) fn inputs(&self) -> Inputs {
        Inputs { files: self.files.iter().map(|file| file.path.clone()).collect(), ..Inputs::default() }
    }
}
