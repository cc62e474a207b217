//! Writes a call for a provider.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use super::turns::{self, Content, Turn};
use crate::call::{Call, Format, Operation, Parameters, Tool, ToolChoice};
use crate::dialect::claude::{self, Asking, Thinking};
use crate::dialect::{Dialect, Outgoing, Target};
use crate::error::{NoCounterpart, bounded};
use crate::json::{Document, Splice, Value};

const OWN: &str = "anthropic-messages";

/// Each request says for which version of the API it is made.
const VERSION: (&str, &str) = ("anthropic-version", "2023-06-01");

/// A tool's schema must be there, even if the tool takes nothing.
const SCHEMA_OF_NOTHING: &str = r#"{"type":"object","properties":{}}"#;

/// The vendor's own limit.
const TOOL_NAME_BYTES_MAX: usize = 128;

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<Content<'a>>,
    messages: Vec<Turn<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Custom<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Thinking>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<OutputConfig<'a>>,
    #[serde(flatten)]
    sampling: Sampling<'a>,
}

/// What decides on an answer only, not on what its question counts.
#[derive(Serialize, Default)]
struct Sampling<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop_sequences: &'a [String],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata<'a>>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    user_id: &'a str,
}

#[derive(Serialize)]
struct Custom<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    input_schema: &'a RawValue,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    strict: bool,
}

#[derive(Serialize)]
struct Choice<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    disable_parallel_tool_use: bool,
}

#[derive(Serialize)]
struct OutputConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<SchemaFormat<'a>>,
}

#[derive(Serialize)]
struct SchemaFormat<'a> {
    r#type: &'static str,
    schema: &'a RawValue,
}

pub fn write_call(call: &Call, target: Target<'_>) -> Result<Outgoing, NoCounterpart> {
    let path = match call.operation {
        Operation::Chat => "/v1/messages",
        Operation::CountTokens => "/v1/messages/count_tokens",
        Operation::Embeddings => return Err(NoCounterpart::new(format!("The {OWN} dialect has no embeddings."))),
    };
    // A client of this dialect says the version that it speaks, and the host passes it on.
    let (body, fields) = match call.dialect {
        Dialect::Anthropic => (spliced(call, target.model), Vec::new()),
        _ => (printed(call, target)?, vec![(VERSION.0, VERSION.1.to_owned())]),
    };
    Ok(Outgoing { path: path.to_owned(), query: None, fields, body: Bytes::from(body) })
}

/// The client's own bytes with the provider's name for the model.
fn spliced(call: &Call, model: &str) -> Vec<u8> {
    let mut splice = Splice::new(&call.source);
    match &call.model_span {
        Some(span) => {
            splice.replace_string(span.clone(), model);
        }
        None => {
            if let Ok(document) = Document::parse(call.source.clone()) {
                splice.insert(&document.root, "model", &serde_json::Value::from(model).to_string());
            }
        }
    }
    leave_out_unsigned(&call.source, &mut splice);
    splice.apply()
}

/// Thoughts of another vendor, which the gateway showed to the client as blocks without a signature: Anthropic would refuse them.
fn leave_out_unsigned(source: &Bytes, splice: &mut Splice<'_>) {
    if !String::from_utf8_lossy(source).contains("\"thinking\"") {
        return;
    }
    let Ok(document) = Document::parse(source.clone()) else { return };
    let messages = document.root.get("messages").and_then(Value::as_array).unwrap_or_default();
    for content in messages.iter().filter_map(|message| message.get("content")) {
        let blocks = content.as_array().unwrap_or_default();
        let kept: Vec<&str> =
            blocks.iter().filter(|block| !is_unsigned(block)).map(|block| document.raw(block)).collect();
        if kept.len() < blocks.len() && !kept.is_empty() {
            splice.replace(content.span.clone(), format!("[{}]", kept.join(",")));
        }
    }
}

/// A thought that nobody has signed was not made by this vendor.
pub(super) fn is_unsigned(block: &Value) -> bool {
    let text = |name: &str| block.get(name).and_then(Value::as_str);
    text("type") == Some("thinking") && text("signature") == Some("")
}

fn printed(call: &Call, target: Target<'_>) -> Result<Vec<u8>, NoCounterpart> {
    let from = call.dialect.as_str();
    if let Some(member) = call.foreign.first() {
        return Err(NoCounterpart::new(format!("`{member}` of the {from} dialect has no counterpart in {OWN}.")));
    }
    check_parameters(&call.parameters, from)?;
    let nothing = RawValue::from_string(SCHEMA_OF_NOTHING.to_owned()).unwrap_or_default();
    let asking = claude::asking(call, target, OWN)?;
    let format = schema_format(call)?;
    let config = OutputConfig { effort: asking.effort, format };
    let answered = call.operation == Operation::Chat;
    let (system, messages) = turns::turns(call)?;
    let request = Request {
        model: target.model,
        max_tokens: answered.then_some(asking.limit.unwrap_or(target.output_tokens_default)),
        system,
        messages,
        tools: call.tools.iter().map(|tool| custom(tool, &nothing, from)).collect::<Result<_, _>>()?,
        tool_choice: choice(call),
        thinking: asking.thinking,
        output_config: (config.effort.is_some() || config.format.is_some()).then_some(config),
        sampling: if answered { sampling(call, &asking) } else { Sampling::default() },
    };
    serde_json::to_vec(&request)
        .map_err(|error| NoCounterpart::new(format!("The call cannot be written in {OWN}: {error}.")))
}

