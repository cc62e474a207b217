//! From nothing to a component: `sluicegate plugin new` and `sluicegate plugin build`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use sluicegate_tests::{NewCrate, authoring, binary, cargo};

/// A new crate passes its own tests, is formatted, becomes a component, and its configuration passes the check.
fn works(template: &str) -> NewCrate {
    let new = NewCrate::write(&format!("new-{template}"), template);
    let tested = new.cargo(&["test", "--offline", "--quiet"]);
    assert!(tested.status == 0 && tested.stdout.contains("test result: ok"), "{}{}", tested.stdout, tested.stderr);
    assert!(!tested.stderr.contains("warning"), "{}", tested.stderr);
    let formatted = new.cargo(&["fmt", "--check"]);
    assert_eq!(formatted.status, 0, "{}", formatted.stdout);

    let built = new.say(&["plugin", "build"]);
    assert_eq!(built.status, 0, "{}", built.stderr);
    assert!(built.stdout.starts_with(&format!("new-{template}.wasm  ")), "{}", built.stdout);
    assert!(built.stdout.contains(" bytes: code ") && built.stdout.contains("sluicegate_plugin "), "{}", built.stdout);
    let component = fs::read(new.folder().join(format!("new-{template}.wasm"))).unwrap();
    assert!(component.len() < 150_000, "{} bytes", component.len());
    assert!(!contains(&component, b".debug_line") && !contains(&component, b"producers"));
    assert!(contains(&component, b"sluicegate:config-schema"), "the schema of its config stays");

    let tried = new.say(&["plugin", "test"]);
    assert!(tried.status == 0 && tried.stdout.contains(", 0 failed"), "{}{}", tried.stdout, tried.stderr);

    let checked = new.say(&["check"]);
    assert!(checked.status == 0 && checked.stdout.starts_with("sluicegate.toml: ok; "), "{checked:?}");
    new
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_policy_of_requests_works_as_it_is_written() {
    works("request");
}

#[test]
fn a_policy_of_bodies_works_as_it_is_written() {
    works("body");
}

#[test]
fn a_policy_of_models_works_as_it_is_written() {
    let new = works("model");
    let exchanges = new.folder().join("exchanges.toml");
    let text = fs::read_to_string(&exchanges).unwrap();
    for (expected, other, problem) in [
        (
            "When does [hidden] begin?",
            "When?",
            "expected text 1 of the call to be `When?`, and it is `When does [hidden] begin?`",
        ),
        ("target = \"local\"", "target = \"vendor\"", "expected the target to be `vendor`, and it is `local`"),
        (
            "text = \"In May. For \"",
            "text = \"In June.\"",
            "expected the answer's text to be `In June.`, and it is `In May. For `",
        ),
        (
            "end = \"content-filter\"",
            "end = \"stop\"",
            "expected the answer's end to be `stop`, and it is `content-filter`",
        ),
    ] {
        assert!(text.contains(expected), "{expected}");
        fs::write(&exchanges, text.replace(expected, other)).unwrap();
        let tried = new.say(&["plugin", "test"]);
        assert!(tried.status == 1 && tried.stdout.contains(problem), "{}", tried.stdout);
    }
}

#[test]
fn a_policy_of_routes_works_as_it_is_written() {
    works("router");
}

#[test]
fn the_next_commands_are_printed_and_nothing_is_written_over() {
    let temp = tempfile::tempdir().unwrap();
    let said = authoring(temp.path(), &["plugin", "new", "my-policy"]);
    assert_eq!(said.stdout, "my-policy is in my-policy. Next:\n\n  cd my-policy\n  cargo test\n  sluicegate dev\n");
    for file in ["Cargo.toml", "src/lib.rs", "exchanges.toml", "sluicegate.toml", "README.md", ".gitignore"] {
        assert!(temp.path().join("my-policy").join(file).is_file(), "{file}");
    }
    fs::write(temp.path().join("my-policy/src/lib.rs"), "mine").unwrap();
    let again = authoring(temp.path(), &["plugin", "new", "my-policy"]);
    assert!(again.status == 1 && again.stderr.contains("is there already and not empty"), "{again:?}");
    assert_eq!(fs::read_to_string(temp.path().join("my-policy/src/lib.rs")).unwrap(), "mine");

    fs::create_dir(temp.path().join("empty")).unwrap();
    let elsewhere = authoring(temp.path(), &["plugin", "new", "other", "--path", "empty"]);
    assert!(elsewhere.status == 0 && temp.path().join("empty/src/lib.rs").is_file(), "{elsewhere:?}");
}

#[test]
fn what_cannot_be_written_leaves_nothing_behind() {
    let temp = tempfile::tempdir().unwrap();
    fs::write(temp.path().join("file"), "x").unwrap();
    for (words, part) in [
        (&["plugin", "new", "2fast"][..], "begin it with a letter"),
        (&["plugin", "new", "fn"], "is a word of Rust"),
        (&["plugin", "new", "ok", "--path", "file/below"], "choose another"),
        (&["plugin", "new"], "<NAME>"),
        (&["plugin", "new", "ok", "--template", "none"], "request, body, model, router"),
    ] {
        let said = authoring(temp.path(), words);
        assert!(said.status != 0 && said.stderr.contains(part), "{words:?}: {said:?}");
    }
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1);
}

