//! A chat request, read and checked in full before anything is answered.

use serde_json::Value;

use super::message;
use crate::behaviour::split_name;
use crate::dialect::openai::tools::{Shape, choice, tools};
use crate::dialect::openai::{ApiError, form, order};
use crate::json::{Fields, Problem};
use crate::model::Model;
use crate::question::{Question, Reasoning};

pub const STOP_STRINGS_MAX: usize = 4;
pub const CHOICES_MAX: i64 = 128;
pub const MESSAGES_MAX: usize = 2_048;
pub const METADATA_MAX: usize = 16;

/// What the chat completions endpoint knows, as of the `openai` Python package 3.54.
const PARAMETERS: [&str; 37] = [
    "audio",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "metadata",
    "modalities",
    "model",
    "moderation",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
    "web_search_options",
];

pub const EFFORTS: [&str; 6] = ["none", "minimal", "low", "medium", "high", "xhigh"];
const VERBOSITIES: [&str; 3] = ["low", "medium", "high"];

#[derive(Debug)]
pub struct ChatRequest {
    pub question: Question,
    pub stream: bool,
    pub include_usage: bool,
}

impl ChatRequest {
    /// `deployment` in place of the parameter `model`.
    pub fn parse(body: &Value, deployment: Option<&str>) -> Result<ChatRequest, ApiError> {
        let fields = Fields::of(body, "")?;
        fields.only(&PARAMETERS)?;
        let name = match deployment {
            Some(name) => name,
            None => fields.string("model")?.ok_or_else(|| ApiError::request("you must provide a model parameter"))?,
        };
        let turns = message::turns(&fields.objects_in("messages", fields.filled_array("messages", MESSAGES_MAX)?)?)?;
        let stream = fields.flag("stream")?;
        let include_usage = include_usage(&fields, stream)?;
        check_ignored(&fields)?;
        check_unsupported(&fields)?;
        let model = model(name)?;
        let tools = tools(&fields, Shape::Nested)?;
        let form = form::read(fields.object("response_format")?, Shape::Nested)?;
        form::check_json_is_named(&form, &turns, "messages", "response_format")?;
        order::check(&turns, "messages", 0)?;
        let question = Question {
            tool_choice: choice(&fields, &tools, Shape::Nested)?,
            tools,
            parallel_calls: fields.boolean("parallel_tool_calls")?.unwrap_or(true),
            form,
            choices: fields.count("n", 1, CHOICES_MAX)?.unwrap_or(1) as u32,
            stop: stop(&fields)?,
            output_tokens_max: output_tokens_max(&fields)?,
            reasoning: effort(&fields, "reasoning_effort", model)?,
            seed: fields.integer("seed", i64::MIN, i64::MAX)?.unwrap_or(0) as u64,
            ..Question::new(model, turns)
        };
        Ok(ChatRequest { question, stream, include_usage })
    }
}

/// One that answers conversations.
pub fn model(name: &str) -> Result<Model, ApiError> {
    let model = Model::named(split_name(name).0).ok_or_else(|| ApiError::unknown_model(name))?;
    if model.converses() {
        return Ok(model);
    }
    let message = "This is not a chat model and thus not supported in the v1/chat/completions endpoint.".to_owned();
    Err(ApiError { param: Some("model".to_owned()), ..ApiError::not_found(message, None) })
}

pub fn effort(fields: &Fields, name: &str, model: Model) -> Result<Reasoning, ApiError> {
    match fields.word(name, &EFFORTS)? {
        Some(_) if !model.reasons() => Err(ApiError::unsupported_parameter(&fields.path(name))),
        Some(effort) => Ok(Reasoning::effort(effort)),
        None => Ok(Reasoning::effort("medium")),
    }
}

fn include_usage(fields: &Fields, stream: bool) -> Result<bool, ApiError> {
    let Some(options) = fields.object("stream_options")? else { return Ok(false) };
    if !stream {
        let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        return Err(ApiError::parameter("stream_options", "invalid_parameter_combination", message.to_owned()));
    }
    options.boolean("include_obfuscation")?;
    Ok(options.flag("include_usage")?)
}

fn output_tokens_max(fields: &Fields) -> Result<Option<u64>, ApiError> {
    let older = fields.count("max_tokens", 1, i64::MAX)?;
    let newer = fields.count("max_completion_tokens", 1, i64::MAX)?;
    if older.is_some() && newer.is_some() {
        let message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.";
        return Err(ApiError::parameter("max_tokens", "invalid_parameter_combination", message.to_owned()));
    }
    Ok(newer.or(older))
}

fn stop(fields: &Fields) -> Result<Vec<String>, Problem> {
    match fields.value("stop") {
        None => Ok(Vec::new()),
        Some(Value::String(stop)) => Ok(vec![stop.clone()]),
        Some(Value::Array(_)) => fields.strings("stop", STOP_STRINGS_MAX),
        Some(other) => Err(Problem::wrong_type("stop", "one of a string or array of strings", other)),
    }
}

/// Parameters that are checked and then change nothing, since the answer does not depend on sampling.
fn check_ignored(fields: &Fields) -> Result<(), Problem> {
    fields.decimal("temperature", 0.0, 2.0)?;
    fields.decimal("top_p", 0.0, 1.0)?;
    fields.decimal("frequency_penalty", -2.0, 2.0)?;
    fields.decimal("presence_penalty", -2.0, 2.0)?;
    fields.object("logit_bias")?;
    fields.object("prediction")?;
    fields.boolean("store")?;
    fields.word("verbosity", &VERBOSITIES)?;
    check_metadata(fields)?;
    for name in ["user", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "service_tier"] {
        fields.string(name)?;
    }
    Ok(())
}

pub fn check_metadata(fields: &Fields) -> Result<(), Problem> {
    let Some(metadata) = fields.object("metadata")? else { return Ok(()) };
    let pairs = metadata.names().count();
    if pairs > METADATA_MAX {
        let message = format!(
            "Invalid 'metadata': too many properties. Expected an object with at most {METADATA_MAX} properties, but got an object \
             with {pairs} properties instead."
        );
        return Err(Problem::other("metadata", "object_above_max_properties", message));
    }
    metadata.names().try_for_each(|name| metadata.required_string(name).map(drop))
}

/// Parameters whose effect a caller would miss.
fn check_unsupported(fields: &Fields) -> Result<(), ApiError> {
    let top = fields.integer("top_logprobs", 0, 20)?;
    if fields.flag("logprobs")? || top.is_some() {
        return Err(ApiError::forbidden("You are not allowed to request logprobs from this model"));
    }
    for name in ["functions", "function_call", "web_search_options", "moderation"] {
        if fields.value(name).is_some() {
            return Err(ApiError::unsupported_parameter(name));
        }
    }
    let audio = fields.array("modalities")?.is_some_and(|modalities| modalities.iter().any(|kind| kind != "text"));
    if audio || fields.value("audio").is_some() {
        return Err(ApiError::unsupported("modalities", "The models of this provider answer in plain text."));
    }
    Ok(())
}
