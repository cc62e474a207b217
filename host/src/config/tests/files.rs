//! Files that cannot be read, and what is said about them.

use std::path::{Path, PathBuf};

use crate::config::{FILE_BYTES_MAX, Mistake, load};

/// A folder of this test's own, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("sluicegate-config-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn file(&self, content: &[u8]) -> PathBuf {
        let path = self.0.join("x.toml");
        std::fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that stays behind in the system's temporary folder does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What is printed for a file that cannot be read.
fn refused(path: &Path) -> String {
    let refused = load(path).unwrap_err();
    assert!(refused.items.iter().all(|item| item.mistake == Mistake::File && item.help.is_some()));
    refused.render(false)
}

#[test]
fn a_file_that_does_not_exist_says_where_to_start() {
    let folder = Folder::new("missing");
    let printed = refused(&folder.0.join("no.toml"));
    assert!(printed.contains("the configuration file does not exist"), "{printed}");
    assert!(printed.contains("no.toml") && printed.contains("examples"), "{printed}");
}

#[test]
fn a_directory_says_to_name_the_file_in_it() {
    let folder = Folder::new("directory");
    let printed = refused(&folder.0);
    assert!(printed.contains("is a directory") && printed.contains("sluicegate.toml"), "{printed}");
}

#[test]
fn a_file_that_is_not_utf_8_says_in_which_line() {
    let folder = Folder::new("latin-1");
    let printed = refused(&folder.file(b"# one\n# two \xe4\n"));
    assert!(printed.contains("not UTF-8: see line 2"), "{printed}");
}

#[test]
fn a_file_over_the_limit_is_refused_and_one_at_the_limit_is_read() {
    let folder = Folder::new("long");
    let mut text = b"[[listen]]\naddress = \"127.0.0.1:0\"\n#".to_vec();
    text.resize(FILE_BYTES_MAX as usize, b'x');
    assert_eq!(load(&folder.file(&text)).unwrap().listeners.len(), 1);
    text.push(b'x');
    let printed = refused(&folder.file(&text));
    assert!(printed.contains("longer than 4 MiB"), "{printed}");
}
