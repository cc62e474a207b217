//! Writes a call for a provider.

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::value::RawValue;

use super::parts::{Content, Part};
use super::turns::turns;
use crate::call::{Call, Effort, Embedding, Format, Operation, Reasoning, Tool, ToolChoice};
use crate::dialect::{Dialect, Outgoing, Target};
use crate::error::{NoCounterpart, bounded};
use crate::json::{Document, Splice, Value};

const OWN: &str = "gemini";
const JSON: &str = "application/json";

/// That every model of the second generation takes; some take more.
const BUDGET_TOKENS_MAX: u64 = 24_576;

/// What RFC 3986 calls unreserved stays as it is. A colon does not: the verb stands behind one.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    /// Said once more where the request stands in another.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    contents: Vec<Content>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<Content>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Group<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_config: Option<ToolConfig<'a>>,
    #[serde(skip_serializing_if = "Config::is_empty")]
    generation_config: Config<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Group<'a> {
    function_declarations: Vec<Function<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Function<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters_json_schema: Option<&'a RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolConfig<'a> {
    function_calling_config: Calling<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Calling<'a> {
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_function_names: Option<[&'a str; 1]>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Config<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop_sequences: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    candidate_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_mime_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_json_schema: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_config: Option<Thinking>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Thinking {
    #[serde(skip_serializing_if = "Option::is_none")]
    include_thoughts: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_budget: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_level: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Count<'a> {
    generate_content_request: Request<'a>,
}

#[derive(Serialize)]
struct Batch {
    requests: Vec<Embed>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Embed {
    model: String,
    content: Content,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimensionality: Option<u64>,
}

pub fn write_call(call: &Call, target: Target<'_>) -> Result<Outgoing, NoCounterpart> {
    let model = target.model.strip_prefix("models/").unwrap_or(target.model);
    let (body, several) = match call.dialect {
        Dialect::Gemini => (spliced(call, model), is_batch(call)),
        _ => (Bytes::from(printed(call, model)?), call.embeddings.len() != 1),
    };
    let verb = match call.operation {
        Operation::Chat if call.streamed => "streamGenerateContent",
        Operation::Chat => "generateContent",
        Operation::CountTokens => "countTokens",
        Operation::Embeddings if several => "batchEmbedContents",
        Operation::Embeddings => "embedContent",
    };
    let streamed = call.operation == Operation::Chat && call.streamed;
    Ok(Outgoing {
        path: format!("/models/{}:{verb}", utf8_percent_encode(model, SEGMENT)),
        query: streamed.then(|| "alt=sse".to_owned()),
        fields: Vec::new(),
        body,
    })
}

/// Whether a client of this dialect embeds several contents, in which case the answer has another form.
pub fn is_batch(call: &Call) -> bool {
    call.operation == Operation::Embeddings
        && Document::parse(call.source.clone()).is_ok_and(|document| document.root.get("requests").is_some())
}

/// The client's own bytes; where they name the model, with the provider's name for it.
fn spliced(call: &Call, model: &str) -> Bytes {
    let document = call.model_span.as_ref().and_then(|_| Document::parse(call.source.clone()).ok());
    let Some(document) = document else { return call.source.clone() };
    let root = &document.root;
    let whole = ["generateContentRequest", "generate_content_request"].iter().find_map(|name| root.get(name));
    let requests = root.get("requests").and_then(Value::as_array).unwrap_or_default();
    let mut splice = Splice::new(&call.source);
    for named in [Some(root), whole].into_iter().flatten().chain(requests).filter_map(|object| object.get("model")) {
        splice.replace_string(named.span.clone(), &format!("models/{model}"));
    }
    Bytes::from(splice.apply())
}

fn printed(call: &Call, model: &str) -> Result<Vec<u8>, NoCounterpart> {
    let from = call.dialect.as_str();
    if let Some(member) = call.foreign.first() {
        return Err(NoCounterpart::new(format!("`{member}` of the {from} dialect has no counterpart in {OWN}.")));
    }
    let body = match call.operation {
        Operation::Chat => serde_json::to_vec(&request(call, model)?),
        Operation::CountTokens => {
            let request = Request { model: Some(format!("models/{model}")), ..request(call, model)? };
            serde_json::to_vec(&Count { generate_content_request: request })
        }
        Operation::Embeddings => {
            let mut requests = embeddings(call, model)?;
            match requests.pop() {
                Some(only) if requests.is_empty() => serde_json::to_vec(&only),
                last => {
                    requests.extend(last);
                    serde_json::to_vec(&Batch { requests })
                }
            }
        }
    };
    body.map_err(|error| NoCounterpart::new(format!("The call cannot be written in {OWN}: {error}.")))
}

fn request<'a>(call: &'a Call, model: &str) -> Result<Request<'a>, NoCounterpart> {
    let from = call.dialect.as_str();
    if call.parallel_tools == Some(false) && !call.tools.is_empty() {
        return Err(NoCounterpart::new(format!(
            "That the {from} call forbids several tools at once has no counterpart in {OWN}."
        )));
    }
    check_service_tier(call)?;
    let turns = turns(call, model)?;
    let functions = call.tools.iter().map(function).collect::<Vec<_>>();
    Ok(Request {
        model: None,
        contents: turns.contents,
        system_instruction: turns.system,
        tools: if functions.is_empty() { Vec::new() } else { vec![Group { function_declarations: functions }] },
        tool_config: tool_config(call),
        generation_config: config(call, model)?,
    })
}

