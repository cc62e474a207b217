//! `sluicegate check` on a configuration with one plugin that it must refuse.

use std::process::Command;

use sluicegate_tests::binary;

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
    let folder = tempfile::tempdir().expect("a folder for the test");
    let config = format!(
        r#"[[listen]]
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
    std::fs::write(folder.path().join("guest.wasm"), wasm).expect("the plugin");
    std::fs::write(folder.path().join("sluicegate.toml"), config).expect("the configuration");
    let done = Command::new(binary()).arg("check").current_dir(folder.path()).output().expect("the binary runs");
    assert!(matches!(done.status.code(), Some(0 | 1)), "{:?}", done.status);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (done.status.success(), text(done.stdout), text(done.stderr))
}
