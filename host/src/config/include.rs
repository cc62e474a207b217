//! Finds the files that `include` names: plain paths, and patterns such as `routes/*.toml`.
//!
//! Folders are read here and not by the crate that matches the names, so that the walk has a limit, and the folders in
//! which a match may appear later are known.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use glob::{MatchOptions, Pattern};

use super::source::printed;

/// Files that one configuration may include.
pub const INCLUDED_FILES_MAX: usize = 256;

/// Entries of folders that are looked at for all patterns of a configuration together.
pub const FOLDER_ENTRIES_MAX: usize = 16_384;

/// Hidden files do not match, since editors and Kubernetes keep their own under such names.
const MATCHING: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// The paths that patterns match, and where others may appear.
pub struct Walk<'a> {
    /// Relative patterns start here.
    base: &'a Path,
    pub folders: BTreeSet<PathBuf>,
    entries_left: usize,
}

/// Why an item of `include` is of no use.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    #[error("a pattern must not have `**`")]
    TwoStars,
    #[error("a `[` in this pattern is not closed")]
    Bracket,
    #[error("the folder `{}` cannot be read: {error}", printed(.folder))]
    Folder { folder: PathBuf, error: std::io::Error },
    #[error("the folders that `include` looks through have more than {FOLDER_ENTRIES_MAX} entries")]
    TooManyEntries,
}

impl Trouble {
    pub fn help(&self) -> &'static str {
        match self {
            Trouble::TwoStars => "name each folder, or write `*` for the name of one: `teams/*/routes.toml`",
            Trouble::Bracket => "`[a-z]` is one of a set of characters, and `[[]` is the bracket itself",
            Trouble::Folder { .. } => "give the user that runs the gateway the right to read it, or correct the path",
            Trouble::TooManyEntries => "put the files to include into folders of their own",
        }
    }
}

/// Whether a path stands for all files that match it.
pub fn is_pattern(item: &str) -> bool {
    item.contains(['*', '?', '['])
}

impl<'a> Walk<'a> {
    pub fn new(base: &'a Path) -> Walk<'a> {
        Walk { base, folders: BTreeSet::new(), entries_left: FOLDER_ENTRIES_MAX }
    }

    /// What an item of `include` stands for: the path itself, or all paths that the pattern matches.
    pub fn find(&mut self, item: &str) -> Result<Vec<PathBuf>, Trouble> {
        if !is_pattern(item) {
            return Ok(vec![self.base.join(item)]);
        }
        let mut found = vec![self.base.to_owned()];
        for component in components(item) {
            found = match part_of(component)? {
                Part::Plain(name) => found.iter().map(|folder| folder.join(name)).collect(),
                Part::Pattern(pattern) => self.matches(&found, &pattern)?,
            };
        }
        found.iter().filter_map(|path| path.parent()).for_each(|folder| self.note(folder));
        // A name that follows a pattern is in some of the folders only.
        found.retain(|path| path.symlink_metadata().is_ok_and(|found| !found.is_dir()) && !path.is_dir());
        Ok(found)
    }

    fn matches(&mut self, folders: &[PathBuf], pattern: &Pattern) -> Result<Vec<PathBuf>, Trouble> {
        let mut found = Vec::new();
        for folder in folders {
            self.note(folder);
            let failed = |error| Trouble::Folder { folder: folder.clone(), error };
            let entries = match std::fs::read_dir(or_here(folder)) {
                Ok(entries) => entries,
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => continue,
                Err(error) => return Err(failed(error)),
            };
            for entry in entries {
                self.entries_left = self.entries_left.checked_sub(1).ok_or(Trouble::TooManyEntries)?;
                let name = entry.map_err(failed)?.file_name();
                if name.to_str().is_some_and(|name| pattern.matches_with(name, MATCHING)) {
                    found.push(folder.join(name));
                }
            }
        }
        Ok(found)
    }

    /// Remembers a folder, or, as long as it is not there, the nearest one around it.
    fn note(&mut self, folder: &Path) {
        if let Some(present) = folder.ancestors().find(|folder| or_here(folder).is_dir()) {
            self.folders.insert(or_here(present).to_owned());
        }
    }
}

enum Part<'a> {
    Plain(&'a Path),
    Pattern(Pattern),
}

fn components(item: &str) -> impl Iterator<Item = Component<'_>> {
    Path::new(item).components()
}

fn part_of(component: Component<'_>) -> Result<Part<'_>, Trouble> {
    match component.as_os_str().to_str() {
        Some(text) if text.contains("**") => Err(Trouble::TwoStars),
        Some(text) if is_pattern(text) => Pattern::new(text).map(Part::Pattern).map_err(|_| Trouble::Bracket),
        _ => Ok(Part::Plain(Path::new(component.as_os_str()))),
    }
}

/// The empty path is the working directory.
fn or_here(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}
