//! Writes a call for a provider.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use super::turns::{self, Item};
use crate::call::{Call, Effort, Format, Operation, Parameters, Reasoning, Tool, ToolChoice};
use crate::dialect::{Dialect, Family, Outgoing, Target};
use crate::error::NoCounterpart;
use crate::json::{Document, Splice};

const OWN: &str = "openai-responses";

/// A tool's schema must be there, even if the tool takes nothing.
const SCHEMA_OF_NOTHING: &str = r#"{"type":"object","properties":{}}"#;

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    input: Vec<Item<'a>>,
    /// The client's own API keeps nothing of a call, so this one must not either.
    store: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Function<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<TextMember<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<ReasoningMember>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
}

#[derive(Serialize)]
struct Function<'a> {
    r#type: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    parameters: &'a RawValue,
    /// Always said: absent it means `true` here and `false` everywhere else.
    strict: bool,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Choice<'a> {
    Word(&'static str),
    Named { r#type: &'static str, name: &'a str },
}

#[derive(Serialize)]
struct TextMember<'a> {
    format: FormatMember<'a>,
}

#[derive(Serialize)]
struct FormatMember<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

#[derive(Serialize)]
struct ReasoningMember {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'static str>,
}

/// `path`: behind the provider's base path.
pub fn write_call(call: &Call, target: Target<'_>, path: &str) -> Result<Outgoing, NoCounterpart> {
    let from = call.dialect.as_str();
    if call.operation != Operation::Chat {
        let what = if call.operation == Operation::Embeddings { "embeddings" } else { "counts of tokens" };
        return Err(NoCounterpart::new(format!("The {OWN} dialect has no {what}.")));
    }
    let body = match call.dialect {
        Dialect::OpenAiResponses => spliced(call, target.model),
        _ => printed(call, target.model, from)?,
    };
    Ok(Outgoing { path: path.to_owned(), query: None, fields: Vec::new(), body: Bytes::from(body) })
}

/// The client's own bytes with the provider's name for the model.
fn spliced(call: &Call, model: &str) -> Vec<u8> {
    let mut splice = Splice::new(&call.source);
    let document = match &call.model_span {
        Some(_) => None,
        None => Document::parse(call.source.clone()).ok(),
    };
    match (&call.model_span, &document) {
        (Some(span), _) => {
            splice.replace_string(span.clone(), model);
        }
        (None, Some(document)) => {
            splice.insert(&document.root, "model", &serde_json::Value::from(model).to_string());
        }
        (None, None) => {}
    }
    splice.apply()
}

fn printed(call: &Call, model: &str, from: &str) -> Result<Vec<u8>, NoCounterpart> {
    if let Some(member) = call.foreign.first() {
        return Err(NoCounterpart::new(format!("`{member}` of the {from} dialect has no counterpart in {OWN}.")));
    }
    check_parameters(&call.parameters, from)?;
    let nothing = RawValue::from_string(SCHEMA_OF_NOTHING.to_owned()).unwrap_or_default();
    let request = Request {
        model,
        input: turns::items(call)?,
        store: false,
        stream: call.streamed,
        tools: call.tools.iter().map(|tool| function(tool, &nothing)).collect(),
        tool_choice: call.tool_choice.as_ref().filter(|choice| says_something(call, choice)).map(choice),
        parallel_tool_calls: call.parallel_tools.filter(|_| !call.tools.is_empty()),
        text: call.format.as_ref().map(|format| TextMember { format: self::format(format) }),
        reasoning: reasoning(call),
        max_output_tokens: call.parameters.max_output_tokens,
        temperature: call.parameters.temperature,
        top_p: call.parameters.top_p,
        user: call.parameters.end_user.as_ref().map(|user| user.text.as_str()),
        service_tier: service_tier(call)?,
    };
    serde_json::to_vec(&request)
        .map_err(|error| NoCounterpart::new(format!("The call cannot be written in {OWN}: {error}.")))
}

