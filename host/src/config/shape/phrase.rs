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

/// `[limits]`, `[[routes]]`, `[upstreams.openai]`: as a table's header is written. `whole` is the one at the top.
pub fn table(whole: &str, path: &[Step]) -> String {
    let keys: Vec<String> = path
        .iter()
        .filter_map(|step| match step {
            Step::Key(name) => Some(without_controls(name)),
            Step::Item => None,
        })
        .collect();
    match path.last() {
        None => whole.to_owned(),
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
        "number" => "a decimal number",
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
    let written = match property.get("items") {
        Some(item) => {
            let keys = item.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
            let keys =
                keys.filter_map(|key| Some(format!("`{key} = {}`", example_of(item.get("properties")?.get(key)?)?)));
            format!("`[[{name}]]`, and below it {}", keys.collect::<Vec<_>>().join(" and "))
        }
        None if property.get("properties").is_some() => {
            let keys = property.get("required").and_then(Value::as_array)?.iter().filter_map(Value::as_str);
            let keys =
                keys.filter_map(|key| Some(format!("{key} = {}", example_of(property.get("properties")?.get(key)?)?)));
            format!("`{name} = {{ {} }}`", keys.collect::<Vec<_>>().join(", "))
        }
        None => format!("`{name} = {}`", example_of(property)?),
    };
    Some(format!("for example {written}. {sentence}"))
}

fn example_of(schema: &Value) -> Option<&Value> {
    schema.get("examples")?.as_array()?.first()
}

/// How to write a value of the type that is wanted, when the mistake is a usual one.
pub fn how_to_convert(path: &[Step], wanted: &[&Value], found: &DeValue<'_>) -> Option<String> {
    let Some(Step::Key(name)) = path.last() else { return None };
    let name = without_controls(name);
    let of_type = |name: &str| wanted.iter().find(|schema| schema.get("type").is_some_and(|found| found == name));
    let (list, header) = (of_type("array"), table("", path).replace(['`', '[', ']'], ""));
    let is_list_of_tables = list.and_then(|list| list.get("items")?.get("type")).is_some_and(|name| name == "object");
    let is_family = of_type("object").is_some_and(|schema| schema.get("properties").is_none());
    match found {
        DeValue::String(_) if of_type("integer").is_some() => {
            Some("write a number without quotes; its unit is the last part of the key".to_owned())
        }
        DeValue::Float(_) if of_type("integer").is_some() => {
            Some("write a number without a fraction; its unit is the last part of the key".to_owned())
        }
        DeValue::String(_) if of_type("boolean").is_some() => Some("write `true` or `false` without quotes".to_owned()),
        DeValue::String(_) if list.is_some() && !is_list_of_tables => {
            Some(format!("put brackets around it: `{name} = [\"…\"]`"))
        }
        DeValue::Table(_) if is_list_of_tables => {
            Some(format!("write `[[{header}]]` with two brackets: there may be several"))
        }
        DeValue::Table(_) if list.is_some() => Some(format!("put brackets around it: `{name} = [{{ … }}]`")),
        DeValue::Array(_) if is_family => Some(format!("write `[{header}.NAME]`: its name is a part of the header")),
        DeValue::Array(_) if of_type("object").is_some() => {
            Some(format!("write `[{header}]` with one bracket: there is one"))
        }
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) if of_type("string").is_some() => {
            Some("put it in quotes".to_owned())
        }
        _ if is_list_of_tables => Some(format!("write a table for each, under `[[{header}]]`")),
        DeValue::String(_) | DeValue::Integer(_) | DeValue::Boolean(_) if of_type("object").is_some() => {
            Some("write a table: keys and values, each with a `=` between them".to_owned())
        }
        _ => None,
    }
}

/// What stands in the file instead.
pub fn found_in_words(found: &DeValue<'_>) -> &'static str {
    match found {
        DeValue::String(_) | DeValue::Datetime(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(true) => "`true`",
        DeValue::Boolean(false) => "`false`",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
