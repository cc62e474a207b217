//! Files that cannot be read, and what is said about them.

use std::path::Path;

use super::Folder;
use crate::config::{Mistake, TEXT_BYTES_MAX, load};

/// What is printed for a file that cannot be read.
fn refused(path: &Path) -> String {
    let refused = load(path).unwrap_err();
    assert!(refused.items.iter().all(|item| item.mistake == Mistake::File && item.help.is_some()));
    refused.render(false)
}

#[test]
fn a_file_that_does_not_exist_says_where_to_start() {
    let folder = Folder::new();
    let printed = refused(&folder.path().join("no.toml"));
    assert!(printed.contains("the configuration file does not exist"), "{printed}");
    assert!(printed.contains("no.toml") && printed.contains("examples"), "{printed}");
}

#[test]
fn a_directory_says_to_name_the_file_in_it() {
    let folder = Folder::new();
    let printed = refused(folder.path());
    assert!(printed.contains("is a directory") && printed.contains("sluicegate.toml"), "{printed}");
}

#[test]
fn a_file_that_is_not_utf_8_says_in_which_line() {
    let folder = Folder::new();
    let printed = refused(&folder.file("x.toml", b"# one\n# two \xe4\n"));
    assert!(printed.contains("not UTF-8: see line 2"), "{printed}");
}

#[test]
fn a_file_over_the_limit_is_refused_and_one_at_the_limit_is_read() {
    let folder = Folder::new();
    let mut text = b"[[listen]]\naddress = \"127.0.0.1:0\"\n#".to_vec();
    text.resize(TEXT_BYTES_MAX, b'x');
    assert_eq!(load(&folder.file("x.toml", &text)).unwrap().listeners.len(), 1);
    text.push(b'x');
    let printed = refused(&folder.file("x.toml", &text));
    assert!(printed.contains("longer than 4 MiB"), "{printed}");
}
