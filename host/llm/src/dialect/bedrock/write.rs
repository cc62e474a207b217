//! Writes a call for a provider.

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::value::RawValue;

use super::turns::{System, Turn, turns};
use crate::call::{Call, Format, Operation, Part, Tool, ToolChoice};
use crate::dialect::claude::{self, Thinking};
use crate::dialect::{Outgoing, Target};
use crate::error::{NoCounterpart, bounded};

const OWN: &str = "bedrock";

/// A tool's schema must be there, even if the tool takes nothing.
const SCHEMA_OF_NOTHING: &str = r#"{"type":"object","properties":{}}"#;

/// What RFC 3986 calls unreserved stays as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    messages: Vec<Turn>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<System>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inference_config: Option<Inference<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_config: Option<ToolConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    additional_model_request_fields: Option<Additional>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<Output<'a>>,
}

#[derive(Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Inference<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop_sequences: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolConfig<'a> {
    tools: Vec<Offer<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Choice<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Offer<'a> {
    tool_spec: Specification<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Specification<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    input_schema: InputSchema<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

#[derive(Serialize)]
struct InputSchema<'a> {
    json: &'a RawValue,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Choice<'a> {
    Auto {},
    Any {},
    Tool { name: &'a str },
}

/// The model's own parameters, as Anthropic has them.
#[derive(Default, PartialEq, Serialize)]
struct Additional {
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Thinking>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Output<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    text_format: Option<TextFormat<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
}

#[derive(Serialize)]
struct TextFormat<'a> {
    r#type: &'static str,
    structure: Structure<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Structure<'a> {
    json_schema: Definition<'a>,
}

#[derive(Serialize)]
struct Definition<'a> {
    /// As a text.
    schema: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
}

#[derive(Serialize)]
struct Count<'a> {
    input: Input<'a>,
}

#[derive(Serialize)]
struct Input<'a> {
    converse: Request<'a>,
}

pub fn write_call(call: &Call, target: Target<'_>) -> Result<Outgoing, NoCounterpart> {
    let from = call.dialect.as_str();
    if call.operation == Operation::Embeddings {
        return Err(NoCounterpart::new(format!("The {OWN} dialect has no embeddings.")));
    }
    if let Some(member) = call.foreign.first() {
        return Err(NoCounterpart::new(format!("`{member}` of the {from} dialect has no counterpart in {OWN}.")));
    }
    // In a path they would stand for something else, however they are encoded.
    if matches!(target.model, "" | "." | "..") {
        return Err(NoCounterpart::new(format!(
            "The name `{}` of a model cannot stand in a path of {OWN}.",
            target.model
        )));
    }
    check_parameters(call)?;
    let nothing = RawValue::from_string(SCHEMA_OF_NOTHING.to_owned()).unwrap_or_default();
    let request = request(call, target, &nothing)?;
    let (body, operation) = match call.operation {
        Operation::CountTokens => {
            let converse = Request { inference_config: None, output_config: None, ..request };
            (serde_json::to_vec(&Count { input: Input { converse } }), "count-tokens")
        }
        _ if call.streamed => (serde_json::to_vec(&request), "converse-stream"),
        _ => (serde_json::to_vec(&request), "converse"),
    };
    let body = body.map_err(|error| NoCounterpart::new(format!("The call cannot be written in {OWN}: {error}.")))?;
    let model = utf8_percent_encode(target.model, SEGMENT);
    Ok(Outgoing {
        path: format!("/model/{model}/{operation}"),
        query: None,
        fields: Vec::new(),
        body: Bytes::from(body),
    })
}

