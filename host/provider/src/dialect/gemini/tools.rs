//! Functions on offer and the choice among them.

use super::ApiError;
use crate::json::{Fields, Problem, ProblemKind};
use crate::model::tools::{Tool, ToolChoice};

pub const TOOLS_MAX: usize = 512;
const NAME_CHARACTERS_MAX: usize = 64;
const MODES: [&str; 5] = ["MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"];

pub fn tools(fields: &Fields) -> Result<Vec<Tool>, ApiError> {
    let mut tools: Vec<Tool> = Vec::new();
    for group in fields.objects("tools", TOOLS_MAX)? {
        group
            .only(&["functionDeclarations"])
            .map_err(|_| ApiError::invalid("Only function tools are supported for this model."))?;
        for function in group.objects("functionDeclarations", TOOLS_MAX)? {
            let tool = read(&function)?;
            if tools.iter().any(|other| other.name == tool.name) {
                return Err(ApiError::invalid(&format!("Duplicate function declaration found: {}", tool.name)));
            }
            tools.push(tool);
        }
    }
    Ok(tools)
}

fn read(function: &Fields) -> Result<Tool, Problem> {
    let name = function.required_string("name")?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':');
    let begins = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    if !begins || name.len() > NAME_CHARACTERS_MAX || !name.bytes().all(fits) {
        let kind = ProblemKind::Pattern { got: name.to_owned(), pattern: "" };
        return Err(Problem::new(function.path("name"), kind));
    }
    function.object("parameters")?;
    let parameters = function.value("parameters").or(function.value("parametersJsonSchema"));
    Ok(Tool {
        name: name.to_owned(),
        description: function.string("description")?.unwrap_or_default().to_owned(),
        parameters: parameters.cloned().unwrap_or_default(),
        marked: false,
    })
}

/// Where a choice names some functions only, the others are not on offer.
pub fn choice(fields: &Fields, tools: &mut Vec<Tool>) -> Result<ToolChoice, ApiError> {
    let config = match fields.object("toolConfig")? {
        Some(config) => config.object("functionCallingConfig")?,
        None => None,
    };
    let Some(config) = config else { return Ok(ToolChoice::Auto) };
    let mode = config.word("mode", &MODES)?.unwrap_or("AUTO");
    let allowed = config.strings("allowedFunctionNames", TOOLS_MAX)?;
    if !allowed.is_empty() {
        if !matches!(mode, "ANY" | "VALIDATED") {
            return Err(ApiError::invalid(
                "Function calling config is set without function_declarations or with mode other than ANY.",
            ));
        }
        if let Some(unknown) = allowed.iter().find(|name| !tools.iter().any(|tool| tool.name == **name)) {
            return Err(ApiError::invalid(&format!("Function calling config names an unknown function: {unknown}")));
        }
        tools.retain(|tool| allowed.contains(&tool.name));
    }
    if tools.is_empty() && mode == "ANY" {
        return Err(ApiError::invalid("Function calling config is set without function_declarations."));
    }
    Ok(match mode {
        "ANY" => ToolChoice::Required,
        "NONE" => ToolChoice::None,
        _ => ToolChoice::Auto,
    })
}
