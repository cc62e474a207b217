//! A value that fits a JSON schema, for structured output and for what tools are called with.
//!
//! What is drawn: `type` (also several), `enum`, `const`, `properties` (all of them), `items`, `prefixItems`, `anyOf`, `oneOf`,
//! `allOf`, `$ref` within the schema, `nullable`, `minimum`, `maximum` and their exclusive forms, `minItems`, `minLength`,
//! `maxLength`, and the formats `date`, `time`, `date-time`, `email`, `uuid`, `uri`. `pattern` and `multipleOf` are not heeded.
//! Types may be in capitals, as Gemini's schemas have them.

use serde_json::{Map, Number, Value, json};

use super::draw::Draw;
use super::story;

/// Objects and arrays within each other in a sample. Below that, null stands where a schema that refers to itself would go on.
pub const SAMPLE_DEPTH_MAX: usize = 12;

/// Values in a sample. What would come behind is null, or left out of an array.
pub const SAMPLE_VALUES_MAX: usize = 1_000;

const ITEMS: u64 = 2;
const NUMBER_DEFAULT_MAX: i64 = 100;
const STRING_CHARACTERS_MAX: u64 = 10_000;

pub fn sample(schema: &Value, seed: u64) -> Value {
    Sampler { root: schema, draw: Draw::new(seed), values: 0 }.value(schema, 0)
}

struct Sampler<'a> {
    root: &'a Value,
    draw: Draw,
    values: usize,
}

impl<'a> Sampler<'a> {
    fn value(&mut self, schema: &'a Value, depth: usize) -> Value {
        self.values += 1;
        if depth > SAMPLE_DEPTH_MAX || self.values > SAMPLE_VALUES_MAX {
            return Value::Null;
        }
        if let Some(pointer) = schema.get("$ref").and_then(Value::as_str) {
            let target = pointer.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
            return target.map_or(Value::Null, |target| self.value(target, depth + 1));
        }
        if let Some(value) = schema.get("const") {
            return value.clone();
        }
        if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            return self.draw.one_of(values).cloned().unwrap_or(Value::Null);
        }
        for name in ["anyOf", "oneOf"] {
            // The first that ends soonest is the first without a reference, so that recursion comes to an end.
            if let Some(branches) = schema.get(name).and_then(Value::as_array) {
                let plain = branches.iter().find(|branch| depth > 2 && branch.get("$ref").is_none());
                let branch = plain.or_else(|| self.draw.one_of(branches));
                return branch.map_or(Value::Null, |branch| self.value(branch, depth + 1));
            }
        }
        if let Some(parts) = schema.get("allOf").and_then(Value::as_array) {
            return self.all_of(schema, parts, depth);
        }
        match type_of(schema).as_str() {
            "object" => Value::Object(self.object(schema, depth)),
            "array" => self.array(schema, depth),
            "string" => Value::String(self.string(schema)),
            "integer" => self.integer(schema),
            "number" => self.number(schema),
            "boolean" => Value::Bool(self.draw.between(0, 1) == 1),
            _ => Value::Null,
        }
    }

    /// The members of all parts together; a part that is no object stands for the whole.
    fn all_of(&mut self, schema: &'a Value, parts: &'a [Value], depth: usize) -> Value {
        let mut members = self.object(schema, depth);
        for part in parts {
            match self.value(part, depth + 1) {
                Value::Object(more) => members.extend(more),
                other => return other,
            }
        }
        Value::Object(members)
    }

    fn object(&mut self, schema: &'a Value, depth: usize) -> Map<String, Value> {
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return Map::new() };
        // In one order, whatever order this build of the JSON library keeps.
        let mut properties: Vec<_> = properties.iter().collect();
        properties.sort_by_key(|(name, _)| *name);
        properties.into_iter().map(|(name, schema)| (name.clone(), self.value(schema, depth + 1))).collect()
    }

    fn array(&mut self, schema: &'a Value, depth: usize) -> Value {
        if let Some(first) = schema.get("prefixItems").and_then(Value::as_array) {
            return first.iter().map(|schema| self.value(schema, depth + 1)).collect();
        }
        let least = unsigned(schema, "minItems").unwrap_or(ITEMS);
        let count = least.min(unsigned(schema, "maxItems").unwrap_or(u64::MAX));
        let Some(items) = schema.get("items") else { return json!([]) };
        let mut array = Vec::new();
        while (array.len() as u64) < count && self.values < SAMPLE_VALUES_MAX {
            array.push(self.value(items, depth + 1));
        }
        Value::Array(array)
    }

    fn string(&mut self, schema: &Value) -> String {
        let number = self.draw.number();
        match schema.get("format").and_then(Value::as_str) {
            Some("date") => return format!("2024-{:02}-{:02}", 1 + number % 12, 1 + number % 28),
            Some("time") => return format!("{:02}:{:02}:00Z", number % 24, number % 60),
            Some("date-time") => {
                return format!("2024-{:02}-{:02}T{:02}:00:00Z", 1 + number % 12, 1 + number % 28, number % 24);
            }
            Some("email") => return format!("{}@example.com", story::word(&mut self.draw)),
            Some("uri") => return format!("https://example.com/{}", story::word(&mut self.draw)),
            Some("uuid") => {
                return format!(
                    "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
                    number as u32,
                    number as u16,
                    number & 0xfff,
                    number >> 52,
                    number >> 16
                );
            }
            _ => {}
        }
        let least = unsigned(schema, "minLength").unwrap_or(0).min(STRING_CHARACTERS_MAX);
        let most = unsigned(schema, "maxLength").unwrap_or(u64::MAX);
        let mut text = story::word(&mut self.draw).to_owned();
        while (text.len() as u64) < least {
            text.push(' ');
            text.push_str(story::word(&mut self.draw));
        }
        text.chars().take(usize::try_from(most).unwrap_or(usize::MAX)).collect()
    }

    fn integer(&mut self, schema: &Value) -> Value {
        let bound = |name: &str| schema.get(name).and_then(Value::as_f64).map(|bound| bound as i64);
        let least = bound("minimum").or(bound("exclusiveMinimum").map(|least| least.saturating_add(1)));
        let most = bound("maximum").or(bound("exclusiveMaximum").map(|most| most.saturating_sub(1)));
        let least = least.unwrap_or_else(|| most.map_or(0, |most| most.saturating_sub(NUMBER_DEFAULT_MAX).min(0)));
        let most = most.unwrap_or_else(|| least.saturating_add(NUMBER_DEFAULT_MAX)).max(least);
        let offset = self.draw.between(0, most.abs_diff(least));
        json!(least.saturating_add_unsigned(offset))
    }

    fn number(&mut self, schema: &Value) -> Value {
        let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
        let (low, high) =
            (bound("minimum").or(bound("exclusiveMinimum")), bound("maximum").or(bound("exclusiveMaximum")));
        let low = low.unwrap_or_else(|| high.map_or(0.0, |high| high - 1.0));
        let high = high.unwrap_or(low + 1.0);
        // Strictly between both, in quarters.
        let share = self.draw.between(1, 3) as f64 / 4.0;
        Number::from_f64(low + (high - low) * share).map_or(Value::Null, Value::Number)
    }
}