#[test]
fn a_folder_without_the_right_to_write_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    fs::set_permissions(temp.path(), fs::Permissions::from_mode(0o555)).unwrap();
    // Root may write everywhere.
    if fs::write(temp.path().join("probe"), "").is_err() {
        let said = authoring(temp.path(), &["plugin", "new", "my-policy"]);
        assert!(said.status == 1 && said.stderr.contains("cannot be made"), "{said:?}");
    }
    fs::set_permissions(temp.path(), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_crate_works_inside_another_workspace() {
    let temp = tempfile::tempdir().unwrap();
    fs::write(temp.path().join("Cargo.toml"), "[workspace]\nmembers = [\"plugins/*\"]\nresolver = \"3\"\n").unwrap();
    fs::create_dir(temp.path().join("plugins")).unwrap();
    let said = authoring(&temp.path().join("plugins"), &["plugin", "new", "inside"]);
    assert_eq!(said.status, 0, "{}", said.stderr);
    let metadata = cargo(&temp.path().join("plugins/inside"), &["metadata", "--offline", "--format-version", "1"]);
    assert_eq!(metadata.status, 0, "{}", metadata.stderr);
    let metadata: serde_json::Value = serde_json::from_str(&metadata.stdout).unwrap();
    assert_eq!(metadata["workspace_members"].as_array().unwrap().len(), 1, "the SDK is no member");
}

/// A crate without dependencies, so that it builds at once.
fn plain(folder: &Path, manifest: &str, code: &str) {
    fs::create_dir_all(folder.join("src")).unwrap();
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    fs::write(folder.join("src/lib.rs"), code).unwrap();
}

const PLAIN: &str = "[package]\nname = \"plain\"\nedition = \"2024\"\n[lib]\ncrate-type = [\"cdylib\"]\n";

#[test]
fn what_is_no_plugin_is_refused_with_the_remedy() {
    let temp = tempfile::tempdir().unwrap();
    let build = |folder: &str| authoring(temp.path(), &["plugin", "build", folder]);
    let refused = |folder: &str, part: &str| {
        let said = build(folder);
        assert!(said.status == 1 && said.stderr.contains(part), "{folder}: {}", said.stderr);
    };
    refused("nowhere", "there is no nowhere/Cargo.toml: name the folder of a plugin's crate");

    plain(&temp.path().join("rlib"), "[package]\nname = \"rlib\"\nedition = \"2024\"\n", "");
    refused("rlib", "write `crate-type = [\"cdylib\"]` under `[lib]`");

    plain(&temp.path().join("virtual/one"), PLAIN, "");
    fs::write(temp.path().join("virtual/Cargo.toml"), "[workspace]\nmembers = [\"one\"]\nresolver = \"3\"\n").unwrap();
    refused("virtual", "without a package of its own: name the folder of one package, as in `sluicegate plugin build ");

    plain(&temp.path().join("broken"), "[package\n", "");
    refused("broken", "cargo cannot use broken/Cargo.toml");

    plain(&temp.path().join("wrong"), PLAIN, "fn f() { no_such_function() }\n");
    refused("wrong", "cannot find function `no_such_function`");
    refused("wrong", "`plain` was not built: mend what cargo says above");

    plain(&temp.path().join("stranger"), &PLAIN.replace("plain", "stranger"), "pub fn f() {}\n");
    refused("stranger", "sluicegate_plugin::export!(Policy: head);");
    assert!(!temp.path().join("stranger/stranger.wasm").exists(), "what is no plugin is not written");
}

#[test]
fn without_cargo_it_is_said_where_to_get_it() {
    let temp = tempfile::tempdir().unwrap();
    plain(temp.path(), PLAIN, "");
    let output = Command::new(binary())
        .args(["plugin", "build"])
        .current_dir(temp.path())
        .env_remove("CARGO")
        .env("PATH", "/nowhere")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("install Rust from https://rustup.rs"), "{said}");
}
