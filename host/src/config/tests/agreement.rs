//! The committed schema is the loader's own, and an independent validator agrees with the loader on what fits it.
//!
//! The comparison leaves out mistakes of kind `Relation`: that a name refers to nothing, or that a file is not there, is
//! beyond what a JSON schema can say. It also leaves out `1.0` for an integer, which JSON does not tell from `1`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value as Json;
use toml::{Table, Value};

use super::{Random, assert_is_current, files, root};
use crate::config::{Mistake, TextFile, Texts, bind, included_schema, parse, schema, shape};

/// So many mutations are compared; the seed of each is its number.
const MUTATIONS: u64 = 1_000;

#[test]
fn the_committed_schemas_are_current() {
    // As `sluicegate schema` prints them: with what the bundled plugins say of their configs.
    let bundled = crate::bundled::config_schemas();
    let text = |schema: Json| serde_json::to_string_pretty(&bind(schema, &bundled)).unwrap() + "\n";
    assert_is_current(&root().join("host/sluicegate.schema.json"), &text(schema()));
    assert_is_current(&root().join("host/sluicegate-included.schema.json"), &text(included_schema()));
}

#[test]
fn the_configs_of_bundled_plugins_are_held_against_what_they_say() {
    let validator = jsonschema::validator_for(&bind(schema(), &crate::bundled::config_schemas())).unwrap();
    for (name, path) in files("examples", "toml") {
        let table: Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
        let errors: Vec<String> =
            validator.iter_errors(&json(&Value::Table(table))).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{name}: {errors:?}");
    }
    let entry = |lines: &str| format!("[[listen]]\naddress = \"127.0.0.1:0\"\n[[chains.all]]\n{lines}\n");
    let limit = "name = \"a\", requests = 5, window_ms = 1000, by = \"address\"";
    for (lines, valid) in [
        (format!("plugin = \"rate-limit\"\nconfig = {{ limits = [{{ {limit} }}] }}"), true),
        (format!("plugin = \"rate-limit\"\nconfig = {{ limits = [{{ {limit}, burst = 1 }}] }}"), false),
        ("plugin = \"rate-limit\"\nconfig = { limits = [] }".to_owned(), false),
        ("plugin = \"rate-limit\"".to_owned(), false),
        ("plugin = \"api-key\"".to_owned(), true),
        ("plugin = \"api-key\"\nconfig = { allow_anonymus = true }".to_owned(), false),
        ("plugin = \"headers\"\nconfig = { reply = [{ remove = \"server\" }] }".to_owned(), true),
        ("plugin = \"headers\"\nconfig = { reply = [{ remve = \"server\" }] }".to_owned(), false),
    ] {
        let table: Table = entry(&lines).parse().unwrap();
        assert_eq!(validator.is_valid(&json(&Value::Table(table))), valid, "{lines}");
    }
}

#[test]
fn every_keyword_of_the_schema_is_known_to_the_loader() {
    fn collect(schema: &Json, keywords: &mut BTreeSet<String>, patterns: &mut BTreeSet<String>) {
        let Some(members) = schema.as_object() else { return };
        for (keyword, value) in members {
            keywords.insert(keyword.clone());
            match keyword.as_str() {
                "pattern" => drop(patterns.insert(value.as_str().unwrap().to_owned())),
                "properties" => value.as_object().unwrap().values().for_each(|one| collect(one, keywords, patterns)),
                "anyOf" => value.as_array().unwrap().iter().for_each(|one| collect(one, keywords, patterns)),
                "items" | "additionalProperties" | "propertyNames" | "not" => collect(value, keywords, patterns),
                _ => {}
            }
        }
    }
    let (mut keywords, mut patterns) = (BTreeSet::new(), BTreeSet::new());
    collect(&schema(), &mut keywords, &mut patterns);
    for keyword in keywords {
        assert!(shape::KEYWORDS.contains(&keyword.as_str()), "`{keyword}` is not enforced");
    }
    assert!(patterns.len() > 10);
    for pattern in patterns {
        regex::Regex::new(&pattern).unwrap();
    }
}

#[test]
fn schema_and_loader_agree_on_every_example_and_mistake() {
    let validator = validator();
    for (name, path) in files("examples", "toml").into_iter().chain(files("tests/config/mistakes", "toml")) {
        let text = std::fs::read_to_string(path).unwrap();
        let Ok(table) = text.parse::<Table>() else { continue };
        // JSON has no infinity, so the schema cannot speak of it.
        if name != "chain_config_holds_infinity" {
            assert_eq!(validator.is_valid(&json(&Value::Table(table))), found(&text).is_none(), "{name}");
        }
    }
}

#[test]
fn schema_and_loader_agree_on_mutated_examples() {
    agree_on_mutations(files("examples", "toml"), &validator(), found);
}

