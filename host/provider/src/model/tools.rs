//! Which of the tools on offer a model calls, and with what.

use serde_json::Value;

use super::draw::Fingerprint;
use super::sample::sample;

#[derive(Debug, Clone)]
pub struct Tool {
    pub name: String,
    pub description: String,
    /// A JSON schema; null if the tool takes nothing.
    pub parameters: Value,
    /// A cache mark stands behind it.
    pub marked: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ToolChoice {
    #[default]
    Auto,
    None,
    Required,
    Named(String),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// A dialect puts its vendor's prefix in front.
    pub id: u64,
    pub name: String,
    pub arguments: Value,
}

/// What the user's last text names is called, in the order of the tools; what a choice forces is called in any case.
///
/// `user_text` is none if the last turn is not the user's, as after the results of tools.
pub fn calls(tools: &[Tool], choice: &ToolChoice, parallel: bool, user_text: Option<&str>, seed: u64) -> Vec<Call> {
    let named = || tools.iter().filter(|tool| user_text.is_some_and(|text| names(text, &tool.name)));
    let mut called: Vec<&Tool> = match choice {
        ToolChoice::None => Vec::new(),
        ToolChoice::Auto => named().collect(),
        ToolChoice::Required => named().collect(),
        ToolChoice::Named(name) => tools.iter().filter(|tool| tool.name == *name).collect(),
    };
    if *choice == ToolChoice::Required && called.is_empty() {
        called.extend(tools.first());
    }
    if !parallel {
        called.truncate(1);
    }
    let call = |(index, tool): (usize, &Tool)| {
        let id = Fingerprint::new().number(seed).number(index as u64).text(&tool.name).finish();
        let arguments = match sample(&tool.parameters, id) {
            Value::Object(arguments) => Value::Object(arguments),
            _ => Value::Object(serde_json::Map::new()),
        };
        Call { id, name: tool.name.clone(), arguments }
    };
    called.into_iter().enumerate().map(call).collect()
}

/// The text has the name as a whole word.
fn names(text: &str, name: &str) -> bool {
    let belongs = |character: char| character.is_alphanumeric() || character == '_' || character == '-';
    !name.is_empty() && text.split(|character| !belongs(character)).any(|word| word.trim_matches('-') == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(choice: ToolChoice, parallel: bool, text: Option<&str>) -> Vec<String> {
        let parameters = serde_json::json!({ "type": "object", "properties": { "place": { "type": "string" } }, "required": ["place"] });
        let tool = |name: &str| Tool {
            name: name.into(),
            description: String::new(),
            parameters: parameters.clone(),
            marked: false,
        };
        let calls = calls(&[tool("look"), tool("look_up"), tool("add")], &choice, parallel, text, 1);
        assert!(calls.iter().all(|call| call.arguments["place"].is_string()));
        calls.into_iter().map(|call| call.name).collect()
    }

    #[test]
    fn a_tool_is_called_by_its_whole_name_in_the_text() {
        assert_eq!(called(ToolChoice::Auto, true, Some("Use `add`, then look_up.")), ["look_up", "add"]);
        assert_eq!(called(ToolChoice::Auto, false, Some("add, look_up")), ["look_up"]);
        assert!(called(ToolChoice::Auto, true, Some("looking to addition")).is_empty());
        assert!(called(ToolChoice::Auto, true, None).is_empty());
        assert!(called(ToolChoice::None, true, Some("add")).is_empty());
    }

    #[test]
    fn a_choice_forces_a_call_whatever_the_text_says() {
        assert_eq!(called(ToolChoice::Required, true, Some("hello")), ["look"]);
        assert_eq!(called(ToolChoice::Required, true, Some("add it")), ["add"]);
        assert_eq!(called(ToolChoice::Named("look_up".into()), true, None), ["look_up"]);
    }
}
