//! Tests of the configuration against the files that people see: examples, mistakes, schema and reference.

mod agreement;
mod examples;
mod files;
mod mistakes;
mod place;
mod reference;

use std::path::{Path, PathBuf};

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
