//! The words of messages about the shape of a configuration.

use serde_json::{Map, Value};
use toml::de::DeValue;

use super::Step;

/// `limits`, `routes.name`, "an item of `methods`".
pub fn subject(path: &[Step]) -> String {
    let name = path.iter().rev().find_map(|step| match step {
        Step::Key(name) => Some(name.as_str()),
        Step::Item => None,
    });
    let name = quoted(name.unwrap_or("the file"));
    match path.last() {
        Some(Step::Item) => format!("an item of {name}"),
        _ => name,
    }
}

/// `[limits]`, `[[routes]]`, `[upstreams.openai]`: as a table's header is written.
pub fn table(path: &[Step]) -> String {
    let keys: Vec<String> = path
        .iter()
        .filter_map(|step| match step {
            Step::Key(name) => Some(without_controls(name)),
            Step::Item => None,
        })
        .collect();
    match path.last() {
        None => "the configuration".to_owned(),
        Some(Step::Item) => format!("`[[{}]]`", keys.join(".")),
        Some(Step::Key(_)) => format!("`[{}]`", keys.join(".")),
    }
}

/// A key from the file: printed, but never long, and never able to steer a terminal.
pub fn quoted(name: &str) -> String {
    format!("`{}`", without_controls(name))
}

fn without_controls(name: &str) -> String {
    let clean = |character: char| if character.is_control() { '\u{fffd}' } else { character };
    match name.char_indices().nth(64) {
        Some((end, _)) => name.get(..end).unwrap_or_default().chars().map(clean).chain(['…']).collect(),
        None => name.chars().map(clean).collect(),
    }
}

pub fn one_of(words: &[&str]) -> String {
    match words {
        [others @ .., last] if !others.is_empty() => format!("{} or `{last}`", backquoted(others)),
        _ => backquoted(words),
    }
}

pub fn all_of(words: &[&str]) -> String {
    match words {
        [others @ .., last] if !others.is_empty() => format!("{} and `{last}`", backquoted(others)),
        _ => backquoted(words),
    }
}

fn backquoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// `16_777_216`, as TOML allows it too.
pub fn grouped(number: i128) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

pub fn type_in_words(name: &str) -> &str {
    match name {
        "string" => "a string",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "`true` or `false`",
        "array" => "a list",
        "object" => "a table",
        other => other,
    }
}

pub fn description(schema: &Map<String, Value>) -> &str {
    schema.get("description").and_then(Value::as_str).unwrap_or("is refused")
}

/// An example of a value, unless `subject` is itself one of many.
pub fn example(subject: &str, schema: &Map<String, Value>) -> Option<String> {
    let name = subject.strip_prefix('`')?.strip_suffix('`')?;
    let example = schema.get("examples")?.as_array()?.first()?;
    Some(format!("for example `{name} = {example}`"))
}

/// What to write for a key that is missing.
pub fn how_to_add(name: &str, schema: &Map<String, Value>) -> Option<String> {
    let property = schema.get("properties")?.get(name)?;
    let description = property.get("description").and_then(Value::as_str).unwrap_or_default();
    let sentence = description.split_inclusive(". ").next().unwrap_or_default().trim_end();
    let written = match property.get("type")?.as_str()? {
        "array" => {
            let item = property.get("items")?;
            let keys = item.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
            let keys = keys.filter_map(|key| Some(format!("{key} = {}", example_of(item.get("properties")?.get(key)?)?)));
            format!("[[{name}]] with {}", keys.collect::<Vec<_>>().join(", "))
        }
        _ => format!("{name} = {}", example_of(property)?),
    };
    Some(format!("add `{written}`, for example: {sentence}"))
}

fn example_of(schema: &Value) -> Option<&Value> {
    schema.get("examples")?.as_array()?.first()
}

/// How to write a value of the type that is wanted, when the mistake is a usual one.
pub fn how_to_convert(path: &[Step], expected: &[&str], found: &str, value: &DeValue<'_>) -> Option<String> {
    let name = path.iter().rev().find_map(|step| match step {
        Step::Key(name) => Some(name.as_str()),
        Step::Item => None,
    })?;
    let name = without_controls(name);
    let one_key = matches!(path, [Step::Key(_)]);
    match (expected, found) {
        (["integer"], "string") => Some("write the number without quotes".to_owned()),
        (["integer"], "number") => Some("write a whole number; the unit is the last part of the key".to_owned()),
        (["boolean"], "string") => Some("write `true` or `false` without quotes".to_owned()),
        (["array"], "object") if one_key => Some(format!("write `[[{name}]]` with two brackets: there may be several")),
        (["array"], "string") => Some(format!("put brackets around it: `{name} = [\"…\"]`")),
        (["object"], "array") if matches!(value, DeValue::Array(items) if items.iter().any(|item| matches!(item.get_ref(), DeValue::Table(_)))) => {
            let header = table(path).replace("[[", "[").replace("]]", "]");
            Some(match one_key {
                true => format!("write {header} with one bracket, or `[{name}.NAME]` if its tables have names"),
                false => format!("write {header} with one bracket"),
            })
        }
        (["string"], "integer" | "number" | "boolean") => Some("put it in quotes".to_owned()),
        _ => None,
    }
}
