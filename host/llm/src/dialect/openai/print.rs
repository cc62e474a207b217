//! Prints a chat call of another dialect from the typed form.

use serde::Serialize;
use serde_json::value::RawValue;

use super::NAME;
use super::turns::{self, Turn};
use super::write::Manner;
use crate::call::{Call, Effort, Format, Reasoning, Tool, ToolChoice};
use crate::dialect::{Dialect, Target};
use crate::error::NoCounterpart;

/// As OpenAI's reference has it.
const STOP_STRINGS_MAX: usize = 4;

#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    messages: Vec<Turn<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<WrittenTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<WrittenFormat<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
struct WrittenTool<'a> {
    r#type: &'static str,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Choice<'a> {
    Word(&'static str),
    Named { r#type: &'static str, function: Named<'a> },
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum WrittenFormat<'a> {
    JsonObject,
    JsonSchema { json_schema: Definition<'a> },
}

#[derive(Serialize)]
struct Definition<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    schema: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

pub fn chat(call: &Call, target: Target<'_>, manner: Manner<'_>) -> Result<Vec<u8>, NoCounterpart> {
    let parameters = &call.parameters;
    if parameters.top_k.is_some() {
        return Err(NoCounterpart::new(format!(
            "A limit to the `k` most likely tokens (top-k) has no counterpart in {NAME}."
        )));
    }
    if parameters.stop.len() > STOP_STRINGS_MAX {
        let number = parameters.stop.len();
        let message = format!("The call has {number} stop strings, and {NAME} takes at most {STOP_STRINGS_MAX}.");
        return Err(NoCounterpart::new(message));
    }
    let limit = parameters.max_output_tokens;
    let has_tools = !call.tools.is_empty();
    Ok(super::to_json(&Body {
        model: manner.model,
        messages: turns::write(call)?,
        tools: call.tools.iter().map(tool).collect(),
        tool_choice: call.tool_choice.as_ref().filter(|choice| has_tools || must_call(choice)).map(choice),
        // OpenAI refuses the member where there are no tools.
        parallel_tool_calls: call.parallel_tools.filter(|_| has_tools),
        response_format: call.format.as_ref().and_then(format),
        max_tokens: limit.filter(|_| !manner.completion_limit),
        max_completion_tokens: limit.filter(|_| manner.completion_limit),
        temperature: parameters.temperature,
        top_p: parameters.top_p,
        stop: &parameters.stop,
        seed: parameters.seed,
        n: parameters.choices,
        presence_penalty: parameters.presence_penalty,
        frequency_penalty: parameters.frequency_penalty,
        reasoning_effort: parameters.reasoning.as_ref().and_then(|reasoning| effort(reasoning, target.model)),
        service_tier: service_tier(call)?,
        user: parameters.end_user.as_ref().filter(|_| is_same_vendor(call)).map(|user| user.text.as_str()),
        stream: call.streamed.then_some(true),
        stream_options: (call.streamed && manner.usage_option).then_some(StreamOptions { include_usage: true }),
    }))
}

fn is_same_vendor(call: &Call) -> bool {
    call.dialect == Dialect::OpenAiResponses
}

fn tool(tool: &Tool) -> WrittenTool<'_> {
    let function = Function {
        name: &tool.name,
        description: tool.description.as_ref().map(|description| description.text.as_str()),
        parameters: tool.schema.as_deref(),
        strict: tool.strict,
    };
    WrittenTool { r#type: "function", function }
}

/// Without tools the provider is to say that such a choice cannot be; the others change nothing there, and are refused.
fn must_call(choice: &ToolChoice) -> bool {
    matches!(choice, ToolChoice::Required | ToolChoice::Named(_))
}

fn choice(choice: &ToolChoice) -> Choice<'_> {
    match choice {
        ToolChoice::Auto => Choice::Word("auto"),
        ToolChoice::None => Choice::Word("none"),
        ToolChoice::Required => Choice::Word("required"),
        ToolChoice::Named(name) => Choice::Named { r#type: "function", function: Named { name } },
    }
}

fn format(format: &Format) -> Option<WrittenFormat<'_>> {
    match format {
        // What holds without the member.
        Format::Text => None,
        Format::Json => Some(WrittenFormat::JsonObject),
        Format::Schema { name, description, schema, strict } => {
            // The name is required; a dialect without one leaves it empty.
            let name = if name.is_empty() { "answer" } else { name };
            let definition = Definition { name, description: description.as_deref(), schema, strict: *strict };
            Some(WrittenFormat::JsonSchema { json_schema: definition })
        }
    }
}

fn effort(reasoning: &Reasoning, model: &str) -> Option<&'static str> {
    let effort = match reasoning {
        // Models that never think refuse the member, also where it asks them not to.
        Reasoning::Off => return (!never_thinks(model)).then_some("none"),
        Reasoning::Adaptive => return None,
        Reasoning::Effort(effort) => *effort,
        Reasoning::Budget(tokens) => Effort::of_budget(*tokens),
    };
    Some(effort.as_str())
}

/// The words are the vendor's own; what is the same as none, or what Anthropic says, is left out.
fn service_tier(call: &Call) -> Result<Option<&str>, NoCounterpart> {
    match call.parameters.service_tier.as_deref() {
        None | Some("auto" | "default" | "standard" | "standard_only") if !is_same_vendor(call) => Ok(None),
        tier if is_same_vendor(call) => Ok(tier),
        Some(tier) => {
            let tier = crate::error::bounded(tier, 64);
            Err(NoCounterpart::new(format!("The service tier \"{tier}\" has no counterpart in {NAME}.")))
        }
        None => Ok(None),
    }
}

/// The name without what stands in front of it at resellers and in fine-tunes: `openai/gpt-4o`, `ft:gpt-4o:…`.
fn bare_name(model: &str) -> &str {
    let model = model.rsplit('/').next().unwrap_or(model);
    model.strip_prefix("ft:").unwrap_or(model)
}

/// OpenAI's own models: its thinking ones refuse `max_tokens`. Mistral, DeepSeek and Ollama know nothing else, and the open `gpt-oss` is
/// served by such as these.
pub fn knows_completion_limit(model: &str) -> bool {
    let name = bare_name(model);
    let is_numbered = |name: &str| name.starts_with(|first: char| first.is_ascii_digit());
    name.strip_prefix("gpt-").or_else(|| name.strip_prefix('o')).is_some_and(is_numbered)
        || name.starts_with("chatgpt-")
}

fn never_thinks(model: &str) -> bool {
    let name = bare_name(model);
    ["gpt-3", "gpt-4", "chatgpt-"].iter().any(|family| name.starts_with(family))
}
