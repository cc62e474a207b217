//! Reads a client's call.

use super::input;
use crate::call::{Call, Effort, Format, Reasoning, Tool, ToolChoice};
use crate::dialect::{Asked, hosted};
use crate::error::CallError;
use crate::json::{Document, Fields};

/// Members that do not change what is answered, or whose effect is only on built-in tools, which are foreign themselves.
const WITHOUT_EFFECT: [&str; 7] = [
    "max_tool_calls",
    "metadata",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "store",
    "stream_options",
];

/// What a client may want included without the answer being another: thoughts for this vendor alone, what built-in tools found, and
/// its own input.
const INCLUDED_WITHOUT_EFFECT: [&str; 7] = [
    "reasoning.encrypted_content",
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
];

pub fn read_call(asked: &Asked, document: &Document) -> Result<Call, CallError> {
    let fields = Fields::of(&document.root, "")?;
    let mut call = Call::new(asked.dialect, asked.operation, document.source().clone());
    read_model(&fields, asked, &mut call)?;
    call.streamed = asked.streamed.unwrap_or(fields.bool("stream")?.unwrap_or(false));
    // Every answer of this dialect says its usage.
    call.usage_wanted = true;
    let mut state = Vec::new();
    input::read(&fields, document, &mut call, &mut state)?;
    read_tools(&fields, document, &mut call)?;
    call.tool_choice = tool_choice(&fields, &mut call.foreign)?;
    call.parallel_tools = fields.bool("parallel_tool_calls")?;
    read_text(&fields, document, &mut call)?;
    read_parameters(&fields, &mut call)?;
    read_flags(&fields, &mut call.foreign)?;
    for member in WITHOUT_EFFECT {
        let _without_effect = fields.get(member);
    }
    add_rest(&fields, "", &mut call.foreign);
    call.stateful = stateful(&state);
    Ok(call)
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
        if tool.required_str("type")? != "function" {
            hosted::note(value, &format!("/tools/{number}"), &mut call.foreign);
            continue;
        }
        let schema = tool.object("parameters")?.and(tool.get("parameters"));
        call.tools.push(Tool {
            name: tool.required_str("name")?.to_owned(),
            description: tool.text("description")?,
            schema: schema.map(|schema| document.raw_value(schema)),
            strict: tool.bool("strict")?,
        });
        add_rest(&tool, &format!("/tools/{number}"), &mut call.foreign);
    }
    Ok(())
}

fn tool_choice(fields: &Fields<'_>, foreign: &mut Vec<String>) -> Result<Option<ToolChoice>, CallError> {
    let Some(value) = fields.get("tool_choice") else { return Ok(None) };
    let expected = "\"none\", \"auto\", \"required\" or an object";
    if let Some(word) = value.as_str() {
        return match word {
            "none" => Ok(Some(ToolChoice::None)),
            "auto" => Ok(Some(ToolChoice::Auto)),
            "required" => Ok(Some(ToolChoice::Required)),
            _ => Err(fields.wrong("tool_choice", expected)),
        };
    }
    if value.as_object().is_none() {
        return Err(fields.wrong("tool_choice", expected));
    }
    let choice = Fields::of(value, "tool_choice")?;
    match choice.required_str("type")? {
        "function" => Ok(Some(ToolChoice::Named(choice.required_str("name")?.to_owned()))),
        // A built-in tool, or some of the tools.
        _ => {
            foreign.push("/tool_choice".to_owned());
            Ok(None)
        }
    }
}

fn read_text(fields: &Fields<'_>, document: &Document, call: &mut Call) -> Result<(), CallError> {
    let Some(text) = fields.object("text")? else { return Ok(()) };
    if let Some(format) = text.object("format")? {
        match format.required_str("type")? {
            "text" => call.format = Some(Format::Text),
            "json_object" => call.format = Some(Format::Json),
            "json_schema" => {
                let name = format.required_str("name")?.to_owned();
                let schema = format.required("schema")?;
                if schema.as_object().is_none() {
                    return Err(format.wrong("schema", "an object"));
                }
                let schema = document.raw_value(schema);
                let description = format.str("description")?.map(str::to_owned);
                call.format = Some(Format::Schema { name, description, schema, strict: format.bool("strict")? });
            }
            _ => call.foreign.push("/text/format".to_owned()),
        }
    }
    add_rest(&text, "/text", &mut call.foreign);
    Ok(())
}

fn read_parameters(fields: &Fields<'_>, call: &mut Call) -> Result<(), CallError> {
    let parameters = &mut call.parameters;
    parameters.temperature = fields.f64("temperature")?;
    parameters.top_p = fields.f64("top_p")?;
    parameters.max_output_tokens = fields.u64("max_output_tokens")?;
    let identifier = fields.text("safety_identifier")?;
    (parameters.end_user, parameters.end_user_again) = match fields.text("user")? {
        Some(user) => (Some(user), identifier),
        None => (identifier, None),
    };
    parameters.service_tier = fields.str("service_tier")?.map(str::to_owned);
    let Some(reasoning) = fields.object("reasoning")? else { return Ok(()) };
    parameters.reasoning = match reasoning.str("effort")? {
        None => None,
        Some("none") => Some(Reasoning::Off),
        Some(word) => Some(Effort::from_name(word).map(Reasoning::Effort).ok_or_else(|| {
            let expected = "\"none\", \"minimal\", \"low\", \"medium\", \"high\", \"xhigh\" or \"max\"";
            reasoning.wrong("effort", expected)
        })?),
    };
    // Without one of them the vendor shows nothing of a thought.
    for member in ["summary", "generate_summary"] {
        if reasoning.str(member)?.is_some() {
            call.thoughts_wanted = Some(true);
        }
    }
    for (member, default) in [("context", "auto"), ("mode", "standard")] {
        if reasoning.str(member)?.is_some_and(|value| value != default) {
            call.foreign.push(format!("/reasoning/{member}"));
        }
    }
    add_rest(&reasoning, "/reasoning", &mut call.foreign);
    Ok(())
}

/// Members that say nothing at one value, and change the answer at any other.
fn read_flags(fields: &Fields<'_>, foreign: &mut Vec<String>) -> Result<(), CallError> {
    if fields.bool("background")? == Some(true) {
        foreign.push("/background".to_owned());
    }
    if fields.str("truncation")?.is_some_and(|value| value != "disabled") {
        foreign.push("/truncation".to_owned());
    }
    if fields.u64("top_logprobs")?.is_some_and(|number| number > 0) {
        foreign.push("/top_logprobs".to_owned());
    }
    for (number, value) in fields.array("include")?.unwrap_or_default().iter().enumerate() {
        if !value.as_str().is_some_and(|name| INCLUDED_WITHOUT_EFFECT.contains(&name)) {
            foreign.push(format!("/include/{number}"));
        }
    }
    Ok(())
}

/// Names what nobody took of an object, as JSON pointers (RFC 6901).
pub(super) fn add_rest(fields: &Fields<'_>, pointer: &str, foreign: &mut Vec<String>) {
    let rest = fields.rest();
    foreign.extend(rest.iter().map(|(name, _)| format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))));
}

/// The sentence for a call that goes on from what the provider keeps.
fn stateful(members: &[String]) -> Option<String> {
    let named: Vec<String> = members.iter().map(|member| format!("`{member}`")).collect();
    let verb = if named.len() > 1 { "refer" } else { "refers" };
    (!named.is_empty()).then(|| {
        format!(
            "{} {verb} to what only a provider of the openai-responses dialect keeps: send the whole conversation in `input` instead.",
            named.join(" and ")
        )
    })
}
