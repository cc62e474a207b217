//! Tests of the configuration against the files that people see: examples, mistakes, schema and reference.

mod agreement;
mod examples;
mod exchanges;
mod files;
mod includes;
mod inputs;
mod mistakes;
mod place;
mod reference;

use std::path::{Path, PathBuf};

use super::{Config, Diagnostics, Texts};

/// Checks a text as if it stood in the file `name` of `folder`.
fn parse(text: &str, name: &str, folder: &Path) -> Result<Config, Diagnostics> {
    super::parse(&Texts::of(&folder.join(name), text.to_owned())?)
}

/// The root of the source tree.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Compares with a file in the source tree, or writes it when the environment has `UPDATE=1`.
#[track_caller]
fn assert_is_current(path: &Path, text: &str) {
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(path, text).unwrap();
        return;
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == text,
        "{} is stale; renew it with `UPDATE=1 cargo test --workspace config::` and look at the difference.\nIt should be:\n{text}",
        path.display(),
    );
}

/// The files of a folder with this extension, sorted, with their stems.
fn files(folder: &str, extension: &str) -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap();
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), path))
        .collect();
    files.sort();
    files
}

/// A folder of a test's own, removed at its end.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file, in folders that are made if need be.
    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn choose<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}
