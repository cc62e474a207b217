//! What an author or an operator can ask of a built plugin: what it is, what it does with an exchange, what it costs.

mod bench;
mod inspect;
mod schema;
mod test;

use std::fs;

use sluicegate_tests::surgery::{with_custom_section, without_custom_section};
use sluicegate_tests::{Said, guests, sluicegate};
use tempfile::TempDir;

/// Where the SDK puts the schema of a config.
const SECTION: &str = "sluicegate:config-schema";

/// As the SDK would write it for a plugin that asks for a header.
const SCHEMA: &str = r##"{
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "header": { "type": "string", "description": "The header field that must be there.", "examples": ["x-team"] },
        "rules": { "type": "array", "items": { "$ref": "#/$defs/Rule" } }
    },
    "required": ["header"],
    "additionalProperties": false,
    "$defs": { "Rule": { "type": "object", "properties": { "status": { "type": "integer" } } } }
}"##;

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

/// A plugin that says what it takes.
fn with_schema() -> Vec<u8> {
    with_custom_section(guests::MARKER, SECTION, SCHEMA.as_bytes())
}

/// A plugin that says nothing of it, as those of other languages do.
fn without_schema() -> Vec<u8> {
    without_custom_section(guests::HOSTILE, SECTION)
}

/// What it says in a folder with these files, with figures that differ from run to run masked.
fn say(files: &[(&str, &[u8])], words: &[&str]) -> String {
    let said = sluicegate(folder(files).path(), words);
    shown(&said)
}

fn shown(said: &Said) -> String {
    format!("status: {}\n--- stdout\n{}--- stderr\n{}", said.status, masked(&said.stdout), masked(&said.stderr))
}

/// Numbers in front of their units, digests, and addresses in a trace.
fn masked(text: &str) -> String {
    let is_number = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit() || b".,".contains(&byte));
    let mask_line = |line: &str| {
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        for at in 0..words.len() {
            let unit = words.get(at + 1).map(|unit| unit.trim_end_matches([',', ';', ')', ':']).to_owned());
            let is_measured = unit.is_some_and(|unit| ["µs", "ms", "KiB", "bytes"].contains(&unit.as_str()));
            let digest = words[at].trim_matches(['"', '\'']).to_owned();
            if is_measured && !words[at].is_empty() && is_number(&words[at]) {
                words[at] = "N".to_owned();
            } else if digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                words[at] = words[at].replace(&digest, "SHA256");
            }
        }
        words.join(" ")
    };
    text.lines().map(|line| mask_line(line) + "\n").collect()
}
