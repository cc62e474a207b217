//! Names of members in the two forms that the JSON of protocol buffers takes.

use serde_json::{Map, Value};

/// What stands under these names is the client's own, and keeps its names.
const OPAQUE: [&str; 8] = [
    "args",
    "parameters",
    "parametersJsonSchema",
    "response",
    "responseJsonSchema",
    "responseSchema",
    "labels",
    "toolCall",
];

/// `system_instruction` as `systemInstruction`, at every level that is this API's.
pub fn camel_case(value: &Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(members.iter().map(member).collect::<Map<String, Value>>()),
        Value::Array(values) => values.iter().map(camel_case).collect(),
        other => other.clone(),
    }
}

fn member((name, value): (&String, &Value)) -> (String, Value) {
    let mut words = name.split('_');
    let mut changed = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut characters = word.chars();
        changed.extend(characters.next().map(|first| first.to_ascii_uppercase()));
        changed.push_str(characters.as_str());
    }
    let value = if OPAQUE.contains(&changed.as_str()) { value.clone() } else { camel_case(value) };
    (changed, value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_of_the_api_change_and_those_of_the_client_stay() {
        let body = json!({ "system_instruction": { "parts": [{ "inline_data": 1, "function_call": { "args": { "a_b": 1 } } }] } });
        let expected = json!({ "systemInstruction": { "parts": [{ "inlineData": 1, "functionCall": { "args": { "a_b": 1 } } }] } });
        assert_eq!(camel_case(&body), expected);
        assert_eq!(camel_case(&expected), expected);
    }
}
