//! The references in `docs/config.md` and `docs/exchanges.md` are made from the schemas, so that they cannot drift.

use serde_json::Value;

use super::{assert_is_current, root};
use crate::config::{exchanges_schema, schema};

/// What stands above this line is written by hand.
const MARK: &str = "<!-- What follows is made from the schema by a test. -->\n";

#[test]
fn the_references_are_current() {
    for (name, schema) in [("docs/config.md", schema()), ("docs/exchanges.md", exchanges_schema())] {
        let path = root().join(name);
        let committed = std::fs::read_to_string(&path).unwrap();
        let (by_hand, _) = committed.split_once(MARK).expect("the mark is there");
        let mut text = format!("{by_hand}{MARK}");
        section("Top of the file", &schema, &mut text);
        assert_is_current(&path, &text);
    }
}

#[test]
fn every_key_is_described() {
    fn check(path: &str, schema: &Value) {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            assert!(property["description"].as_str().is_some_and(|text| text.len() > 10), "{path}.{name}");
            check(&format!("{path}.{name}"), property);
        }
        for inner in ["items", "additionalProperties"] {
            if schema[inner].is_object() {
                check(path, &schema[inner]);
            }
        }
    }
    check("", &schema());
    check("exchanges", &exchanges_schema());
}

/// A table: what it is for, its keys, and then the tables in it.
fn section(header: &str, schema: &Value, text: &mut String) {
    text.push_str(&format!("\n### {header}\n\n"));
    let Some(properties) = schema["properties"].as_object() else { return };
    let is_required =
        |name: &str| schema["required"].as_array().is_some_and(|names| names.iter().any(|one| one == name));
    let (mut keys, mut tables) = (Vec::new(), Vec::new());
    for (name, property) in properties {
        match table_in(name, property) {
            Some(table) => tables.push((table, property)),
            None => keys.push((name, property)),
        }
    }
    keys.sort_by_key(|(name, _)| !is_required(name));
    for (name, property) in keys {
        text.push_str(&key(name, property, is_required(name)));
    }
    let outer = header.strip_prefix('`').and_then(|header| header.strip_suffix('`'));
    for ((inner_header, inner), property) in tables {
        let header = match outer {
            Some(outer) => format!("`{}` in `{outer}`", inner_header.trim_matches(['[', ']', '`'])),
            None => inner_header,
        };
        section(&header, inner, text);
        let description = property["description"].as_str().unwrap_or_default();
        let at = text.rfind(&format!("### {header}\n\n")).unwrap() + header.len() + 6;
        text.insert_str(at, &format!("{}\n\n", sentences(description)));
    }
}

/// The header and the schema of the table that a property is, or that it is a list or a family of.
fn table_in<'a>(name: &str, property: &'a Value) -> Option<(String, &'a Value)> {
    let has_keys = |schema: &Value| schema["properties"].is_object();
    let family = &property["additionalProperties"];
    [
        (property, format!("`[{name}]`")),
        (&property["items"], format!("`[[{name}]]`")),
        (family, format!("`[{name}.NAME]`")),
        (&family["items"], format!("`[[{name}.NAME]]`")),
    ]
    .into_iter()
    .find(|(schema, _)| has_keys(schema))
    .map(|(schema, header)| (header, schema))
}

fn key(name: &str, schema: &Value, required: bool) -> String {
    let mut facts = vec![kind(schema)];
    if required {
        facts.push("required".to_owned());
    }
    if let Some(default) = schema.get("default") {
        facts.push(format!("default `{default}`"));
    }
    let mut lines = format!(
        "- `{name}` ({}): {}\n",
        facts.join(", "),
        sentences(schema["description"].as_str().unwrap_or_default()).replace('\n', "\n  ")
    );
    let must = [&schema["patternErrorMessage"], &schema["items"]["patternErrorMessage"]];
    if let Some(must) = must.into_iter().find_map(Value::as_str) {
        let subject = if schema["items"].is_object() { "Each" } else { "It" };
        lines.push_str(&format!("  {subject} {must}.\n"));
    }
    if let Some(example) = schema["examples"][0].as_str() {
        lines.push_str(&format!("  Example: `{name} = \"{example}\"`\n"));
    }
    lines
}

fn kind(schema: &Value) -> String {
    if let Some(words) = schema["enum"].as_array() {
        return words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or ");
    }
    if schema["anyOf"].is_array() {
        return "a name, or a list of names and of tables as in `[[chains.NAME]]`".to_owned();
    }
    match schema["type"].as_str() {
        Some("integer") => format!("whole number from {} to {}", schema["minimum"], schema["maximum"]),
        Some("boolean") => "true or false".to_owned(),
        Some("array") => format!("list of {}", kind(&schema["items"])),
        Some("object") if schema["additionalProperties"].is_object() => "table of strings".to_owned(),
        Some("object") => "table".to_owned(),
        other => other.unwrap_or_default().to_owned(),
    }
}

/// One sentence on each line.
fn sentences(description: &str) -> String {
    description.replace(". ", ".\n")
}
