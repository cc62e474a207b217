//! Reads the functions on offer and the choice among them.

use std::collections::HashSet;

use super::members::Members;
use super::schema::json_schema;
use crate::call::{Call, Tool, ToolChoice};
use crate::error::CallError;
use crate::json::Document;

pub fn read(document: &Document, request: &Members<'_>, call: &mut Call) -> Result<(), CallError> {
    for group in request.objects("tools")?.unwrap_or_default() {
        for function in group.objects("functionDeclarations")?.unwrap_or_default() {
            let tool = tool(document, &function)?;
            function.rest_into(&mut call.foreign);
            call.tools.push(tool);
        }
        // Tools that the vendor runs itself.
        group.rest_into(&mut call.foreign);
    }
    let Some(config) = request.object("toolConfig")? else { return Ok(()) };
    if let Some(calling) = config.object("functionCallingConfig")? {
        call.tool_choice = choice(&calling, call)?;
        calling.rest_into(&mut call.foreign);
    }
    config.rest_into(&mut call.foreign);
    Ok(())
}

fn tool(document: &Document, function: &Members<'_>) -> Result<Tool, CallError> {
    let name = function.required_str("name")?.to_owned();
    let description = function.text("description")?;
    let own = function.object("parameters")?.and_then(|_| function.get("parameters"));
    let schema = match own {
        Some(value) => Some(json_schema(document, value)),
        None => function.get("parametersJsonSchema").map(|value| document.raw_value(value)),
    };
    if own.is_some() && function.get("parametersJsonSchema").is_some() {
        let name = function.name("parametersJsonSchema");
        return Err(CallError::new(name.clone(), format!("`{name}` must not stand beside `parameters`.")));
    }
    Ok(Tool { name, description, schema, strict: None })
}

fn choice(calling: &Members<'_>, call: &mut Call) -> Result<Option<ToolChoice>, CallError> {
    let allowed = calling.strings("allowedFunctionNames")?;
    let mode = calling.str("mode")?.unwrap_or_default();
    if mode != "ANY" && !allowed.is_empty() {
        call.foreign.push(calling.pointer("allowedFunctionNames"));
    }
    let choice = match mode {
        "" | "MODE_UNSPECIFIED" => None,
        "AUTO" => Some(ToolChoice::Auto),
        "NONE" => Some(ToolChoice::None),
        "ANY" => match allowed.as_slice() {
            [] => Some(ToolChoice::Required),
            [name] => Some(ToolChoice::Named((*name).to_owned())),
            _ => {
                let allowed: HashSet<&str> = allowed.iter().copied().collect();
                if !call.tools.iter().all(|tool| allowed.contains(tool.name.as_str())) {
                    call.foreign.push(calling.pointer("allowedFunctionNames"));
                }
                Some(ToolChoice::Required)
            }
        },
        // Text or a call that fits its schema.
        "VALIDATED" => {
            call.foreign.push(calling.pointer("mode"));
            Some(ToolChoice::Auto)
        }
        _ => return Err(calling.wrong("mode", "\"AUTO\", \"ANY\", \"NONE\" or \"VALIDATED\"")),
    };
    Ok(choice)
}
