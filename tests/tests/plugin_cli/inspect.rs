//! `sluicegate plugin inspect`.

use serde_json::Value;
use sluicegate_tests::surgery::{with_custom_section, without_custom_section};
use sluicegate_tests::{guests, sluicegate};

use super::{SCHEMA, SECTION, folder, say, shown, with_schema, without_schema};

#[test]
fn a_plugin_is_shown_with_a_chain_entry_that_check_accepts() {
    insta::assert_snapshot!(
        "inspect_file",
        say(&[("Marker_2.wasm", &with_schema())], &["plugin", "inspect", "Marker_2.wasm"])
    );
    insta::assert_snapshot!("inspect_grants", say(&[("h.wasm", &without_schema())], &["plugin", "inspect", "h.wasm"]));
    insta::assert_snapshot!("inspect_bundled", say(&[], &["plugin", "inspect", "api-key"]));

    // A name that only the gateway's own plugin can have.
    let folder = folder(&[("headers.wasm", guests::HOSTILE)]);
    let said = sluicegate(folder.path(), &["plugin", "inspect", "headers.wasm"]);
    assert!(said.stdout.contains("[plugins.my-headers]\n"), "{}", said.stdout);
    let (_, entry) = said.stdout.split_once("For the configuration:\n").unwrap();
    let config = format!(
        "[[listen]]\naddress = \"127.0.0.1:0\"\n[upstreams.s]\nurl = \"http://127.0.0.1:9\"\n{entry}\n[[routes]]\nname = \"all\"\n\
         chain = \"default\"\nupstream = \"s\"\n"
    );
    std::fs::write(folder.path().join("sluicegate.toml"), config).unwrap();
    let said = sluicegate(folder.path(), &["check"]);
    assert_eq!(said.status, 0, "{}", said.stderr);
}

#[test]
fn the_schema_is_printed_alone_or_said_to_be_missing() {
    let files: [(&str, &[u8]); 2] = [("with.wasm", &with_schema()), ("without.wasm", &without_schema())];
    let folder = folder(&files);
    let said = sluicegate(folder.path(), &["plugin", "inspect", "with.wasm", "--schema"]);
    let (printed, given): (Value, Value) =
        (serde_json::from_str(&said.stdout).unwrap(), serde_json::from_str(SCHEMA).unwrap());
    assert_eq!(printed, given);
    let said = sluicegate(folder.path(), &["plugin", "inspect", "without.wasm", "--schema"]);
    assert_eq!(said.status, 1);
    assert!(said.stderr.contains("without.wasm says nothing of its config"), "{}", said.stderr);
}

#[test]
fn a_signature_beside_the_file_is_named_with_its_signer() {
    let folder = folder(&[("h.wasm", guests::HOSTILE)]);
    let words = |words: &[&str]| {
        let said = sluicegate(folder.path(), words);
        assert_eq!(said.status, 0, "{}", said.stderr);
        said
    };
    let key = words(&["plugin", "key", "new", "k.pem"]).stderr;
    let fingerprint = key.split("Messages call the key ").nth(1).unwrap().get(..16).unwrap();
    words(&["plugin", "sign", "--key", "k.pem", "h.wasm"]);
    let said = words(&["plugin", "inspect", "h.wasm"]);
    assert!(
        said.stdout.contains(&format!("h.wasm.sig says that it is signed by key {fingerprint}")),
        "{}",
        said.stdout
    );
    let json: Value = serde_json::from_str(&words(&["plugin", "inspect", "h.wasm", "--json"]).stdout).unwrap();
    assert_eq!(json["signature"]["signers"], format!("key {fingerprint}"));
    assert_eq!((&json["contract"], &json["phases"][0]), (&"0.1.0".into(), &"head".into()));
    assert_eq!(json["bytes"], guests::HOSTILE.len());
}

#[test]
fn nothing_that_a_file_says_moves_the_cursor() {
    let import = b"sluicegate:plugin/labels@0.1.0";
    let mut name = b"wasi:io/\x1b[2J".to_vec();
    name.resize(import.len(), b'x');
    let mut hostile = guests::HOSTILE.to_vec();
    let found: Vec<usize> = (0..hostile.len()).filter(|at| hostile[*at..].starts_with(import)).collect();
    found.iter().for_each(|at| hostile[*at..at + name.len()].copy_from_slice(&name));
    let schema = SCHEMA.replace("x-team", "x\u{202e}\u{9b}team").replace("must be there", "must\u{202e} be there");
    let schema = with_custom_section(&without_custom_section(&hostile, SECTION), SECTION, schema.as_bytes());
    let said = sluicegate(folder(&[("h.wasm", &schema)]).path(), &["plugin", "inspect", "h.wasm"]);
    assert!(said.stdout.contains("WASI        wasi:io/\\u{1b}[2Jxx"), "{:?}", said.stdout);
    assert!(said.stdout.contains("header = \"x"), "{:?}", said.stdout);
    let moves = |letter: char| letter.is_control() && letter != '\n' || letter == '\u{202e}';
    assert!(!said.stdout.contains(moves), "{:?}", said.stdout);
}

#[test]
fn what_is_no_plugin_is_told_what_it_is() {
    let files: [(&str, &[u8]); 3] =
        [("text.wasm", b"hello"), ("module.wasm", b"\0asm\x01\0\0\0"), ("newer.wasm", guests::FUTURE)];
    let folder = folder(&files);
    for (file, sentence) in [
        ("text.wasm", "error: text.wasm: it is no WebAssembly file"),
        ("module.wasm", "error: module.wasm: it is a core WebAssembly module, not a component"),
        ("newer.wasm", "error: newer.wasm: it was built against the contract 0.2"),
        ("missing.wasm", "error: the plugin's file missing.wasm is not there"),
    ] {
        let said = sluicegate(folder.path(), &["plugin", "inspect", file]);
        assert!(said.status == 1 && said.stderr.starts_with(sentence), "{}", shown(&said));
    }
}
