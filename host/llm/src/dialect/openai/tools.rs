//! Reads tools, the choice among them, and the form that an answer must have.

use super::request::note_rest;
use crate::call::{Call, Format, Tool, ToolChoice};
use crate::dialect::hosted;
use crate::error::CallError;
use crate::json::{Document, Fields, Value};

pub fn read(fields: &Fields<'_>, document: &Document, call: &mut Call) -> Result<(), CallError> {
    for (number, value) in fields.array("tools")?.unwrap_or_default().iter().enumerate() {
        let pointer = format!("/tools/{number}");
        let tool = Fields::of(value, format!("tools[{number}]"))?;
        // Tools of a form of their own, such as `custom`.
        if tool.str("type")?.is_some_and(|kind| kind != "function") {
            hosted::note(value, &pointer, &mut call.foreign);
            continue;
        }
        tool.required("function")?;
        if let Some(function) = tool.object("function")? {
            call.tools.push(read_function(&function, document)?);
            note_rest(&function, &format!("{pointer}/function"), &[], &mut call.foreign);
        }
        note_rest(&tool, &pointer, &["cache_control"], &mut call.foreign);
    }
    call.parallel_tools = fields.bool("parallel_tool_calls")?;
    if let Some(value) = fields.get("tool_choice") {
        call.tool_choice = read_choice(fields, value)?;
        if call.tool_choice.is_none() {
            call.foreign.push("/tool_choice".to_owned());
        }
    }
    Ok(())
}

fn read_function(function: &Fields<'_>, document: &Document) -> Result<Tool, CallError> {
    let schema = function.get("parameters");
    if schema.is_some_and(|schema| schema.as_object().is_none()) {
        return Err(function.wrong("parameters", "a JSON schema, which is an object"));
    }
    Ok(Tool {
        name: function.required_str("name")?.to_owned(),
        description: function.text("description")?,
        schema: schema.map(|schema| document.raw_value(schema)),
        strict: function.bool("strict")?,
    })
}

/// None: a choice that only this dialect has, such as `allowed_tools`.
fn read_choice(fields: &Fields<'_>, value: &Value) -> Result<Option<ToolChoice>, CallError> {
    let expected = "\"none\", \"auto\", \"required\" or an object";
    match value.as_str() {
        Some("none") => return Ok(Some(ToolChoice::None)),
        Some("auto") => return Ok(Some(ToolChoice::Auto)),
        // Mistral's word is `any`.
        Some("required" | "any") => return Ok(Some(ToolChoice::Required)),
        Some(_) => return Err(fields.wrong("tool_choice", expected)),
        None if value.as_object().is_none() => return Err(fields.wrong("tool_choice", expected)),
        None => {}
    }
    let choice = Fields::of(value, "tool_choice")?;
    if choice.required_str("type")? != "function" {
        return Ok(None);
    }
    choice.required("function")?;
    let name = choice.object("function")?.map(|function| function.required_str("name")).transpose()?;
    Ok(name.map(|name| ToolChoice::Named(name.to_owned())))
}

pub fn read_format(
    fields: &Fields<'_>,
    document: &Document,
    foreign: &mut Vec<String>,
) -> Result<Option<Format>, CallError> {
    let Some(format) = fields.object("response_format")? else { return Ok(None) };
    let read = match format.required_str("type")? {
        "text" => Format::Text,
        "json_object" => Format::Json,
        "json_schema" => {
            format.required("json_schema")?;
            let Some(definition) = format.object("json_schema")? else { return Ok(None) };
            let read = read_schema(&definition, document)?;
            note_rest(&definition, "/response_format/json_schema", &[], foreign);
            read
        }
        // A grammar, or what is newer than this reader.
        _ => {
            foreign.push("/response_format".to_owned());
            return Ok(None);
        }
    };
    note_rest(&format, "/response_format", &[], foreign);
    Ok(Some(read))
}

fn read_schema(definition: &Fields<'_>, document: &Document) -> Result<Format, CallError> {
    let schema = definition.required("schema")?;
    if schema.as_object().is_none() {
        return Err(definition.wrong("schema", "a JSON schema, which is an object"));
    }
    Ok(Format::Schema {
        name: definition.required_str("name")?.to_owned(),
        description: definition.str("description")?.map(str::to_owned),
        schema: document.raw_value(schema),
        strict: definition.bool("strict")?,
    })
}
