//! What a configuration says that it was made from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::Folder;
use crate::config::{Inputs, PluginSource, Texts, load, parse};

const MAIN: &str = r#"
include = ["keys.toml", "routes/*.toml", "teams/*/live/routes.toml", "later/on/*.toml"]
[[listen]]
address = "127.0.0.1:0"
[credentials.a]
value = "${file:secrets/a}"
origin = "https://a.example.com"
[upstreams.a]
url = "https://a.example.com"
ca_file = "ca.pem"
[plugins.mine]
file = "mine.wasm"
"#;

/// The paths as they are relative to the folder.
fn relative(paths: &BTreeSet<PathBuf>, folder: &Path) -> Vec<String> {
    paths.iter().map(|path| path.strip_prefix(folder).unwrap().display().to_string()).collect()
}

fn folder() -> Folder {
    let folder = Folder::new();
    for name in ["keys.toml", "routes/r.toml", "teams/a/live/routes.toml", "teams/b/x", "ca.pem", "mine.wasm"] {
        folder.file(name, "");
    }
    folder.file("main.toml", MAIN);
    folder
}

#[test]
fn every_file_that_is_read_is_an_input() {
    let folder = folder();
    let config = load(&folder.path().join("main.toml")).unwrap();
    let files = relative(&config.inputs.files, folder.path());
    let expected = [
        "ca.pem",
        "keys.toml",
        "main.toml",
        "mine.wasm",
        // It is not there, and would be looked at if it were.
        "mine.wasm.sig",
        "routes/r.toml",
        "secrets/a",
        "teams/a/live/routes.toml",
    ];
    assert_eq!(files, expected);
}

#[test]
fn every_folder_in_which_a_match_may_appear_is_an_input() {
    let folder = folder();
    let config = load(&folder.path().join("main.toml")).unwrap();
    // `teams/b/live` and `later` are not there yet: they would appear in `teams/b` and in the main folder.
    assert_eq!(relative(&config.inputs.folders, folder.path()), ["", "routes", "teams", "teams/a/live", "teams/b"]);
}

#[test]
fn a_file_that_stands_in_for_a_plugin_is_used_and_the_named_one_stays_an_input() {
    let folder = folder();
    let mut texts = Texts::read(&folder.path().join("main.toml")).unwrap();
    let kept = folder.file("kept/1.wasm", "");
    std::fs::remove_file(folder.path().join("mine.wasm")).unwrap();
    assert!(parse(&texts).unwrap_err().to_string().contains("this file does not exist"));
    texts.plugin_files = BTreeMap::from([("mine".to_owned(), kept.clone())]);
    let config = parse(&texts).unwrap();
    let PluginSource::File { path, .. } = &config.plugins["mine"] else { panic!("not a file") };
    assert_eq!(*path, kept);
    assert!(config.inputs.files.contains(&folder.path().join("mine.wasm")));
    std::fs::remove_file(kept).unwrap();
    assert!(parse(&texts).unwrap_err().to_string().contains("this file does not exist"));
}

#[test]
fn the_inputs_of_a_file_in_the_working_directory_are_relative_to_it() {
    let texts =
        Texts::of(Path::new("x.toml"), "include = [\"*.none\"]\n[[listen]]\naddress = \"127.0.0.1:0\"\n".into());
    let inputs = parse(&texts.unwrap()).unwrap().inputs;
    assert_eq!(inputs.files, BTreeSet::from([PathBuf::from("x.toml")]));
    assert_eq!(inputs.folders, BTreeSet::from([PathBuf::from(".")]));
}

#[test]
fn what_is_refused_has_the_inputs_that_it_would_have() {
    let folder = folder();
    let main = folder.path().join("main.toml");
    let accepted = load(&main).unwrap().inputs;
    assert_eq!(Inputs::of_refused(&main), accepted);
    // A mistake in an included file, one that is missing, and files that only the mistaken one names.
    folder.file("keys.toml", "[plugins.new]\nfile = \"new.wasm\"\n[plugins.new]\n");
    folder.file("main.toml", MAIN.replace("\"keys.toml\"", "\"keys.toml\", \"missing.toml\""));
    assert!(load(&main).is_err());
    let inputs = Inputs::of_refused(&main);
    let more: Vec<_> = inputs.files.difference(&accepted.files).cloned().collect();
    assert_eq!(more, ["missing.toml", "new.wasm", "new.wasm.sig"].map(|name| folder.path().join(name)));
    assert_eq!(inputs.folders, accepted.folders);
}

#[test]
fn a_main_file_that_cannot_be_read_is_its_only_input() {
    let inputs = Inputs::of_refused(Path::new("/none/x.toml"));
    assert_eq!((inputs.files.len(), inputs.folders.len()), (1, 0));
}
