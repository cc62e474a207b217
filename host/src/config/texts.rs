//! The texts that a configuration is made from, as they were when they were read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostics, Mistake, Report};
use super::include::{INCLUDED_FILES_MAX, Walk};
use super::inputs::Inputs;
use super::raw::spot::{Span, Spot};
use super::read;
use super::source::{Source, printed};

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

/// One file and what stood in it. `Debug` shows none of it, since a text that is not checked yet may hold a secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextFile {
    /// Absolute, or relative to the working directory.
    pub path: PathBuf,
    pub text: String,
}

impl fmt::Debug for TextFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({} bytes)", self.path.display(), self.text.len())
    }
}

impl Texts {
    /// Reads `path` and what it includes.
    ///
    /// # Errors
    /// What cannot be read, each with what to do about it. Anything else is found by [`parse`](super::parse).
    pub fn read(path: &Path) -> Result<Texts, Diagnostics> {
        Texts::of(path, read::main(path)?)
    }

    /// `text` in place of what stands at `path`; includes are read from the disk.
    ///
    /// # Errors
    /// As for [`Texts::read`].
    pub fn of(path: &Path, text: String) -> Result<Texts, Diagnostics> {
        read::refuse_long(path, &text)?;
        let items = include_items(&text);
        let main = TextFile { path: path.to_owned(), text };
        let mut texts = Texts { files: vec![main], plugin_files: BTreeMap::new() };
        let mut report = Report::new(Source::new(&texts.files));
        let paths = included_paths(path, texts.folder(), &items, &mut report);
        if report.is_empty() {
            texts.read_included(paths, &mut report);
        }
        if report.is_empty() { Ok(texts) } else { Err(report.into_diagnostics()) }
    }

    fn read_included(&mut self, paths: Vec<(PathBuf, Span)>, report: &mut Report) {
        let mut bytes_left = read::TEXT_BYTES_MAX.saturating_sub(self.files.iter().map(|file| file.text.len()).sum());
        for (path, item) in paths {
            match read::included(&path, bytes_left) {
                Ok(text) => {
                    bytes_left = bytes_left.saturating_sub(text.len());
                    self.files.push(TextFile { path, text });
                }
                Err(problem) => {
                    let message = format!("`{}` {}", printed(&path), problem.message);
                    report.add(Mistake::Relation, &item, message).label("included here").help(problem.help);
                }
            }
        }
    }

    /// The folder that relative paths start from.
    pub(super) fn folder(&self) -> &Path {
        self.files.first().and_then(|main| main.path.parent()).unwrap_or(Path::new(""))
    }

    /// The texts' own files, and where others may appear.
    pub(super) fn inputs<'a>(&self, include: impl Iterator<Item = &'a str>) -> Inputs {
        let mut walk = Walk::new(self.folder());
        for item in include {
            // Reading has refused what is wrong with it; a text that was recorded is no longer held against the disk.
            drop(walk.find(item));
        }
        Inputs { files: self.files.iter().map(|file| file.path.clone()).collect(), folders: walk.folders }
    }
}

/// What the main file includes; nothing if that cannot be understood, which checking it will say.
pub(super) fn include_items(text: &str) -> Vec<Spot<String>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    match document.get_ref().get("include").map(|node| node.get_ref()) {
        Some(DeValue::Array(items)) if errors.is_empty() => {
            let items = items.iter().take(INCLUDED_FILES_MAX);
            let items =
                items.filter_map(|item| Some(Spot { value: item.get_ref().as_str()?.to_owned(), span: item.span() }));
            items.filter(|item| !item.is_empty() && !item.contains('\0')).collect()
        }
        _ => Vec::new(),
    }
}

/// Each file once, under whatever names it is found, and never the main file. With each, the item that it is included by.
fn included_paths(main: &Path, base: &Path, items: &[Spot<String>], report: &mut Report) -> Vec<(PathBuf, Span)> {
    let mut walk = Walk::new(base);
    let mut found: BTreeMap<PathBuf, Span> = BTreeMap::new();
    for item in items {
        match walk.find(item) {
            Ok(paths) => {
                for path in paths {
                    found.entry(path).or_insert(item.span.clone());
                }
            }
            Err(trouble) => drop(report.add(Mistake::Relation, &item.span, trouble.to_string()).help(trouble.help())),
        }
    }
    let identity = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut seen = BTreeSet::from([identity(main)]);
    found.retain(|path, _| seen.insert(identity(path)));
    if let Some((_, item)) = found.iter().nth(INCLUDED_FILES_MAX) {
        let message = format!("more than {INCLUDED_FILES_MAX} files are included");
        report.add(Mistake::Relation, item, message).help("put several of them together into one");
    }
    found.into_iter().collect()
}