#[test]
fn the_schema_of_included_files_and_the_loader_agree_on_mutated_examples() {
    let validator = jsonschema::options().should_validate_formats(true).build(&included_schema()).unwrap();
    let examples = [files("examples/includes", "toml"), files("examples/includes/routes", "toml")].concat();
    assert!(examples.len() >= 3);
    agree_on_mutations(examples, &validator, |text| found_in(&["[[listen]]\naddress = \"127.0.0.1:0\"\n", text]));
}

fn agree_on_mutations(
    examples: Vec<(String, PathBuf)>,
    validator: &jsonschema::Validator,
    found: impl Fn(&str) -> Option<String>,
) {
    let examples: Vec<Table> =
        examples.into_iter().map(|(_, path)| std::fs::read_to_string(path).unwrap().parse().unwrap()).collect();
    let (mut accepted, mut refused) = (0, 0);
    for seed in 0..MUTATIONS {
        let mut random = Random(seed);
        let mut root = Value::Table(random.choose(&examples).clone());
        for _ in 0..=random.below(2) {
            mutate(&mut root, &mut random);
        }
        let Value::Table(table) = &root else { panic!("the root stays a table") };
        let text = toml::to_string(table).unwrap();
        let valid = validator.is_valid(&json(&root));
        let errors: Vec<String> = validator.iter_errors(&json(&root)).map(|error| error.to_string()).collect();
        let found = found(&text);
        assert_eq!(valid, found.is_none(), "seed {seed}\nschema: {errors:?}\nloader: {found:?}\n{text}");
        if valid { accepted += 1 } else { refused += 1 }
    }
    assert!(accepted > MUTATIONS / 10 && refused > MUTATIONS / 10, "{accepted} accepted, {refused} refused");
}

fn validator() -> jsonschema::Validator {
    jsonschema::options().should_validate_formats(true).build(&schema()).unwrap()
}

/// The first mistake that a schema could find too.
fn found(text: &str) -> Option<String> {
    found_in(&[text])
}

/// The same in a main file and one that it includes; what the main file itself says of includes is not followed.
fn found_in(texts: &[&str]) -> Option<String> {
    let file = |(number, text): (usize, &&str)| TextFile {
        path: root().join(format!("examples/x{number}.toml")),
        text: (*text).to_owned(),
    };
    let texts = Texts { files: texts.iter().enumerate().map(file).collect(), plugin_files: Default::default() };
    let refused = parse(&texts).err()?;
    refused.items.iter().find(|item| item.mistake != Mistake::Relation).map(ToString::to_string)
}

fn json(value: &Value) -> Json {
    match value {
        Value::String(text) => text.as_str().into(),
        Value::Integer(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Boolean(value) => (*value).into(),
        Value::Datetime(date_time) => date_time.to_string().into(),
        Value::Array(items) => items.iter().map(json).collect(),
        Value::Table(table) => table.iter().map(|(name, value)| (name.clone(), json(value))).collect(),
    }
}

/// One change somewhere in the document.
fn mutate(root: &mut Value, random: &mut Random) {
    let mut paths = Vec::new();
    collect_paths(root, &mut Vec::new(), &mut paths);
    if paths.is_empty() {
        return;
    }
    let path = random.choose(&paths).clone();
    let Some((last, parents)) = path.split_last() else { return };
    let parent = parents.iter().fold(root, |value, step| step.of(value));
    match (random.below(8), parent, last) {
        (0, Value::Table(table), Step::Key(name)) => drop(table.remove(name)),
        (1, Value::Table(table), _) => {
            let names = [
                "unknown",
                "host",
                "hosts",
                "limits",
                "name",
                "Value",
                "config",
                "expires",
                "timeout_ms",
                "chain",
                "headers",
            ];
            let value = any_value(random);
            table.insert((*random.choose(&names)).to_owned(), value);
        }
        (2, Value::Table(table), Step::Key(name)) => {
            let value = table.remove(name).unwrap();
            let name = changed(name, random);
            table.insert(name, value);
        }
        (_, parent, last) => {
            let value = last.of(parent);
            *value = match (value.clone(), random.below(4)) {
                (Value::String(text), 0 | 1) => Value::String(changed(&text, random)),
                (Value::String(_), 2) => Value::String(any_text(random)),
                (Value::Integer(number), 0..3) => {
                    let near =
                        [number - 1, number * 1_000, -number, 0, 1, i64::MAX, i64::MIN, 65_535, 65_536, 1_000_001];
                    Value::Integer(*random.choose(&near))
                }
                (Value::Boolean(value), 0 | 1) => Value::Boolean(!value),
                (Value::Array(mut items), 0) => {
                    items.clear();
                    Value::Array(items)
                }
                (Value::Array(mut items), 1) => {
                    items.push(any_value(random));
                    Value::Array(items)
                }
                (Value::Array(mut items), 2) => {
                    items.extend(items.clone());
                    Value::Array(items)
                }
                _ => any_value(random),
            };
        }
    }
}

#[derive(Clone)]
enum Step {
    Key(String),
    Index(usize),
}

impl Step {
    fn of<'a>(&self, value: &'a mut Value) -> &'a mut Value {
        match self {
            Step::Key(name) => &mut value[name.as_str()],
            Step::Index(index) => &mut value[*index],
        }
    }
}

