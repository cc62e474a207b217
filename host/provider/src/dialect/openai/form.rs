//! The form that an answer's text is to have: `response_format` of chat completions, `text.format` of responses.

use serde_json::Value;

use super::ApiError;
use super::tools::{Shape, name};
use crate::json::{Fields, Problem};
use crate::question::{Form, Part, Turn};

const KINDS: [&str; 3] = ["text", "json_object", "json_schema"];

/// Objects and arrays of a strict schema within each other.
pub const STRICT_DEPTH_MAX: usize = 10;

pub fn read(format: Option<Fields>, shape: Shape) -> Result<Form, ApiError> {
    let Some(format) = format else { return Ok(Form::Text) };
    match format.required_word("type", &KINDS)? {
        "text" => Ok(Form::Text),
        "json_object" => Ok(Form::Json),
        _ => {
            let definition = match shape {
                Shape::Nested => format.required_object("json_schema")?,
                Shape::Flat => format.clone(),
            };
            schema(&definition, format.own_path())
        }
    }
}

fn schema(definition: &Fields, param: &str) -> Result<Form, ApiError> {
    let name = name(definition)?;
    definition.string("description")?;
    definition.required_object("schema")?;
    let schema = definition.value("schema").cloned().unwrap_or_default();
    if definition.flag("strict")?
        && let Some(complaint) = complaint_about_strict(&schema)
    {
        let message = format!("Invalid schema for response_format '{name}': {complaint}");
        return Err(ApiError { code: None, ..ApiError::parameter(param, "", message) });
    }
    Ok(Form::Schema(schema))
}

/// A client that asks for any JSON must say so to the model too, or it would wait for ever.
pub fn check_json_is_named(form: &Form, turns: &[Turn], list: &str, param: &str) -> Result<(), ApiError> {
    let names_it = |part: &Part| matches!(part, Part::Text(text) if text.to_lowercase().contains("json"));
    if *form != Form::Json || turns.iter().flat_map(|turn| &turn.parts).any(names_it) {
        return Ok(());
    }
    let message =
        format!("'{list}' must contain the word 'json' in some form, to use '{param}' of type 'json_object'.");
    Err(ApiError { code: None, ..Problem::other(list, "", message).into() })
}

/// What a strict schema may not leave open, as OpenAI's guide to structured outputs lists it.
pub fn complaint_about_strict(schema: &Value) -> Option<String> {
    if schema.get("type").and_then(Value::as_str) != Some("object") {
        return Some("schema must be a JSON Schema of 'type: \"object\"'.".to_owned());
    }
    complaint(schema, &mut Vec::new())
}

fn complaint(schema: &Value, context: &mut Vec<String>) -> Option<String> {
    let place = |context: &[String]| {
        let quoted: Vec<String> = context.iter().map(|name| format!("'{name}'")).collect();
        format!("In context=({}), ", quoted.join(", "))
    };
    if context.len() > 2 * STRICT_DEPTH_MAX {
        return Some(format!("{}the schema has more than {STRICT_DEPTH_MAX} levels of nesting.", place(context)));
    }
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        if schema.get("additionalProperties") != Some(&Value::Bool(false)) {
            return Some(format!(
                "{}'additionalProperties' is required to be supplied and to be false.",
                place(context)
            ));
        }
        let required: Vec<&str> =
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        if let Some(missing) = properties.keys().find(|name| !required.contains(&name.as_str())) {
            return Some(format!(
                "{}'required' is required to be supplied and to be an array including every key in properties. Missing '{missing}'.",
                place(context)
            ));
        }
    }
    for name in ["properties", "$defs"] {
        for (member, schema) in schema.get(name).and_then(Value::as_object).into_iter().flatten() {
            context.extend([name.to_owned(), member.clone()]);
            let found = complaint(schema, context);
            context.truncate(context.len() - 2);
            if found.is_some() {
                return found;
            }
        }
    }
    let branches = schema.get("anyOf").and_then(Value::as_array).into_iter().flatten();
    schema.get("items").into_iter().chain(branches).find_map(|schema| {
        context.extend(["items".to_owned(), "0".to_owned()]);
        let found = complaint(schema, context);
        context.truncate(context.len() - 2);
        found
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_strict_schema_closes_every_object_and_requires_every_member() {
        let good = json!({ "type": "object", "properties": { "a": { "type": "array", "items": {
            "type": "object", "properties": { "b": {} }, "required": ["b"], "additionalProperties": false,
        } } }, "required": ["a"], "additionalProperties": false });
        assert_eq!(complaint_about_strict(&good), None);
        let mut open = good.clone();
        open["properties"]["a"]["items"]["additionalProperties"] = json!(true);
        let said = complaint_about_strict(&open).unwrap();
        assert!(said.starts_with("In context=('properties', 'a', 'items', '0'), 'additionalProperties' is"), "{said}");
        let mut optional = good;
        optional["required"] = json!([]);
        assert!(complaint_about_strict(&optional).unwrap().ends_with("Missing 'a'."));
        assert!(complaint_about_strict(&json!({ "type": "string" })).is_some());
    }

    #[test]
    fn a_strict_schema_nests_up_to_the_limit() {
        let nested = |levels: usize| {
            (0..levels).fold(json!({ "type": "string" }), |inner, _| {
                json!({ "type": "object", "properties": { "x": inner }, "required": ["x"], "additionalProperties": false })
            })
        };
        assert_eq!(complaint_about_strict(&nested(STRICT_DEPTH_MAX)), None);
        assert!(complaint_about_strict(&nested(STRICT_DEPTH_MAX + 1)).unwrap().contains("10 levels"));
    }
}