/// One that is not null, if several are given; an object or array may show itself by its members.
fn type_of(schema: &Value) -> String {
    let one = match schema.get("type") {
        Some(Value::String(one)) => Some(one.as_str()),
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).find(|one| *one != "null"),
        _ => None,
    };
    match one {
        Some(one) => one.to_ascii_lowercase(),
        None if schema.get("items").is_some() => "array".to_owned(),
        None if schema.get("properties").is_some() => "object".to_owned(),
        None => "string".to_owned(),
    }
}

fn unsigned(schema: &Value, name: &str) -> Option<u64> {
    match schema.get(name)? {
        // Gemini's schemas write counts as text.
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_fit(schema: &Value) {
        let validator = jsonschema::validator_for(schema).unwrap();
        for seed in 0..50 {
            let value = sample(schema, seed);
            assert!(validator.is_valid(&value), "{schema}: {value}");
            assert_eq!(value, sample(schema, seed));
        }
    }

    #[test]
    fn a_sample_fits_its_schema() {
        for schema in [
            json!({ "type": "string", "minLength": 30, "maxLength": 31 }),
            json!({ "type": "integer", "minimum": -3, "maximum": -2 }),
            json!({ "type": "integer", "exclusiveMaximum": -1000 }),
            json!({ "type": "number", "exclusiveMinimum": 2.5, "exclusiveMaximum": 2.6 }),
            json!({ "type": ["null", "boolean"] }),
            json!({ "enum": ["a", 1, null] }),
            json!({ "const": { "a": [] } }),
            json!({ "type": "array", "items": { "type": "string", "format": "date-time" }, "minItems": 5 }),
            json!({ "type": "array", "items": {}, "maxItems": 1 }),
            json!({ "allOf": [{ "type": "object", "properties": { "a": { "type": "integer" } }, "required": ["a"] }] }),
            json!({
                "type": "object", "additionalProperties": false, "required": ["steps", "answer"],
                "properties": {
                    "answer": { "anyOf": [{ "type": "string", "enum": ["x"] }, { "type": "number" }] },
                    "steps": { "type": "array", "items": { "$ref": "#/$defs/step" } },
                },
                "$defs": { "step": { "type": "object", "properties": { "text": { "type": "string" } }, "required": ["text"] } },
            }),
        ] {
            all_fit(&schema);
        }
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let tree = json!({ "type": "object", "properties": {
            "left": { "anyOf": [{ "$ref": "#" }, { "type": "null" }] }, "right": { "anyOf": [{ "$ref": "#" }, { "type": "null" }] },
        } });
        all_fit(&tree);
        assert_eq!(sample(&json!({ "$ref": "#" }), 1), Value::Null);
        let list = json!({ "type": "array", "items": { "$ref": "#" }, "minItems": 9 });
        assert!(sample(&list, 1).to_string().len() < 10 * SAMPLE_VALUES_MAX);
    }

    #[test]
    fn a_sample_has_no_more_values_than_the_limit() {
        let many = json!({ "type": "array", "items": { "type": "boolean" }, "minItems": 5_000_000 });
        assert_eq!(sample(&many, 1).as_array().unwrap().len(), SAMPLE_VALUES_MAX - 1);
        let long = json!({ "type": "string", "minLength": 5_000_000 });
        assert!((sample(&long, 1).as_str().unwrap().len() as u64) < STRING_CHARACTERS_MAX + 20);
    }

    #[test]
    fn types_in_capitals_are_understood() {
        let schema = json!({ "type": "OBJECT", "properties": { "n": { "type": "INTEGER" } } });
        assert!(sample(&schema, 1)["n"].is_i64());
    }
}
