//! Makes the schema of a plugin's config, draft 2020-12, a part of another schema, draft 7.
//!
//! References in it stay in it: those to other documents are taken out, so that no editor fetches what a plugin names.

use serde_json::{Map, Value};

/// Keywords whose value is a schema, a list of schemas, or schemas by name; all others are left as they are.
const ONE: [&str; 11] = [
    "items",
    "additionalItems",
    "additionalProperties",
    "propertyNames",
    "contains",
    "not",
    "if",
    "then",
    "else",
    "unevaluatedItems",
    "unevaluatedProperties",
];
const LISTS: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
const NAMED: [&str; 5] = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"];

/// What names a schema, or says which draft it follows.
const NAMES: [&str; 6] = ["$schema", "$id", "id", "$anchor", "$dynamicAnchor", "$vocabulary"];

/// `reference`: where the part will stand, such as `#/definitions/audit`.
pub fn as_part(schema: &Value, reference: &str) -> Value {
    let mut part = schema.clone();
    each_schema(&mut part, &mut in_draft_7);
    let whole = part.clone();
    each_schema(&mut part, &mut |members| move_reference(members, &whole, reference));
    part
}

/// Visits a schema and those within it, the innermost first.
fn each_schema(schema: &mut Value, visit: &mut impl FnMut(&mut Map<String, Value>)) {
    let Some(members) = schema.as_object_mut() else { return };
    for (keyword, value) in members.iter_mut() {
        let keyword = keyword.as_str();
        match value {
            // `items` of draft 7 may be a list.
            Value::Array(schemas) if LISTS.contains(&keyword) || keyword == "items" => {
                schemas.iter_mut().for_each(|schema| each_schema(schema, visit));
            }
            Value::Object(schemas) if NAMED.contains(&keyword) => {
                schemas.values_mut().for_each(|schema| each_schema(schema, visit));
            }
            value if ONE.contains(&keyword) => each_schema(value, visit),
            _ => {}
        }
    }
    visit(members);
}

fn in_draft_7(members: &mut Map<String, Value>) {
    members.retain(|keyword, _| !NAMES.contains(&keyword.as_str()));
    if let Some(first) = members.remove("prefixItems") {
        if let Some(rest) = members.remove("items") {
            members.insert("additionalItems".to_owned(), rest);
        }
        members.insert("items".to_owned(), first);
    }
}

/// Draft 7 ignores what stands beside `$ref`, so it goes behind it.
fn move_reference(members: &mut Map<String, Value>, whole: &Value, reference: &str) {
    let Some(target) = members.remove("$ref") else { return };
    let pointer = target.as_str().and_then(|target| target.strip_prefix('#'));
    let Some(pointer) = pointer.filter(|pointer| whole.pointer(pointer).is_some()) else { return };
    let moved = Value::Object(Map::from_iter([("$ref".to_owned(), format!("{reference}{pointer}").into())]));
    match members.is_empty() {
        true => drop(members.insert("$ref".to_owned(), format!("{reference}{pointer}").into())),
        false => match members.entry("allOf").or_insert_with(|| Value::Array(Vec::new())) {
            Value::Array(all) => all.push(moved),
            _ => {}
        },
    }
}
