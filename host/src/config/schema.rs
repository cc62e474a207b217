//! The JSON schema of the configuration, which editors use and which the loader itself follows.

mod bind;
mod plugin;

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

pub use bind::bind;

use super::raw::RawConfig;
use super::raw::exchanges::RawExchanges;

/// Draft 7, which TOML editors know. Every keyword in it is enforced by the loader too.
pub fn schema() -> Value {
    schema_of::<RawConfig>()
}

/// The schema of a file of exchanges that a plugin is tried on.
pub fn exchanges_schema() -> Value {
    schema_of::<RawExchanges>()
}

fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| {
        settings.inline_subschemas = true;
        settings.transforms.push(Box::new(Tidy));
    });
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// What may stand in a file that is included.
pub const INCLUDABLE: [&str; 8] =
    ["chains", "credentials", "keys", "models", "plugins", "providers", "routes", "upstreams"];

/// The schema of a file that is included: a part of [`schema`], and nothing in it is required.
pub fn included_schema() -> Value {
    included_part(schema())
}

pub fn included_part(mut schema: Value) -> Value {
    if let Some(members) = schema.as_object_mut() {
        members.remove("required");
        members.insert("description".to_owned(), "A file that the configuration of Sluicegate includes.".into());
        if let Some(properties) = members.get_mut("properties").and_then(Value::as_object_mut) {
            properties.retain(|name, _| INCLUDABLE.contains(&name.as_str()));
        }
    }
    schema
}

/// TOML has no null, and knows no widths of integers.
#[derive(Clone)]
struct Tidy;

impl Transform for Tidy {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let Some(members) = schema.as_object_mut() else { return };
        if members.get("default").is_some_and(Value::is_null) {
            members.remove("default");
        }
        if members.get("format").and_then(Value::as_str).is_some_and(|format| format.starts_with("uint")) {
            members.remove("format");
        }
        if let Some(Value::Array(types)) = members.get_mut("type") {
            types.retain(|name| name != "null");
            if let [one] = types.as_slice() {
                let one = one.clone();
                members.insert("type".to_owned(), one);
            }
        }
        if let Some(Value::Array(words)) = members.get_mut("enum") {
            words.retain(|word| !word.is_null());
        }
        if let Some(Value::Array(alternatives)) = members.get_mut("anyOf") {
            alternatives.retain(|alternative| alternative != &json!({ "type": "null" }));
            if let [Value::Object(one)] = alternatives.as_slice() {
                let one = one.clone();
                members.remove("anyOf");
                members.extend(one.into_iter().filter(|(name, _)| name != "description"));
            }
        }
    }
}
