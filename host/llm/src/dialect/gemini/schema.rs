//! A schema in the vendor's own form (OpenAPI 3.0) as the JSON schema that it stands for.

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::json::{Document, Splice, Value};

/// Whole numbers of 64 bits, which the JSON of protocol buffers writes as strings.
const COUNTS: [&str; 6] = ["minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"];

/// Only what a JSON schema says otherwise is changed: names of types, what may be null, and counts in quotes.
pub fn json_schema(document: &Document, value: &Value) -> Box<RawValue> {
    let raw = document.raw_value(value);
    let Ok(own) = Document::parse(Bytes::from(raw.get().to_owned())) else { return raw };
    let mut splice = Splice::new(own.source());
    schema(&own.root, &mut splice);
    let changed = String::from_utf8(splice.apply()).ok().and_then(|text| RawValue::from_string(text).ok());
    changed.unwrap_or(raw)
}

/// No deeper than the parser went.
fn schema(value: &Value, splice: &mut Splice<'_>) {
    let nullable = value.get("nullable").and_then(Value::as_bool) == Some(true);
    for (name, member) in value.as_object().unwrap_or_default() {
        match name.as_str() {
            "type" => {
                let Some(word) = member.as_str() else { continue };
                let lower = serde_json::Value::from(word.to_ascii_lowercase()).to_string();
                if nullable {
                    splice.replace(member.span.clone(), format!("[{lower},\"null\"]"));
                } else if word.bytes().any(|byte| byte.is_ascii_uppercase()) {
                    splice.replace(member.span.clone(), lower);
                }
            }
            "items" | "additionalProperties" | "not" => schema(member, splice),
            "properties" | "$defs" | "defs" => {
                member.as_object().unwrap_or_default().iter().for_each(|(_, value)| schema(value, splice));
            }
            "anyOf" | "any_of" | "oneOf" | "allOf" | "prefixItems" => {
                member.as_array().unwrap_or_default().iter().for_each(|value| schema(value, splice));
            }
            name if COUNTS.contains(&name) => {
                if let Some(count) = member.as_str().and_then(|text| text.parse::<u64>().ok()) {
                    splice.replace(member.span.clone(), count.to_string());
                }
            }
            _ => {}
        }
    }
}
