//! What else stands in the pages: links, configurations, exchanges, JSON. No block is left out without a reason.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sluicegate_docs::pages::{Block, FOLDER, Page, pages};

/// The words that a block may have behind its three backquotes, and what holds the block.
const WORDS: [(&str, &str); 7] = [
    ("rust", "compiled, and its tests run, by `files.rs`"),
    ("rust continued", "the same file goes on"),
    ("toml", "fits the schema of the configuration"),
    ("toml exchanges", "fits the schema of self-tests"),
    ("json", "is JSON"),
    ("console", "names commands that there are"),
    ("text", "what a program printed, shortened: nothing of it can be run"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn all_pages() -> Vec<Page> {
    let pages = pages(&root()).unwrap();
    assert!(pages.len() > 10, "where are the pages?");
    pages
}

/// Each block of one kind with the place where it stands.
fn blocks(words: &str) -> Vec<(String, Block)> {
    let mut found = Vec::new();
    for page in all_pages() {
        let blocks = page.blocks().unwrap().into_iter().filter(|block| block.words == words);
        found.extend(blocks.map(|block| (format!("{FOLDER}/{}:{}", page.name, block.line), block)));
    }
    assert!(!found.is_empty(), "no page has a block of `{words}`");
    found
}

fn toml(place: &str, block: &Block) -> Value {
    toml::from_str(&block.text).unwrap_or_else(|error| panic!("{place}: {error}"))
}

fn schema(file: &str) -> jsonschema::Validator {
    let text = std::fs::read_to_string(root().join(file)).unwrap();
    jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap()
}

fn assert_fits(schema: &jsonschema::Validator, place: &str, value: &Value) {
    let errors: Vec<String> =
        schema.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{place}: {}", errors.join("\n"));
}

#[test]
fn every_block_is_of_a_kind_that_is_held_by_a_test() {
    for page in all_pages() {
        for block in page.blocks().unwrap() {
            let known = WORDS.iter().any(|(words, _)| *words == block.words);
            assert!(known, "{FOLDER}/{}:{}: `{}` is not among {WORDS:?}", page.name, block.line, block.words);
        }
    }
}

#[test]
fn every_page_is_listed_in_the_guide() {
    let pages = all_pages();
    let guide = &pages.iter().find(|page| page.name == "README.md").unwrap().text;
    for page in &pages {
        let listed = page.name == "README.md" || guide.contains(&format!("]({})", page.name));
        assert!(listed, "{FOLDER}/README.md does not link to {}", page.name);
    }
}

#[test]
fn every_capability_of_the_contract_has_a_page_and_no_other_has_one() {
    let world = std::fs::read_to_string(root().join("wit/v0.1/world.wit")).unwrap();
    let imports = world.lines().filter_map(|line| line.trim().strip_prefix("import ")?.strip_suffix(';'));
    let mut wanted: BTreeSet<String> = imports.map(str::to_owned).collect();
    wanted.insert("targets".to_owned());
    let found = all_pages()
        .into_iter()
        .filter_map(|page| Some(page.name.strip_prefix("capabilities/")?.strip_suffix(".md")?.to_owned()));
    assert_eq!(found.collect::<BTreeSet<_>>(), wanted);
}

#[test]
fn links_lead_to_files_that_are_there() {
    for page in all_pages() {
        let file = root().join(FOLDER).join(&page.name);
        let targets = page.text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://")) {
            let path = target.split('#').next().unwrap_or_default();
            let there = path.is_empty() || file.parent().unwrap().join(path).exists();
            assert!(there, "{FOLDER}/{}: nothing is at `{target}`", page.name);
        }
    }
}

#[test]
fn configurations_and_parts_of_them_fit_the_schema() {
    let (whole, part) = (schema("host/sluicegate.schema.json"), schema("host/sluicegate-included.schema.json"));
    for (place, block) in blocks("toml") {
        let config = toml(&place, &block);
        assert_fits(if config.get("listen").is_some() { &whole } else { &part }, &place, &config);
    }
}

#[test]
fn exchanges_are_self_tests_of_an_entry() {
    let part = schema("host/sluicegate-included.schema.json");
    for (place, block) in blocks("toml exchanges") {
        let file = toml(&place, &block);
        for name in file.as_object().unwrap().keys() {
            let known = ["grants", "isolation", "config", "limits", "keys", "exchanges"].contains(&name.as_str());
            assert!(known, "{place}: `{name}`");
        }
        let mut exchanges = file.get("exchanges").cloned().unwrap_or_else(|| panic!("{place}: no exchanges"));
        for exchange in exchanges.as_array_mut().unwrap() {
            let exchange = exchange.as_object_mut().unwrap();
            exchange.remove("config");
            exchange.entry("expect").or_insert_with(|| json!({ "decision": "proceed" }));
        }
        let mut entry = json!({ "plugin": "policy", "self_tests": exchanges });
        for name in ["grants", "isolation", "config", "limits"] {
            if let Some(value) = file.get(name) {
                entry[name] = value.clone();
            }
        }
        assert_fits(&part, &place, &json!({ "chains": { "default": [entry] } }));
    }
}

#[test]
fn json_is_json() {
    for (place, block) in blocks("json") {
        let parsed: Result<Value, _> = serde_json::from_str(&block.text);
        parsed.unwrap_or_else(|error| panic!("{place}: {error}"));
    }
}
