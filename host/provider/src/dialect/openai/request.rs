//! A chat request, read and checked in full before anything is answered.

use serde_json::Value;

use super::error::ApiError;
use super::field::{Fields, invalid_type};
use super::message::Conversation;
use crate::answer::Question;
use crate::model::Model;
use crate::tokens;

const STOP_STRINGS_MAX: usize = 4;

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

#[derive(Debug)]
pub struct ChatRequest {
    pub question: Question,
    pub stream: bool,
    pub include_usage: bool,
}

impl ChatRequest {
    pub fn parse(body: &[u8]) -> Result<ChatRequest, ApiError> {
        let body: Value = serde_json::from_slice(body).map_err(|error| {
            ApiError::request(&format!("We could not parse the JSON body of your request: {error}."))
        })?;
        let Value::Object(map) = &body else {
            return Err(ApiError::request("The JSON body of your request must be an object."));
        };
        let fields = Fields::new(map, "");
        if let Some(unknown) = fields.names().find(|name| !PARAMETERS.contains(name)) {
            let message = format!("Unknown parameter: '{unknown}'.");
            return Err(ApiError::parameter(unknown, "unknown_parameter", message));
        }
        let name = fields.string("model")?.ok_or_else(|| ApiError::request("you must provide a model parameter"))?;
        let messages = fields.array("messages")?.ok_or_else(|| ApiError::missing("messages"))?;
        if messages.is_empty() {
            let message = "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty \
                           array instead.";
            return Err(ApiError::parameter("messages", "empty_array", message.to_owned()));
        }
        let conversation = Conversation::read(messages)?;
        let stream = fields.boolean("stream")?.unwrap_or(false);
        let include_usage = include_usage(&fields, stream)?;
        check_ignored(&fields)?;
        check_unsupported(&fields)?;
        let prompt_tokens = conversation.tokens + tool_tokens(&fields)?;
        let answer_tokens_max = answer_tokens_max(&fields)?;
        let stop = stop(&fields)?;
        let model = Model::named(name).ok_or_else(|| ApiError::unknown_model(name))?;
        let question = Question {
            model,
            last_user_text: conversation.last_user_text,
            identity: format!("{name} {}", Value::from(messages)).into_bytes(),
            prompt_tokens,
            answer_tokens_max,
            stop,
        };
        Ok(ChatRequest { question, stream, include_usage })
    }
}

fn include_usage(fields: &Fields<'_>, stream: bool) -> Result<bool, ApiError> {
    let Some(options) = fields.object("stream_options")? else { return Ok(false) };
    if !stream {
        let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        return Err(ApiError::parameter("stream_options", "invalid_parameter_combination", message.to_owned()));
    }
    options.boolean("include_obfuscation")?;
    Ok(options.boolean("include_usage")?.unwrap_or(false))
}

fn answer_tokens_max(fields: &Fields<'_>) -> Result<Option<u64>, ApiError> {
    let older = fields.integer("max_tokens", 1, i64::MAX)?;
    let newer = fields.integer("max_completion_tokens", 1, i64::MAX)?;
    if older.is_some() && newer.is_some() {
        let message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.";
        return Err(ApiError::parameter("max_tokens", "invalid_parameter_combination", message.to_owned()));
    }
    Ok(newer.or(older).map(i64::unsigned_abs))
}

fn stop(fields: &Fields<'_>) -> Result<Vec<String>, ApiError> {
    match fields.value("stop") {
        None => Ok(Vec::new()),
        Some(Value::String(stop)) => Ok(vec![stop.clone()]),
        Some(Value::Array(stops)) if stops.len() > STOP_STRINGS_MAX => {
            let message = format!(
                "Invalid 'stop': array too long. Expected an array with maximum length {STOP_STRINGS_MAX}, but got an \
                 array with length {} instead.",
                stops.len()
            );
            Err(ApiError::parameter("stop", "array_above_max_length", message))
        }
        Some(Value::Array(stops)) => {
            let read = |(index, stop): (usize, &Value)| {
                let text = stop.as_str().ok_or_else(|| invalid_type(&format!("stop[{index}]"), "a string", stop))?;
                Ok(text.to_owned())
            };
            stops.iter().enumerate().map(read).collect()
        }
        Some(other) => Err(invalid_type("stop", "one of a string or array of strings", other)),
    }
}

/// Definitions of tools are read and paid for; the models call none.
fn tool_tokens(fields: &Fields<'_>) -> Result<u64, ApiError> {
    let mut sum = 0;
    for name in ["tools", "functions"] {
        for (index, tool) in fields.array(name)?.unwrap_or_default().iter().enumerate() {
            Fields::of(tool, &format!("{name}[{index}]"))?;
            sum += tokens::count(&tool.to_string());
        }
    }
    Ok(sum)
}

/// Parameters that are checked and then change nothing, since the answer does not depend on sampling.
fn check_ignored(fields: &Fields<'_>) -> Result<(), ApiError> {
    fields.decimal("temperature", 0.0, 2.0)?;
    fields.decimal("top_p", 0.0, 1.0)?;
    fields.decimal("frequency_penalty", -2.0, 2.0)?;
    fields.decimal("presence_penalty", -2.0, 2.0)?;
    fields.integer("seed", i64::MIN, i64::MAX)?;
    fields.object("logit_bias")?;
    fields.object("metadata")?;
    fields.boolean("store")?;
    fields.boolean("parallel_tool_calls")?;
    for name in ["user", "safety_identifier", "prompt_cache_key", "service_tier", "reasoning_effort", "verbosity"] {
        fields.string(name)?;
    }
    Ok(())
}

/// Parameters whose effect a caller would miss.
fn check_unsupported(fields: &Fields<'_>) -> Result<(), ApiError> {
    fields.integer("n", 1, 1)?;
    if fields.boolean("logprobs")? == Some(true) || fields.value("top_logprobs").is_some() {
        return Err(ApiError::unsupported("logprobs", "The models of this provider know no probabilities."));
    }
    if let Some(format) = fields.object("response_format")?
        && format.required_string("type")? != "text"
    {
        return Err(ApiError::unsupported("response_format", "The models of this provider answer in plain text."));
    }
    for name in ["tool_choice", "function_call"] {
        if fields.value(name).is_some_and(|choice| choice != "auto" && choice != "none") {
            return Err(ApiError::unsupported(name, "The models of this provider call no tools."));
        }
    }
    let audio = fields.array("modalities")?.is_some_and(|modalities| modalities.iter().any(|kind| kind != "text"));
    if audio || fields.value("audio").is_some() {
        return Err(ApiError::unsupported("modalities", "The models of this provider answer in plain text."));
    }
    Ok(())
}