fn function(tool: &Tool) -> Function<'_> {
    Function {
        name: &tool.name,
        description: tool.description.as_ref().map(|description| description.text.as_str()),
        parameters_json_schema: tool.schema.as_deref(),
    }
}

fn tool_config(call: &Call) -> Option<ToolConfig<'_>> {
    let strict = call.tools.iter().any(|tool| tool.strict == Some(true));
    let (mode, name) = match &call.tool_choice {
        // Arguments that must fit their schema have a mode of their own; calls that are forced fit it anyway.
        None | Some(ToolChoice::Auto) if strict => ("VALIDATED", None),
        None => return None,
        Some(ToolChoice::Auto | ToolChoice::None) if call.tools.is_empty() => return None,
        Some(ToolChoice::Auto) => ("AUTO", None),
        Some(ToolChoice::None) => ("NONE", None),
        Some(ToolChoice::Required) => ("ANY", None),
        Some(ToolChoice::Named(name)) => ("ANY", Some([name.as_str()])),
    };
    Some(ToolConfig { function_calling_config: Calling { mode, allowed_function_names: name } })
}

fn config<'a>(call: &'a Call, model: &str) -> Result<Config<'a>, NoCounterpart> {
    let parameters = &call.parameters;
    let seed = match parameters.seed.map(i32::try_from) {
        None => None,
        Some(Ok(seed)) => Some(seed),
        Some(Err(_)) => {
            let from = call.dialect.as_str();
            return Err(NoCounterpart::new(format!(
                "The {from} call's `seed` does not fit the 32 bits that {OWN} has for it."
            )));
        }
    };
    let schema = match &call.format {
        Some(Format::Schema { description: Some(_), .. }) => {
            return Err(NoCounterpart::new(format!(
                "The description of the {} call's schema for the answer has no counterpart in {OWN}: put it into the schema.",
                call.dialect.as_str()
            )));
        }
        Some(Format::Schema { schema, .. }) => Some(&**schema),
        _ => None,
    };
    Ok(Config {
        temperature: parameters.temperature,
        top_p: parameters.top_p,
        top_k: parameters.top_k,
        max_output_tokens: parameters.max_output_tokens,
        stop_sequences: &parameters.stop,
        candidate_count: parameters.choices.filter(|count| *count != 1),
        seed,
        presence_penalty: parameters.presence_penalty,
        frequency_penalty: parameters.frequency_penalty,
        response_mime_type: (schema.is_some() || matches!(call.format, Some(Format::Json))).then_some(JSON),
        response_json_schema: schema,
        thinking_config: thinking(call, model),
    })
}

impl Config<'_> {
    fn is_empty(&self) -> bool {
        serde_json::to_string(self).is_ok_and(|text| text == "{}")
    }
}

/// Models of the second generation count tokens, and later ones have levels. What asks for thoughts wants to see them, unless it
/// says otherwise.
fn thinking(call: &Call, model: &str) -> Option<Thinking> {
    let counts = model.starts_with("gemini-2");
    let budget = |budget| (Some(budget), None);
    let (thinking_budget, thinking_level) = match &call.parameters.reasoning {
        None => (None, None),
        Some(Reasoning::Off) => budget(0),
        Some(Reasoning::Budget(tokens)) => budget(i64::try_from(*tokens).unwrap_or(i64::MAX)),
        Some(Reasoning::Adaptive) if counts => budget(-1),
        Some(Reasoning::Adaptive) => (None, None),
        Some(Reasoning::Effort(effort)) if counts => budget(effort.budget_tokens().min(BUDGET_TOKENS_MAX) as i64),
        Some(Reasoning::Effort(effort)) => (None, Some(level(*effort))),
    };
    let thinks = call.parameters.reasoning.as_ref().is_some_and(|reasoning| *reasoning != Reasoning::Off);
    let include_thoughts = call.thoughts_wanted.or(thinks.then_some(true));
    let asked = include_thoughts.is_some() || thinking_budget.is_some();
    asked.then_some(Thinking { include_thoughts, thinking_budget, thinking_level })
}

fn level(effort: Effort) -> &'static str {
    match effort {
        Effort::Minimal => "MINIMAL",
        Effort::Low => "LOW",
        Effort::Medium => "MEDIUM",
        Effort::High => "HIGH",
        Effort::ExtraHigh | Effort::Highest => "XHIGH",
    }
}

fn check_service_tier(call: &Call) -> Result<(), NoCounterpart> {
    match call.parameters.service_tier.as_deref() {
        None | Some("auto" | "default" | "standard" | "standard_only") => Ok(()),
        Some(tier) => Err(NoCounterpart::new(format!(
            "The service tier `{}` of the {} dialect has no counterpart in {OWN}.",
            bounded(tier, 64),
            call.dialect.as_str()
        ))),
    }
}

fn embeddings(call: &Call, model: &str) -> Result<Vec<Embed>, NoCounterpart> {
    let requests = call.embeddings.iter().map(|embedding| match embedding {
        Embedding::Text(text) => Ok(Embed {
            model: format!("models/{model}"),
            content: Content { role: None, parts: vec![Part::text(&text.text)] },
            output_dimensionality: call.parameters.dimensions,
        }),
        Embedding::Tokens(_) => Err(NoCounterpart::new(format!(
            "Tokens to embed of the {} dialect have no counterpart in {OWN}; send the text.",
            call.dialect.as_str()
        ))),
    });
    requests.collect()
}
