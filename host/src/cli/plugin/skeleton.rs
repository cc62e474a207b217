//! A config to begin with, from the JSON schema of a plugin's config: what must be there, each with its meaning and an example.

use serde_json::{Map, Value};

/// References within references, and tables within tables.
const DEPTH_MAX: usize = 16;
/// Values of one config, those within others included.
const NODES_MAX: usize = 256;
/// Bytes of a description that stand above a key.
const COMMENT_BYTES_MAX: usize = 200;

/// The lines of a TOML table with the members that `schema` requires; empty if it requires none.
pub(super) fn config_table(schema: &Value) -> String {
    let root = schema;
    let schema = resolved(schema, root);
    let mut text = String::new();
    let mut left = NODES_MAX;
    for (name, member) in required(schema) {
        let member = resolved(member, root);
        // What stands at the reference is about this use of it.
        let said = property(schema, name).and_then(description).or_else(|| description(member));
        if let Some(said) = said {
            text.push_str(&format!("# {said}\n"));
        }
        text.push_str(&format!("{} = {}\n", key(name), example(member, root, 0, &mut left)));
    }
    text
}

fn required(schema: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let names = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    names.map(|name| (name, property(schema, name).unwrap_or(&Value::Null)))
}

fn property<'a>(schema: &'a Value, name: &str) -> Option<&'a Value> {
    schema.get("properties")?.get(name)
}

/// Follows references within the schema; one that leads nowhere is the schema itself.
fn resolved<'a>(schema: &'a Value, root: &'a Value) -> &'a Value {
    let mut found = schema;
    for _ in 0..DEPTH_MAX {
        let pointer = found.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
        match pointer.and_then(|pointer| root.pointer(pointer)) {
            Some(target) => found = target,
            None => break,
        }
    }
    found
}

/// The first line, which is one of a comment.
fn description(schema: &Value) -> Option<String> {
    let text = schema.get("description")?.as_str()?;
    let line = text.lines().next()?.trim();
    let end = line.floor_char_boundary(COMMENT_BYTES_MAX.min(line.len()));
    let line: String = line.get(..end)?.chars().filter(|letter| !letter.is_control()).collect();
    (!line.is_empty()).then_some(line)
}

/// `left`: of [`NODES_MAX`]; behind the last one, what was begun is closed.
fn example(schema: &Value, root: &Value, depth: usize, left: &mut usize) -> toml::Value {
    let Some(fewer) = left.checked_sub(1) else {
        return toml::Value::Table(toml::Table::new());
    };
    *left = fewer;
    let given = schema.get("const").or_else(|| schema.get("default"));
    let given = given.or_else(|| schema.get("examples")?.as_array()?.first());
    let given = given.or_else(|| schema.get("enum")?.as_array()?.first());
    if let Some(value) = given.and_then(toml_value) {
        return value;
    }
    for choice in ["anyOf", "oneOf", "allOf"] {
        let first = schema.get(choice).and_then(Value::as_array).and_then(|alternatives| alternatives.first());
        if let Some(first) = first.filter(|_| depth < DEPTH_MAX) {
            return example(resolved(first, root), root, depth + 1, left);
        }
    }
    match kind(schema) {
        "integer" => {
            toml::Value::Integer(schema.get("minimum").and_then(Value::as_i64).filter(|least| *least > 0).unwrap_or(0))
        }
        "number" => toml::Value::Float(schema.get("minimum").and_then(Value::as_f64).unwrap_or(0.0).max(0.0)),
        "boolean" => toml::Value::Boolean(false),
        "array" => {
            let wanted = schema.get("minItems").and_then(Value::as_u64).is_some_and(|least| least > 0);
            let item = schema.get("items").filter(|_| wanted && depth < DEPTH_MAX);
            let item = item.map(|item| example(resolved(item, root), root, depth + 1, left));
            toml::Value::Array(item.into_iter().collect())
        }
        "object" => {
            let mut table = toml::Table::new();
            for (name, member) in required(schema) {
                if *left == 0 || depth >= DEPTH_MAX {
                    break;
                }
                table.insert(name.to_owned(), example(resolved(member, root), root, depth + 1, left));
            }
            toml::Value::Table(table)
        }
        _ => toml::Value::String(String::new()),
    }
}

