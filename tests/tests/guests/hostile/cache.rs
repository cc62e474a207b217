//! Compiled code on disk: used again when it is the same, and never run when anything about it is not.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use sluicegate_tests::{binary, guests};
use tempfile::TempDir;

/// A folder with a configuration of two entries, whose plugin says something in `configure`.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let config = r#"
data_dir = "data"

[[listen]]
address = "127.0.0.1:0"

[plugins.guest]
file = "guest.wasm"

[upstreams.origin]
url = "http://127.0.0.1:9"

[[routes]]
name = "all"
upstream = "origin"
chain = [
  { plugin = "guest", name = "one", grants = ["identity-writer"], config = { configure = "log-flood" } },
  { plugin = "guest", name = "two", grants = ["identity-writer"], config = { configure = "log-flood", body = "none" } },
]
"#;
    // `check` keeps compiled code only in a data directory that is there.
    fs::create_dir(folder.path().join("data")).expect("the data directory");
    fs::write(folder.path().join("guest.wasm"), guests::HOSTILE).expect("the plugin");
    fs::write(folder.path().join("sluicegate.toml"), config).expect("the configuration");
    folder
}

fn check(folder: &TempDir) -> Output {
    Command::new(binary()).arg("check").current_dir(folder.path()).output().expect("the binary runs")
}

/// What it says on standard error, when it accepts the configuration.
fn said(folder: &TempDir) -> String {
    let done = check(folder);
    let said = String::from_utf8(done.stderr).expect("text");
    assert!(done.status.success(), "{said}");
    said
}

/// How many of the two entries were configured anew: each writes 64 lines then.
fn made(said: &str) -> usize {
    said.matches("configure line 0").count()
}

/// By length: what is each entry's own, the code that runs for both, and the code that is configured.
fn images(folder: &TempDir) -> Vec<PathBuf> {
    let code = folder.path().join("data/code");
    let mut images: Vec<PathBuf> =
        fs::read_dir(code).expect("the cache").map(|entry| entry.expect("an entry").path()).collect();
    images.sort_by_key(|path| fs::metadata(path).expect("an image").len());
    images
}

fn change(path: &Path, edit: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).expect("an image");
    edit(&mut bytes);
    fs::write(path, bytes).expect("an image");
}

#[test]
fn a_second_start_uses_what_the_first_has_compiled_and_frozen() {
    let folder = folder();
    assert_eq!(made(&said(&folder)), 2);
    let images = images(&folder);
    assert_eq!(images.len(), 4, "{images:?}");
    let long_ago = SystemTime::now() - Duration::from_secs(3600);
    for image in &images {
        assert_eq!(fs::metadata(image).expect("an image").permissions().mode() & 0o777, 0o600);
        fs::File::options()
            .write(true)
            .open(image)
            .and_then(|file| file.set_modified(long_ago))
            .expect("its time is set");
    }
    assert_eq!(said(&folder), "");
    for image in &images {
        assert_eq!(
            fs::metadata(image).expect("an image").modified().expect("its time"),
            long_ago,
            "it was written again"
        );
    }
    let code = fs::metadata(folder.path().join("data/code")).expect("the cache");
    assert_eq!(code.permissions().mode() & 0o777, 0o700);
}

#[test]
fn an_image_with_a_flipped_byte_is_made_again_and_not_run() {
    let folder = folder();
    said(&folder);
    let images = images(&folder);
    for image in [&images[0], &images[2]] {
        let length = fs::metadata(image).expect("an image").len() as usize;
        let places = [
            ("magic", 3, "it does not begin as it should"),
            ("checksum", 8 + 5, "its checksum is wrong"),
            ("length of the record", 8 + 32, "its checksum is wrong"),
            ("record", 8 + 32 + 4 + 40, "its checksum is wrong"),
            ("contents or code", length / 2, "its checksum is wrong"),
            ("last byte", length - 1, "its checksum is wrong"),
        ];
        for (place, at, why) in places {
            change(image, |bytes| bytes[at] ^= 1);
            let said_first = said(&folder);
            assert!(
                said_first.contains(&format!("compiled code is not used and will be made again: {why}")),
                "{place}: {said_first}"
            );
            assert_eq!(made(&said_first), 1, "{place}");
            assert_eq!(said(&folder), "", "{place}: it was not made again");
        }
    }
}

#[test]
fn an_image_that_is_cut_or_empty_is_made_again() {
    let folder = folder();
    said(&folder);
    let image = images(&folder).remove(0);
    let length = fs::metadata(&image).expect("an image").len() as usize;
    for kept in [0, 7, 8, 20, 8 + 32, 8 + 32 + 2, 200, length / 2, length - 1] {
        change(&image, |bytes| bytes.truncate(kept));
        let said_first = said(&folder);
        assert!(said_first.contains("compiled code is not used and will be made again"), "{kept}: {said_first}");
        assert_eq!(made(&said_first), 1, "{kept} bytes");
        assert_eq!(said(&folder), "", "{kept} bytes");
    }
}

#[test]
fn an_image_of_another_entry_under_this_ones_name_is_not_run() {
    let folder = folder();
    said(&folder);
    let images = images(&folder);
    fs::copy(&images[0], &images[1]).expect("copied");
    let said_first = said(&folder);
    assert!(said_first.contains("it belongs to another plugin, configuration, version or machine"), "{said_first}");
    assert_eq!(made(&said_first), 1);
    assert_eq!(said(&folder), "");
}

#[test]
fn an_image_that_others_could_have_written_is_not_run() {
    let folder = folder();
    said(&folder);
    let image = images(&folder).remove(0);
    fs::set_permissions(&image, fs::Permissions::from_mode(0o622)).expect("its mode");
    let said_first = said(&folder);
    assert!(said_first.contains("others than its owner could have written it"), "{said_first}");
    assert_eq!((made(&said_first), said(&folder)), (1, String::new()));
}

#[test]
fn a_directory_of_code_that_others_can_write_to_is_refused_with_the_remedy() {
    let folder = folder();
    said(&folder);
    let code = folder.path().join("data/code");
    fs::set_permissions(&code, fs::Permissions::from_mode(0o777)).expect("its mode");
    let done = check(&folder);
    let refused = String::from_utf8(done.stderr).expect("text");
    assert_eq!(done.status.code(), Some(1), "{refused}");
    insta::assert_snapshot!(refused.replace(&folder.path().display().to_string(), "FOLDER"));
}

#[test]
fn what_lies_beside_the_images_is_left_alone() {
    let folder = folder();
    said(&folder);
    let stray = folder.path().join("data/code/notes.txt");
    fs::write(&stray, "mine").expect("a file");
    assert_eq!(said(&folder), "");
    assert_eq!(fs::read_to_string(&stray).expect("still there"), "mine");
}