fn check_parameters(parameters: &Parameters, from: &str) -> Result<(), NoCounterpart> {
    let penalty = |value: Option<f64>| value.is_some_and(|value| value != 0.0);
    let unsaid = [
        ("seed", parameters.seed.is_some()),
        ("presence_penalty", penalty(parameters.presence_penalty)),
        ("frequency_penalty", penalty(parameters.frequency_penalty)),
    ];
    if let Some((name, _)) = unsaid.iter().find(|(_, asked)| *asked) {
        return Err(NoCounterpart::new(format!("`{name}` of the {from} dialect has no counterpart in {OWN}.")));
    }
    if let Some(temperature) = parameters.temperature.filter(|temperature| *temperature > 1.0) {
        return Err(NoCounterpart::new(format!(
            "The {from} call's temperature of {temperature} has no counterpart in {OWN}, where the highest is 1."
        )));
    }
    if parameters.stop.iter().any(|stop| stop.trim().is_empty()) {
        return Err(NoCounterpart::new(format!(
            "The {from} call has a stop string of white space only, which has no counterpart in {OWN}."
        )));
    }
    if let Some(tier) = parameters.service_tier.as_deref()
        && !matches!(tier, "auto" | "default" | "standard")
    {
        let tier = bounded(tier, 64);
        return Err(NoCounterpart::new(format!(
            "The service tier `{tier}` of the {from} dialect has no counterpart in {OWN}."
        )));
    }
    match parameters.choices {
        Some(choices) if choices > 1 => Err(NoCounterpart::new(format!(
            "The {from} call asks for {choices} choices, and an answer of {OWN} has one only."
        ))),
        _ => Ok(()),
    }
}

fn sampling<'a>(call: &'a Call, asking: &Asking) -> Sampling<'a> {
    let parameters = &call.parameters;
    Sampling {
        temperature: asking.temperature,
        top_p: parameters.top_p,
        top_k: parameters.top_k,
        stop_sequences: &parameters.stop,
        stream: call.streamed,
        metadata: parameters.end_user.as_ref().map(|user| Metadata { user_id: &user.text }),
    }
}

fn custom<'a>(tool: &'a Tool, nothing: &'a RawValue, from: &str) -> Result<Custom<'a>, NoCounterpart> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if tool.name.is_empty() || tool.name.len() > TOOL_NAME_BYTES_MAX || !tool.name.bytes().all(fits) {
        let name = bounded(&tool.name, 64);
        return Err(NoCounterpart::new(format!(
            "The tool `{name}` of the {from} call has a name that {OWN} does not take: up to {TOOL_NAME_BYTES_MAX} letters, digits, \
             `_` and `-`."
        )));
    }
    Ok(Custom {
        name: &tool.name,
        description: tool.description.as_ref().map(|description| description.text.as_str()),
        input_schema: tool.schema.as_deref().unwrap_or(nothing),
        strict: tool.strict.unwrap_or(false),
    })
}

/// Without tools the vendor refuses a choice, even one that says what happens anyway.
fn choice(call: &Call) -> Option<Choice<'_>> {
    let single = call.parallel_tools == Some(false);
    let choice = |r#type, name| Some(Choice { r#type, name, disable_parallel_tool_use: single });
    match &call.tool_choice {
        None | Some(ToolChoice::Auto) if call.tools.is_empty() => None,
        None if !single => None,
        None | Some(ToolChoice::Auto) => choice("auto", None),
        Some(ToolChoice::None) if call.tools.is_empty() => None,
        Some(ToolChoice::None) => Some(Choice { r#type: "none", name: None, disable_parallel_tool_use: false }),
        Some(ToolChoice::Required) => choice("any", None),
        Some(ToolChoice::Named(name)) => choice("tool", Some(name)),
    }
}

fn schema_format(call: &Call) -> Result<Option<SchemaFormat<'_>>, NoCounterpart> {
    let from = call.dialect.as_str();
    match &call.format {
        None | Some(Format::Text) => Ok(None),
        Some(Format::Json) => Err(NoCounterpart::new(format!(
            "The {from} call asks for any JSON object, which has no counterpart in {OWN}: give a schema."
        ))),
        Some(Format::Schema { description: Some(_), .. }) => Err(NoCounterpart::new(format!(
            "The description of the {from} call's schema for the answer has no counterpart in {OWN}: put it into the schema."
        ))),
        Some(Format::Schema { schema, .. }) => Ok(Some(SchemaFormat { r#type: "json_schema", schema })),
    }
}