fn kind(schema: &Value) -> &str {
    let kind = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        kind => kind.and_then(Value::as_str),
    };
    kind.unwrap_or(if schema.get("properties").is_some() { "object" } else { "string" })
}

/// None for what TOML does not have.
fn toml_value(value: &Value) -> Option<toml::Value> {
    let table = |members: &Map<String, Value>| -> toml::Table {
        members.iter().filter_map(|(name, value)| Some((name.clone(), toml_value(value)?))).collect()
    };
    Some(match value {
        Value::Null => return None,
        Value::Bool(value) => toml::Value::Boolean(*value),
        Value::Number(number) => match number.as_i64() {
            Some(number) => toml::Value::Integer(number),
            None => toml::Value::Float(number.as_f64()?),
        },
        Value::String(text) => toml::Value::String(text.clone()),
        Value::Array(items) => toml::Value::Array(items.iter().filter_map(toml_value).collect()),
        Value::Object(members) => toml::Value::Table(table(members)),
    })
}

fn key(name: &str) -> String {
    let is_bare = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if is_bare { name.to_owned() } else { toml::Value::String(name.to_owned()).to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_must_be_there_is_there_with_its_meaning_and_an_example() {
        let schema = json!({
            "type": "object",
            "required": ["header", "limits", "mode", "share", "of other", "on"],
            "properties": {
                "header": { "type": "string", "description": "The field that must be there.\nMore of it.", "examples": ["x-team"] },
                "limits": { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/Limit" } },
                "mode": { "enum": ["strict", "lax"] },
                "share": { "type": ["null", "number"] },
                "of other": { "$ref": "#/$defs/Limit", "description": "Another one." },
                "on": { "type": "boolean", "default": true },
                "left_out": { "type": "string" },
            },
            "$defs": { "Limit": { "type": "object", "required": ["units"], "properties": { "units": { "type": "integer", "minimum": 1 } } } },
        });
        let table = config_table(&schema);
        assert_eq!(
            table,
            "# The field that must be there.\nheader = \"x-team\"\nlimits = [{ units = 1 }]\nmode = \"strict\"\nshare = 0.0\n\
             # Another one.\n\"of other\" = { units = 1 }\non = true\n"
        );
        assert!(table.parse::<toml::Table>().is_ok());
    }

    #[test]
    fn a_schema_that_grows_with_each_level_ends_soon() {
        let names: Vec<String> = (0..10).map(|number| format!("n{number}")).collect();
        let properties: Map<String, Value> = names.iter().map(|name| (name.clone(), json!({ "$ref": "#" }))).collect();
        let table = config_table(&json!({ "required": names, "properties": properties }));
        let read: toml::Table = table.parse().expect("a table");
        assert_eq!(read.len(), names.len());
        assert!(table.matches('=').count() <= NODES_MAX + names.len(), "{table}");
        assert!(table.ends_with("n9 = {}\n"), "{table}");
    }

    #[test]
    fn a_schema_that_leads_to_itself_or_nowhere_ends() {
        let endless = json!({ "$ref": "#/$defs/A", "$defs": { "A": { "$ref": "#/$defs/A" } } });
        assert_eq!(config_table(&endless), "");
        let nested = json!({ "required": ["a"], "properties": { "a": { "$ref": "#" } } });
        assert!(config_table(&nested).starts_with("a = { a = {"));
        assert_eq!(config_table(&json!({ "required": ["a"] })), "a = \"\"\n");
        assert_eq!(config_table(&json!(true)), "");
    }
}