fn check_parameters(parameters: &Parameters, from: &str) -> Result<(), NoCounterpart> {
    let penalty = |value: Option<f64>| value.is_some_and(|value| value != 0.0);
    let unsaid = [
        ("top_k", parameters.top_k.is_some()),
        ("stop", !parameters.stop.is_empty()),
        ("seed", parameters.seed.is_some()),
        ("presence_penalty", penalty(parameters.presence_penalty)),
        ("frequency_penalty", penalty(parameters.frequency_penalty)),
    ];
    if let Some((name, _)) = unsaid.iter().find(|(_, asked)| *asked) {
        return Err(NoCounterpart::new(format!("`{name}` of the {from} dialect has no counterpart in {OWN}.")));
    }
    match parameters.choices {
        Some(choices) if choices > 1 => Err(NoCounterpart::new(format!(
            "The {from} call asks for {choices} choices, and an answer of {OWN} has one only."
        ))),
        _ => Ok(()),
    }
}

fn function<'a>(tool: &'a Tool, nothing: &'a RawValue) -> Function<'a> {
    Function {
        r#type: "function",
        name: &tool.name,
        description: tool.description.as_ref().map(|description| description.text.as_str()),
        parameters: tool.schema.as_deref().unwrap_or(nothing),
        strict: tool.strict.unwrap_or(false),
    }
}

/// Without tools the vendor refuses even a choice that asks for none.
fn says_something(call: &Call, choice: &ToolChoice) -> bool {
    !call.tools.is_empty() || !matches!(choice, ToolChoice::Auto | ToolChoice::None)
}

fn choice(choice: &ToolChoice) -> Choice<'_> {
    match choice {
        ToolChoice::Auto => Choice::Word("auto"),
        ToolChoice::None => Choice::Word("none"),
        ToolChoice::Required => Choice::Word("required"),
        ToolChoice::Named(name) => Choice::Named { r#type: "function", name },
    }
}

fn format(format: &Format) -> FormatMember<'_> {
    let plain = |r#type| FormatMember { r#type, name: None, description: None, schema: None, strict: None };
    match format {
        Format::Text => plain("text"),
        Format::Json => plain("json_object"),
        Format::Schema { name, description, schema, strict } => FormatMember {
            r#type: "json_schema",
            name: Some(name),
            description: description.as_deref(),
            schema: Some(schema),
            strict: *strict,
        },
    }
}

/// How much is thought, and whether the client sees it: without a summary the vendor shows nothing.
fn reasoning(call: &Call) -> Option<ReasoningMember> {
    let effort = call.parameters.reasoning.as_ref().and_then(effort);
    let summary = (call.thoughts_wanted == Some(true)).then_some("auto");
    (effort.is_some() || summary.is_some()).then_some(ReasoningMember { effort, summary })
}

fn effort(reasoning: &Reasoning) -> Option<&'static str> {
    let effort = match reasoning {
        Reasoning::Off => return Some("none"),
        // As long as the model finds right is what it does unasked.
        Reasoning::Adaptive => return None,
        Reasoning::Effort(effort) => *effort,
        Reasoning::Budget(tokens) => Effort::of_budget(*tokens),
    };
    Some(effort.as_str())
}

/// The tiers of one vendor have one meaning; of another's, only what stands for the usual one.
fn service_tier(call: &Call) -> Result<Option<&str>, NoCounterpart> {
    match call.parameters.service_tier.as_deref() {
        None | Some("auto" | "default") => Ok(None),
        Some(tier) if call.dialect.family() == Family::OpenAi => Ok(Some(tier)),
        Some("standard" | "standard_only") => Ok(None),
        Some(tier) => Err(NoCounterpart::new(format!(
            "The service tier `{}` of the {} dialect has no counterpart in {OWN}.",
            crate::error::bounded(tier, 64),
            call.dialect.as_str()
        ))),
    }
}
