//! `sluicegate check` on a configuration with one plugin that it must refuse.

use std::fs;
use std::path::Path;
use std::process::Command;

use sluicegate_tests::binary;
use tempfile::TempDir;

/// What `check` prints on standard error when the entry's plugin is `wasm` and `entry` are its further members, as TOML.
///
/// # Panics
/// If it is accepted.
pub fn refusal(wasm: &[u8], entry: &str) -> String {
    refusal_with(wasm, "", entry)
}

/// `pin`: further members of the plugin's own table.
pub fn refusal_with(wasm: &[u8], pin: &str, entry: &str) -> String {
    let (accepted, _, said) = check(wasm, pin, entry);
    assert!(!accepted, "it is accepted:\n{said}");
    said
}

/// Whether it was accepted, and what it printed on standard output and standard error.
pub fn check(wasm: &[u8], pin: &str, entry: &str) -> (bool, String, String) {
    Checked::new(wasm, pin, entry).run()
}

/// A folder with a configuration and its plugin, to be checked more than once.
pub struct Checked(TempDir);

impl Checked {
    pub fn new(wasm: &[u8], pin: &str, entry: &str) -> Checked {
        let checked = Checked(tempfile::tempdir().expect("a folder for the test"));
        // Where the gateway has run: `check` keeps compiled code only in a data directory that is there.
        fs::create_dir(checked.folder().join("data")).expect("the data directory");
        checked.write(wasm, pin, entry);
        checked
    }

    pub fn write(&self, wasm: &[u8], pin: &str, entry: &str) {
        let config = format!(
            r#"data_dir = "data"

[[listen]]
address = "127.0.0.1:0"

[plugins.guest]
file = "guest.wasm"
{pin}
[upstreams.origin]
url = "http://127.0.0.1:9"

[[routes]]
name = "all"
upstream = "origin"
chain = [
  {{ plugin = "guest", {entry} }},
]
"#
        );
        fs::write(self.folder().join("guest.wasm"), wasm).expect("the plugin");
        fs::write(self.folder().join("sluicegate.toml"), config).expect("the configuration");
    }

    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    /// Whether it was accepted, and what was printed on standard output and standard error.
    pub fn run(&self) -> (bool, String, String) {
        let done = Command::new(binary()).arg("check").current_dir(self.folder()).output().expect("the binary runs");
        assert!(matches!(done.status.code(), Some(0 | 1)), "{:?}", done.status);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        (done.status.success(), text(done.stdout), text(done.stderr))
    }
}