fn collect_paths(value: &Value, path: &mut Vec<Step>, paths: &mut Vec<Vec<Step>>) {
    if !path.is_empty() {
        paths.push(path.clone());
    }
    let steps: Vec<(Step, &Value)> = match value {
        Value::Table(table) => table.iter().map(|(name, value)| (Step::Key(name.clone()), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(index, value)| (Step::Index(index), value)).collect(),
        _ => Vec::new(),
    };
    for (step, value) in steps {
        path.push(step);
        collect_paths(value, path, paths);
        path.pop();
    }
}

fn any_value(random: &mut Random) -> Value {
    match random.below(8) {
        0 => Value::Integer(random.next() as i64 >> random.below(64)),
        1 => Value::Float(0.5),
        2 => Value::Boolean(true),
        3 => Value::Datetime(random.choose(&["2030-01-01T00:00:00Z", "2030-01-01", "12:00:00"]).parse().unwrap()),
        4 => Value::Array(vec![Value::String(any_text(random))]),
        5 => Value::Table(Table::new()),
        _ => Value::String(any_text(random)),
    }
}

/// Texts near the borders of the forms that are declared.
fn any_text(random: &mut Random) -> String {
    let texts = [
        "",
        "*",
        "a",
        "A",
        "-a",
        "a-b",
        "request",
        "pooled",
        "deny",
        "Deny",
        "openai",
        "clock",
        "identity-writer",
        "get",
        "GET",
        "M-SEARCH",
        "127.0.0.1:0",
        "127.0.0.1:65535",
        "127.0.0.1:65536",
        "127.0.0.256:1",
        "127.0.0.01:1",
        "0.0.0.0:80",
        "[::1]:80",
        "[1::2::3]:80",
        "[::ffff:1.2.3.4]:80",
        "[1:2:3:4:5:6:7:8]:80",
        "[1:2:3:4:5:6:7:8:9]:80",
        "[::g]:80",
        "unix:",
        "unix:x",
        "file:",
        "file:x",
        "off",
        "${env:A}",
        "${env:1A}",
        "${env:}",
        "${file:x}",
        "${file:}",
        "${vault:x}",
        "${env:A",
        "https://a",
        "https://a/",
        "https://a/b",
        "https://a:0",
        "https://a:65535",
        "https://a:65536",
        "http://a",
        "http://localhost",
        "http://127.0.0.1:80/",
        "https://[::1]:1/x",
        "https://[1:2]",
        "https://a?x",
        "https://a#x",
        "https://u@a",
        "https://a b",
        "https://a..b",
        "https://-a",
        "https://ä",
        "ftp://a",
        "HTTPS://a",
        "/",
        "/*",
        "/a",
        "/a/",
        "/a/*",
        "/a*",
        "/*/a",
        "/a b",
        "/a?b",
        "/ä",
        "/a//b",
        "/a//*",
        "//",
        "a/b",
        "?a",
        "?",
        "?a=b",
        "x y",
        "x:y",
        "2030-01-01T00:00:00Z",
        "2030-02-30T00:00:00Z",
        "2030-13-01T00:00:00Z",
        "2030-01-01T24:00:00Z",
        "2030-01-01T00:00:00",
        "2030-01-01T00:00:00+01:00",
        "2030-01-01T00:00:00.5Z",
        "2030-01-01 00:00:00Z",
        "2030-01-01T00:00:00+24:00",
        "a.example.com",
        "*.example.com",
        "*.",
        "*example.com",
        "a..b",
        "a.",
        "example.com:80",
        "\u{0}",
        "x\u{0}",
        "x\n",
        "x\t",
        "\u{7f}",
        "ä",
    ];
    match random.below(12) {
        0 => "a".repeat(*random.choose(&[63, 64, 65, 128, 129, 253, 254, 5_000])),
        1 => format!("sha256:{}", "a".repeat(*random.choose(&[63, 64, 65]))),
        2 => "F".repeat(*random.choose(&[63, 64, 65])),
        _ => (*random.choose(&texts)).to_owned(),
    }
}

/// The text with one character more, less, doubled or in the other case.
fn changed(text: &str, random: &mut Random) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    let at = random.below(characters.len() + 1);
    let new =
        *random.choose(&['a', 'Z', '0', '-', '_', '.', ':', '/', '*', '?', ' ', '"', '\\', '}', '\n', '\u{0}', 'é']);
    match (random.below(4), at < characters.len()) {
        (0, true) => drop(characters.remove(at)),
        (1, true) => characters[at] = new,
        (2, true) => {
            let flipped = characters[at];
            characters[at] =
                if flipped.is_ascii_lowercase() { flipped.to_ascii_uppercase() } else { flipped.to_ascii_lowercase() };
        }
        _ => characters.insert(at, new),
    }
    characters.into_iter().collect()
}
