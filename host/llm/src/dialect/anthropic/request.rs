//! Reads a client's call.

use super::content;
use super::thinking;
use crate::call::{Call, Format, Operation, Tool, ToolChoice};
use crate::dialect::Asked;
use crate::error::CallError;
use crate::json::{Document, Fields};

/// Members that do not change what is answered: hints for caches, and whom the request is counted for.
const WITHOUT_EFFECT: [&str; 4] = ["cache_control", "diagnostics", "user_profile_id", "workspace_id"];

/// Edits of the context that only take away, by their names without the date: old thoughts, and old calls with their results.
const CLEARING: [&str; 2] = ["clear_thinking_", "clear_tool_uses_"];

/// The dialect has no name for a form, and others demand one.
const FORMAT_NAME: &str = "answer";

pub fn read_call(asked: &Asked, document: &Document) -> Result<Call, CallError> {
    let fields = Fields::of(&document.root, "")?;
    let mut call = Call::new(asked.dialect, asked.operation, document.source().clone());
    read_model(&fields, asked, &mut call)?;
    call.streamed = asked.streamed.unwrap_or(fields.bool("stream")?.unwrap_or(false));
    // Every answer of this dialect says its usage.
    call.usage_wanted = true;
    content::read(&fields, document, &mut call)?;
    read_tools(&fields, document, &mut call)?;
    read_choice(&fields, &mut call)?;
    read_output(&fields, document, &mut call)?;
    read_parameters(&fields, &mut call)?;
    read_context(&fields, &mut call)?;
    for member in WITHOUT_EFFECT {
        let _without_effect = fields.get(member);
    }
    add_rest(&fields, "", &mut call.foreign);
    Ok(call)
}

/// Names what nobody took of an object that stands at this JSON pointer.
pub fn add_rest(fields: &Fields<'_>, pointer: &str, foreign: &mut Vec<String>) {
    foreign.extend(fields.rest().into_iter().map(|(name, _)| format!("{pointer}/{}", escaped(name))));
}

/// RFC 6901, 3.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn read_model(fields: &Fields<'_>, asked: &Asked, call: &mut Call) -> Result<(), CallError> {
    if let Some(model) = fields.text("model")? {
        (call.model, call.model_span) = (model.text, model.span);
    }
    match &asked.model {
        Some(model) => call.model.clone_from(model),
        None => {
            fields.required_str("model")?;
        }
    }
    Ok(())
}

fn read_tools(fields: &Fields<'_>, document: &Document, call: &mut Call) -> Result<(), CallError> {
    for (number, value) in fields.array("tools")?.unwrap_or_default().iter().enumerate() {
        let tool = Fields::of(value, format!("tools[{number}]"))?;
        let pointer = format!("/tools/{number}");
        if tool.str("type")?.is_some_and(|kind| kind != "custom") {
            call.foreign.push(pointer);
            continue;
        }
        let schema = tool.required("input_schema")?;
        if schema.as_object().is_none() {
            return Err(tool.wrong("input_schema", "an object"));
        }
        call.tools.push(Tool {
            name: tool.required_str("name")?.to_owned(),
            description: tool.text("description")?,
            schema: Some(document.raw_value(schema)),
            strict: tool.bool("strict")?,
        });
        // Both decide on caches and on the pieces of a stream, not on what is called.
        let _without_effect = (tool.get("cache_control"), tool.get("eager_input_streaming"));
        if tool.bool("defer_loading")? == Some(true) {
            call.foreign.push(format!("{pointer}/defer_loading"));
        }
        let callers = tool.array("allowed_callers")?.unwrap_or_default();
        if callers.iter().any(|caller| caller.as_str() != Some("direct")) {
            call.foreign.push(format!("{pointer}/allowed_callers"));
        }
        add_rest(&tool, &pointer, &mut call.foreign);
    }
    Ok(())
}

/// What the vendor itself leaves out of a long conversation. Others get the whole one, which says no less.
fn read_context(fields: &Fields<'_>, call: &mut Call) -> Result<(), CallError> {
    let Some(context) = fields.object("context_management")? else { return Ok(()) };
    for (number, value) in context.array("edits")?.unwrap_or_default().iter().enumerate() {
        let edit = Fields::of(value, format!("context_management.edits[{number}]"))?;
        let kind = edit.required_str("type")?;
        if !CLEARING.iter().any(|clearing| kind.starts_with(clearing)) {
            call.foreign.push(format!("/context_management/edits/{number}"));
        }
    }
    add_rest(&context, "/context_management", &mut call.foreign);
    Ok(())
}

fn read_choice(fields: &Fields<'_>, call: &mut Call) -> Result<(), CallError> {
    let Some(choice) = fields.object("tool_choice")? else { return Ok(()) };
    call.tool_choice = Some(match choice.required_str("type")? {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => ToolChoice::Named(choice.required_str("name")?.to_owned()),
        _ => return Err(choice.wrong("type", "\"auto\", \"any\", \"none\" or \"tool\"")),
    });
    call.parallel_tools = choice.bool("disable_parallel_tool_use")?.map(|disabled| !disabled);
    add_rest(&choice, "/tool_choice", &mut call.foreign);
    Ok(())
}

/// How much is thought, and in what form the answer stands.
fn read_output(fields: &Fields<'_>, document: &Document, call: &mut Call) -> Result<(), CallError> {
    let config = fields.object("output_config")?;
    let thinking = fields.object("thinking")?;
    call.parameters.reasoning = thinking::read(thinking.as_ref(), config.as_ref(), call)?;
    let Some(config) = config else { return Ok(()) };
    if let Some(format) = config.object("format")? {
        match format.required_str("type")? {
            "json_schema" => {
                let schema = format.required("schema")?;
                if schema.as_object().is_none() {
                    return Err(format.wrong("schema", "an object"));
                }
                let schema = document.raw_value(schema);
                let name = FORMAT_NAME.to_owned();
                call.format = Some(Format::Schema { name, description: None, schema, strict: Some(true) });
                add_rest(&format, "/output_config/format", &mut call.foreign);
            }
            _ => call.foreign.push("/output_config/format".to_owned()),
        }
    }
    add_rest(&config, "/output_config", &mut call.foreign);
    Ok(())
}

fn read_parameters(fields: &Fields<'_>, call: &mut Call) -> Result<(), CallError> {
    let parameters = &mut call.parameters;
    parameters.max_output_tokens = fields.u64("max_tokens")?;
    if call.operation == Operation::Chat && parameters.max_output_tokens.is_none() {
        let message = "`max_tokens` is missing: say how many tokens the answer may have at most.";
        return Err(CallError::new("max_tokens", message));
    }
    parameters.temperature = fields.f64("temperature")?;
    parameters.top_p = fields.f64("top_p")?;
    parameters.top_k = fields.u64("top_k")?;
    for value in fields.array("stop_sequences")?.unwrap_or_default() {
        match value.as_str() {
            Some(stop) => parameters.stop.push(stop.to_owned()),
            None => return Err(fields.wrong("stop_sequences", "an array of strings")),
        }
    }
    if let Some(metadata) = fields.object("metadata")? {
        parameters.end_user = metadata.text("user_id")?;
    }
    parameters.service_tier = fields.str("service_tier")?.map(str::to_owned);
    if fields.str("speed")?.is_some_and(|speed| speed != "standard") {
        call.foreign.push("/speed".to_owned());
    }
    Ok(())
}
