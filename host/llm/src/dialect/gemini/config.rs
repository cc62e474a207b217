//! Reads the generation config.

use super::members::Members;
use super::schema::json_schema;
use crate::call::{Call, Effort, Format, Reasoning};
use crate::error::CallError;
use crate::json::Document;

/// Other dialects want a name for the form of an answer.
const FORMAT_NAME: &str = "response";

pub fn read(document: &Document, config: &Members<'_>, call: &mut Call) -> Result<(), CallError> {
    let parameters = &mut call.parameters;
    parameters.temperature = config.f64("temperature")?;
    parameters.top_p = config.f64("topP")?;
    parameters.top_k = config.u64("topK")?;
    parameters.max_output_tokens = config.u64("maxOutputTokens")?;
    parameters.stop = config.strings("stopSequences")?.into_iter().map(str::to_owned).collect();
    parameters.seed = config.i64("seed")?;
    parameters.presence_penalty = config.f64("presencePenalty")?;
    parameters.frequency_penalty = config.f64("frequencyPenalty")?;
    parameters.choices = match config.u64("candidateCount")? {
        None => None,
        Some(count) => {
            let fits = u32::try_from(count).ok().filter(|count| (1..=128).contains(count));
            Some(fits.ok_or_else(|| config.wrong("candidateCount", "a whole number from 1 to 128"))?)
        }
    };
    if let Some(thinking) = config.object("thinkingConfig")? {
        parameters.reasoning = reasoning(&thinking)?;
        call.thoughts_wanted = thinking.bool("includeThoughts")?;
        thinking.rest_into(&mut call.foreign);
    }
    call.format = format(document, config, &mut call.foreign)?;
    let modalities = config.strings("responseModalities")?;
    if modalities.iter().any(|modality| !modality.eq_ignore_ascii_case("text")) {
        call.foreign.push(config.pointer("responseModalities"));
    }
    if config.bool("responseLogprobs")? == Some(true) {
        call.foreign.push(config.pointer("responseLogprobs"));
    }
    config.rest_into(&mut call.foreign);
    Ok(())
}

fn format(document: &Document, config: &Members<'_>, foreign: &mut Vec<String>) -> Result<Option<Format>, CallError> {
    let kind = config.str("responseMimeType")?.unwrap_or("text/plain");
    let own = config.get("responseSchema").map(|value| json_schema(document, value));
    let plain = config.get("responseJsonSchema").map(|value| document.raw_value(value));
    if own.is_some() && plain.is_some() {
        let name = config.name("responseJsonSchema");
        return Err(CallError::new(name.clone(), format!("`{name}` must not stand beside `responseSchema`.")));
    }
    let schema = own.or(plain);
    match (kind, schema) {
        ("text/plain" | "", None) => Ok(None),
        ("application/json", None) => Ok(Some(Format::Json)),
        ("application/json", Some(schema)) => Ok(Some(Format::Schema {
            name: FORMAT_NAME.to_owned(),
            description: None,
            schema,
            // This vendor always keeps to it; "strict" demands of others more than that.
            strict: None,
        })),
        ("text/plain" | "", Some(_)) => {
            let name = config.name("responseMimeType");
            Err(CallError::new(name.clone(), format!("`{name}` must be \"application/json\" where there is a schema.")))
        }
        // One of several words, and what else there may be.
        (_, _) => {
            foreign.push(config.pointer("responseMimeType"));
            Ok(None)
        }
    }
}

fn reasoning(thinking: &Members<'_>) -> Result<Option<Reasoning>, CallError> {
    let budget = thinking.i64("thinkingBudget")?;
    let level = thinking.str("thinkingLevel")?.map(str::to_ascii_uppercase);
    let effort = match level.as_deref() {
        None | Some("THINKING_LEVEL_UNSPECIFIED") => None,
        Some("MINIMAL") => Some(Effort::Minimal),
        Some("LOW") => Some(Effort::Low),
        Some("MEDIUM") => Some(Effort::Medium),
        Some("HIGH") => Some(Effort::High),
        Some("XHIGH") => Some(Effort::ExtraHigh),
        Some(_) => {
            return Err(thinking.wrong("thinkingLevel", "\"MINIMAL\", \"LOW\", \"MEDIUM\", \"HIGH\" or \"XHIGH\""));
        }
    };
    match (budget, effort) {
        (Some(_), Some(_)) => {
            let name = thinking.name("thinkingLevel");
            Err(CallError::new(name.clone(), format!("`{name}` must not stand beside `thinkingBudget`.")))
        }
        (Some(0), None) => Ok(Some(Reasoning::Off)),
        (Some(-1), None) => Ok(Some(Reasoning::Adaptive)),
        (Some(budget), None) => match u64::try_from(budget) {
            Ok(budget) => Ok(Some(Reasoning::Budget(budget))),
            Err(_) => Err(thinking.wrong("thinkingBudget", "a whole number, -1 or more")),
        },
        (None, effort) => Ok(effort.map(Reasoning::Effort)),
    }
}
