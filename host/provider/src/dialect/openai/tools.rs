//! Tools on offer and the choice among them, in the nested form of chat completions and the flat one of responses.

use serde_json::Value;

use super::{ApiError, form};
use crate::json::{Fields, Problem, ProblemKind};
use crate::model::tools::{Tool, ToolChoice};

pub const TOOLS_MAX: usize = 128;
pub const NAME_CHARACTERS_MAX: usize = 64;
const NAME_PATTERN: &str = "^[a-zA-Z0-9_-]+$";

const CHOICES: [&str; 3] = ["none", "auto", "required"];

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `{"type": "function", "function": {"name": …}}`
    Nested,
    /// `{"type": "function", "name": …}`
    Flat,
}

pub fn tools(fields: &Fields, shape: Shape) -> Result<Vec<Tool>, ApiError> {
    fields.objects("tools", TOOLS_MAX)?.iter().map(|tool| read(tool, shape)).collect()
}

fn read(tool: &Fields, shape: Shape) -> Result<Tool, ApiError> {
    if tool.required_string("type")? != "function" {
        return Err(ApiError::unsupported(&tool.path("type"), "The models of this provider call functions only."));
    }
    let function = match shape {
        Shape::Nested => tool.required_object("function")?,
        Shape::Flat => tool.clone(),
    };
    let name = name(&function)?;
    let parameters = function.object("parameters")?.map(|_| function.value("parameters").cloned().unwrap_or_default());
    if function.flag("strict")? {
        let complaint = parameters.as_ref().and_then(form::complaint_about_strict);
        if let Some(complaint) = complaint {
            let message = format!("Invalid schema for function '{name}': {complaint}");
            return Err(ApiError::parameter(&function.path("parameters"), "invalid_function_parameters", message));
        }
    }
    let description = function.string("description")?.unwrap_or_default().to_owned();
    Ok(Tool { name: name.to_owned(), description, parameters: parameters.unwrap_or_default(), marked: false })
}

/// Letters, digits, `_` and `-`.
pub fn name<'a>(fields: &Fields<'a>) -> Result<&'a str, Problem> {
    let name = fields.required_string("name")?;
    if name.len() > NAME_CHARACTERS_MAX {
        let kind = ProblemKind::TooLong { what: "string", most: NAME_CHARACTERS_MAX, got: name.len() };
        return Err(Problem::new(fields.path("name"), kind));
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if name.is_empty() || !name.bytes().all(fits) {
        let kind = ProblemKind::Pattern { got: name.to_owned(), pattern: NAME_PATTERN };
        return Err(Problem::new(fields.path("name"), kind));
    }
    Ok(name)
}

pub fn choice(fields: &Fields, tools: &[Tool], shape: Shape) -> Result<ToolChoice, ApiError> {
    let choice = match fields.value("tool_choice") {
        None => return Ok(ToolChoice::Auto),
        Some(Value::String(word)) => match word.as_str() {
            "none" => ToolChoice::None,
            "auto" => ToolChoice::Auto,
            "required" => ToolChoice::Required,
            other => return Err(Problem::choice("tool_choice", other, &CHOICES).into()),
        },
        Some(Value::Object(_)) => named(&fields.required_object("tool_choice")?, tools, shape)?,
        Some(other) => {
            return Err(Problem::wrong_type("tool_choice", "one of a string or object", other).into());
        }
    };
    if tools.is_empty() && choice != ToolChoice::None {
        let message = "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.";
        return Err(ApiError { code: None, ..ApiError::parameter("tool_choice", "", message.to_owned()) });
    }
    Ok(choice)
}

fn named(choice: &Fields, tools: &[Tool], shape: Shape) -> Result<ToolChoice, ApiError> {
    if choice.required_string("type")? != "function" {
        return Err(ApiError::unsupported(&choice.path("type"), "The models of this provider call functions only."));
    }
    let name = match shape {
        Shape::Nested => choice.required_object("function")?.required_string("name")?,
        Shape::Flat => choice.required_string("name")?,
    };
    if !tools.iter().any(|tool| tool.name == name) {
        let message = format!("Tool choice '{name}' not found in 'tools' parameter.");
        return Err(ApiError { code: None, ..ApiError::parameter("tool_choice", "", message) });
    }
    Ok(ToolChoice::Named(name.to_owned()))
}
