//! Reads a client's call in OpenAI's dialect.

use super::{embeddings, messages, tools};
use crate::call::{Call, Effort, Operation, Parameters, Reasoning, Text};
use crate::dialect::{Asked, Dialect};
use crate::error::CallError;
use crate::json::{Document, Fields, Value};

/// Members that change nothing in an answer, whatever their value. `user` and `safety_identifier` are read by name.
const WITHOUT_EFFECT: [&str; 4] = ["metadata", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"];

/// Answers to one call, as OpenAI limits them.
const CHOICES_MAX: u64 = 128;

pub fn read_call(asked: &Asked, document: &Document) -> Result<Call, CallError> {
    let fields = Fields::of(&document.root, "")?;
    let mut call = Call::new(Dialect::OpenAi, asked.operation, document.source().clone());
    read_model(asked, &fields, &mut call)?;
    match asked.operation {
        Operation::Chat => read_chat(asked, &fields, document, &mut call)?,
        Operation::Embeddings => embeddings::read_request(&fields, &mut call)?,
        Operation::CountTokens => {
            return Err(CallError::new("", "OpenAI's dialect has no request that only counts tokens."));
        }
    }
    for (name, value) in fields.rest() {
        if !WITHOUT_EFFECT.contains(&name) && !is_neutral(name, value) {
            call.foreign.push(pointer("", name));
        }
    }
    Ok(call)
}

/// The path names the model for clients of Azure; what the body says then stays without effect.
fn read_model(asked: &Asked, fields: &Fields<'_>, call: &mut Call) -> Result<(), CallError> {
    let model = fields.text("model")?;
    call.model_span = model.as_ref().and_then(|model| model.span.clone());
    call.model = match (&asked.model, model) {
        (Some(model), _) => model.clone(),
        (None, Some(model)) => model.text,
        (None, None) => return Err(fields.wrong("model", "a string")),
    };
    match call.model.is_empty() {
        true => Err(CallError::new("model", "`model` is empty: name the model that is to answer.")),
        false => Ok(()),
    }
}

fn read_chat(asked: &Asked, fields: &Fields<'_>, document: &Document, call: &mut Call) -> Result<(), CallError> {
    refuse_legacy(fields)?;
    let streamed = fields.bool("stream")?.unwrap_or(false);
    call.streamed = asked.streamed.unwrap_or(streamed);
    let options = fields.object("stream_options")?;
    let include_usage = options.map(|options| options.bool("include_usage")).transpose()?.flatten();
    call.usage_wanted = call.streamed && include_usage.unwrap_or(false);
    messages::read(fields, call)?;
    tools::read(fields, document, call)?;
    call.format = tools::read_format(fields, document, &mut call.foreign)?;
    read_parameters(fields, call)
}

fn refuse_legacy(fields: &Fields<'_>) -> Result<(), CallError> {
    let replaced = [
        ("functions", "describe each function in `tools`"),
        ("function_call", "say in `tool_choice` which tool is to be called"),
    ];
    for (member, remedy) in replaced {
        if fields.get(member).is_some() {
            return Err(CallError::new(member, format!("`{member}` is not supported any more: {remedy}.")));
        }
    }
    Ok(())
}

fn read_parameters(fields: &Fields<'_>, call: &mut Call) -> Result<(), CallError> {
    let older = fields.u64("max_tokens")?;
    let (end_user, end_user_again) = read_end_user(fields)?;
    call.parameters = Parameters {
        temperature: fields.f64("temperature")?,
        top_p: fields.f64("top_p")?,
        max_output_tokens: fields.u64("max_completion_tokens")?.or(older),
        stop: read_stop(fields)?,
        seed: fields.i64("seed")?,
        choices: read_choices(fields)?,
        presence_penalty: fields.f64("presence_penalty")?,
        frequency_penalty: fields.f64("frequency_penalty")?,
        end_user,
        end_user_again,
        service_tier: fields.str("service_tier")?.map(str::to_owned),
        ..Parameters::default()
    };
    if let Some(effort) = fields.str("reasoning_effort")? {
        call.parameters.reasoning = reasoning(effort);
        if call.parameters.reasoning.is_none() {
            // A word newer than this reader: the provider of the same dialect may know it.
            call.foreign.push("/reasoning_effort".to_owned());
        }
    }
    Ok(())
}

/// The name of the end user, and the other one where there are two.
pub fn read_end_user(fields: &Fields<'_>) -> Result<(Option<Text>, Option<Text>), CallError> {
    let identifier = fields.text("safety_identifier")?;
    Ok(match fields.text("user")? {
        Some(user) => (Some(user), identifier),
        None => (identifier, None),
    })
}

fn read_stop(fields: &Fields<'_>) -> Result<Vec<String>, CallError> {
    let Some(value) = fields.get("stop") else { return Ok(Vec::new()) };
    if let Some(text) = value.as_str() {
        return Ok(vec![text.to_owned()]);
    }
    let texts = value.as_array().and_then(|values| values.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
    let texts = texts.ok_or_else(|| fields.wrong("stop", "a string or an array of strings"))?;
    Ok(texts.into_iter().map(str::to_owned).collect())
}

fn read_choices(fields: &Fields<'_>) -> Result<Option<u32>, CallError> {
    match fields.u64("n")? {
        None => Ok(None),
        Some(number) if (1..=CHOICES_MAX).contains(&number) => Ok(u32::try_from(number).ok()),
        Some(_) => Err(fields.wrong("n", "a whole number from 1 to 128")),
    }
}

fn reasoning(effort: &str) -> Option<Reasoning> {
    match effort {
        "none" => Some(Reasoning::Off),
        word => Effort::from_name(word).map(Reasoning::Effort),
    }
}

/// Whether a member says no more than what holds without it.
fn is_neutral(name: &str, value: &Value) -> bool {
    match name {
        "logprobs" | "store" => value.as_bool() == Some(false),
        "top_logprobs" => value.as_u64() == Some(0),
        "logit_bias" => value.as_object().is_some_and(<[_]>::is_empty),
        "modalities" => value.as_array().is_some_and(|kinds| kinds.iter().all(|kind| kind.as_str() == Some("text"))),
        "verbosity" => value.as_str() == Some("medium"),
        _ => false,
    }
}

/// The JSON pointer (RFC 6901) of a member of the object at `parent`.
pub fn pointer(parent: &str, name: &str) -> String {
    format!("{parent}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// Notes the members of an object that nobody took, but for those of `without_effect`.
pub fn note_rest(fields: &Fields<'_>, parent: &str, without_effect: &[&str], foreign: &mut Vec<String>) {
    let rest = fields.rest().into_iter().filter(|(name, _)| !without_effect.contains(name));
    foreign.extend(rest.map(|(name, _)| pointer(parent, name)));
}