fn check_parameters(call: &Call) -> Result<(), NoCounterpart> {
    let (from, parameters) = (call.dialect.as_str(), &call.parameters);
    let penalty = |value: Option<f64>| value.is_some_and(|value| value != 0.0);
    let unsaid = [
        ("seed", parameters.seed.is_some()),
        ("presence_penalty", penalty(parameters.presence_penalty)),
        ("frequency_penalty", penalty(parameters.frequency_penalty)),
        ("parallel_tool_calls", call.parallel_tools == Some(false) && !call.tools.is_empty()),
    ];
    if let Some((name, _)) = unsaid.iter().find(|(_, asked)| *asked) {
        return Err(NoCounterpart::new(format!("`{name}` of the {from} dialect has no counterpart in {OWN}.")));
    }
    if let Some(choices) = parameters.choices.filter(|choices| *choices > 1) {
        return Err(NoCounterpart::new(format!(
            "The {from} call asks for {choices} choices, and an answer of {OWN} has one only."
        )));
    }
    if matches!(call.format, Some(Format::Json)) {
        return Err(NoCounterpart::new(format!(
            "The {from} call asks for JSON without a schema, which has no counterpart in {OWN}; give a schema."
        )));
    }
    match parameters.service_tier.as_deref() {
        None | Some("auto" | "default" | "standard" | "standard_only") => Ok(()),
        Some(tier) => Err(NoCounterpart::new(format!(
            "The service tier `{}` of the {from} dialect has no counterpart in {OWN}.",
            bounded(tier, 64)
        ))),
    }
}

fn request<'a>(call: &'a Call, target: Target<'_>, nothing: &'a RawValue) -> Result<Request<'a>, NoCounterpart> {
    let parameters = &call.parameters;
    let turns = turns(call)?;
    let asking = claude::asking(call, target, OWN)?;
    // Nothing is thought unless it is asked for.
    let thinking = asking.thinking.filter(|thinking| *thinking != Thinking::Disabled);
    let effort = asking.effort;
    let inference = Inference {
        max_tokens: asking.limit,
        temperature: asking.temperature,
        top_p: parameters.top_p,
        stop_sequences: &parameters.stop,
    };
    let additional = Additional { thinking, top_k: parameters.top_k };
    let text_format = match &call.format {
        Some(Format::Schema { name, description, schema, .. }) => Some(TextFormat {
            r#type: "json_schema",
            structure: Structure {
                json_schema: Definition { schema: schema.get(), name, description: description.as_deref() },
            },
        }),
        _ => None,
    };
    let output = (text_format.is_some() || effort.is_some()).then_some(Output { text_format, effort });
    Ok(Request {
        messages: turns.messages,
        system: turns.system,
        inference_config: Some(inference).filter(|config| *config != Inference::default()),
        tool_config: tool_config(call, nothing)?,
        additional_model_request_fields: Some(additional).filter(|fields| *fields != Additional::default()),
        output_config: output,
    })
}

fn tool_config<'a>(call: &'a Call, nothing: &'a RawValue) -> Result<Option<ToolConfig<'a>>, NoCounterpart> {
    let forbidden = call.tool_choice == Some(ToolChoice::None);
    if call.tools.is_empty() || forbidden {
        let uses = |part: &Part| matches!(part, Part::ToolCall(_) | Part::ToolResult(_));
        if call.messages.iter().flat_map(|message| &message.parts).any(uses) {
            let what = if forbidden { "forbids any more" } else { "offers none" };
            return Err(NoCounterpart::new(format!(
                "The {} call has calls of tools in its messages and {what}, which has no counterpart in {OWN}.",
                call.dialect.as_str()
            )));
        }
        // Tools that are not offered are not called.
        return Ok(None);
    }
    let tool_choice = match &call.tool_choice {
        None | Some(ToolChoice::None) => None,
        Some(ToolChoice::Auto) => Some(Choice::Auto {}),
        Some(ToolChoice::Required) => Some(Choice::Any {}),
        Some(ToolChoice::Named(name)) => Some(Choice::Tool { name }),
    };
    Ok(Some(ToolConfig { tools: call.tools.iter().map(|tool| offer(tool, nothing)).collect(), tool_choice }))
}

fn offer<'a>(tool: &'a Tool, nothing: &'a RawValue) -> Offer<'a> {
    let description = tool.description.as_ref().map(|description| description.text.as_str());
    Offer {
        tool_spec: Specification {
            name: &tool.name,
            description: description.filter(|description| !description.is_empty()),
            input_schema: InputSchema { json: tool.schema.as_deref().unwrap_or(nothing) },
            strict: tool.strict,
        },
    }
}
