//! Parameters that are words.

use super::EditError;
use super::changes::Changes;
use super::members::{Names, find, gemini_request, quoted, set_at};
use crate::call::{Call, Effort, Format, Operation, Reasoning, ToolChoice};
use crate::dialect::Dialect;
use crate::json::Value;

const TOOL_CHOICE: &str = "tool-choice";
const RESPONSE_FORMAT: &str = "response-format";
const REASONING_EFFORT: &str = "reasoning-effort";
const SERVICE_TIER: &str = "service-tier";

/// Of a service tier's name.
const TIER_BYTES_MAX: usize = 64;

const CONFIG: Names = &["generationConfig", "generation_config"];
const OUTPUT_CONFIG: Names = &["output_config"];

pub fn get(call: &Call, name: &str) -> Option<String> {
    let word = match name {
        TOOL_CHOICE => match call.tool_choice.as_ref()? {
            ToolChoice::Auto => "auto",
            ToolChoice::None => "none",
            ToolChoice::Required => "required",
            ToolChoice::Named(tool) => tool,
        },
        RESPONSE_FORMAT => match call.format.as_ref()? {
            Format::Text => "text",
            Format::Json => "json",
            Format::Schema { .. } => "schema",
        },
        REASONING_EFFORT => match call.parameters.reasoning.as_ref()? {
            Reasoning::Off | Reasoning::Budget(0) => "none",
            Reasoning::Effort(effort) => effort.as_str(),
            Reasoning::Budget(tokens) => Effort::of_budget(*tokens).as_str(),
            // As much as the model finds right is no effort.
            Reasoning::Adaptive => return None,
        },
        SERVICE_TIER => call.parameters.service_tier.as_ref()?,
        _ => return None,
    };
    Some(word.to_owned())
}

/// Whether there is such a word, and calls of this kind have it: embeddings have none.
pub fn check(call: &Call, name: &str) -> Result<(), EditError> {
    match (call.operation, name) {
        (Operation::Chat, TOOL_CHOICE | RESPONSE_FORMAT | REASONING_EFFORT | SERVICE_TIER)
        | (Operation::CountTokens, TOOL_CHOICE | RESPONSE_FORMAT | REASONING_EFFORT) => Ok(()),
        (_, TOOL_CHOICE | RESPONSE_FORMAT | REASONING_EFFORT | SERVICE_TIER) => Err(EditError::Forbidden),
        _ => Err(EditError::InvalidName),
    }
}

pub fn set(call: &Call, root: &Value, name: &str, value: Option<&str>, changes: &mut Changes) -> Result<(), EditError> {
    let request = if call.dialect == Dialect::Gemini { gemini_request(root) } else { root };
    // To count what only contents say, the vendor takes nothing else.
    let bare = call.dialect == Dialect::Gemini && request.span == root.span;
    if call.operation == Operation::CountTokens && bare {
        return Err(EditError::Forbidden);
    }
    match name {
        TOOL_CHOICE => tool_choice(call, request, value, changes),
        RESPONSE_FORMAT => response_format(call.dialect, request, value, changes),
        REASONING_EFFORT => reasoning_effort(call, request, value, changes),
        _ => service_tier(call.dialect, request, value, changes),
    }
}

fn tool_choice(call: &Call, request: &Value, value: Option<&str>, changes: &mut Changes) -> Result<(), EditError> {
    let tools = find(request, &["tools"]).and_then(Value::as_array).unwrap_or_default();
    let choice = match value {
        None => None,
        // The vendors refuse a choice among nothing.
        Some(_) if tools.is_empty() => return Err(EditError::InvalidValue),
        Some("auto") => Some(ToolChoice::Auto),
        Some("none") => Some(ToolChoice::None),
        Some("required") => Some(ToolChoice::Required),
        Some(name) if call.tools.iter().any(|tool| tool.name == name) => Some(ToolChoice::Named(name.to_owned())),
        Some(_) => return Err(EditError::InvalidValue),
    };
    if call.dialect == Dialect::Gemini {
        let (mode, names) = match &choice {
            None => (None, None),
            Some(ToolChoice::Auto) => (Some("AUTO"), None),
            Some(ToolChoice::None) => (Some("NONE"), None),
            Some(ToolChoice::Required) => (Some("ANY"), None),
            Some(ToolChoice::Named(name)) => (Some("ANY"), Some(format!("[{}]", quoted(name)))),
        };
        let path: [Names; 2] = [&["toolConfig", "tool_config"], &["functionCallingConfig", "function_calling_config"]];
        let allowed: Names = &["allowedFunctionNames", "allowed_function_names"];
        set_at(changes, request, &path, &[(&["mode"], mode.map(quoted)), (allowed, names)]);
        return Ok(());
    }
    let json = match (call.dialect, &choice) {
        (Dialect::Anthropic, choice) => anthropic_choice(choice.as_ref(), call.parallel_tools == Some(false)),
        (_, None) => None,
        (_, Some(ToolChoice::Auto)) => Some(quoted("auto")),
        (_, Some(ToolChoice::None)) => Some(quoted("none")),
        (_, Some(ToolChoice::Required)) => Some(quoted("required")),
        (Dialect::OpenAiResponses, Some(ToolChoice::Named(name))) => {
            Some(format!(r#"{{"type":"function","name":{}}}"#, quoted(name)))
        }
        (_, Some(ToolChoice::Named(name))) => {
            Some(format!(r#"{{"type":"function","function":{{"name":{}}}}}"#, quoted(name)))
        }
    };
    set_at(changes, request, &[], &[(&["tool_choice"], json)]);
    Ok(())
}

/// That only one tool may be called at once is said in the choice, and stays.
fn anthropic_choice(choice: Option<&ToolChoice>, single: bool) -> Option<String> {
    let flag = if single { r#","disable_parallel_tool_use":true"# } else { "" };
    match choice {
        None if !single => None,
        None | Some(ToolChoice::Auto) => Some(format!(r#"{{"type":"auto"{flag}}}"#)),
        Some(ToolChoice::None) => Some(r#"{"type":"none"}"#.to_owned()),
        Some(ToolChoice::Required) => Some(format!(r#"{{"type":"any"{flag}}}"#)),
        Some(ToolChoice::Named(name)) => Some(format!(r#"{{"type":"tool","name":{}{flag}}}"#, quoted(name))),
    }
}

fn response_format(
    dialect: Dialect,
    request: &Value,
    value: Option<&str>,
    changes: &mut Changes,
) -> Result<(), EditError> {
    let json = match value {
        None | Some("text") if dialect == Dialect::Anthropic => None,
        Some("json") if dialect == Dialect::Anthropic => return Err(EditError::Forbidden),
        None => None,
        Some("text") => Some("text"),
        Some("json") => Some("json_object"),
        // What a schema says is no word.
        Some(_) => return Err(EditError::InvalidValue),
    };
    let object = json.map(|kind| format!(r#"{{"type":"{kind}"}}"#));
    match dialect {
        Dialect::Gemini => {
            let kind = json.map(|kind| quoted(if kind == "text" { "text/plain" } else { "application/json" }));
            let settings = [
                (&["responseMimeType", "response_mime_type"] as Names, kind),
                (&["responseSchema", "response_schema"], None),
                (&["responseJsonSchema", "response_json_schema"], None),
            ];
            set_at(changes, request, &[CONFIG], &settings);
        }
        Dialect::Anthropic => set_at(changes, request, &[OUTPUT_CONFIG], &[(&["format"], object)]),
        Dialect::OpenAiResponses => set_at(changes, request, &[&["text"]], &[(&["format"], object)]),
        Dialect::OpenAi | Dialect::Bedrock => set_at(changes, request, &[], &[(&["response_format"], object)]),
    }
    Ok(())
}

fn reasoning_effort(call: &Call, request: &Value, value: Option<&str>, changes: &mut Changes) -> Result<(), EditError> {
    let effort = value.map(|word| Effort::from_name(word).map(Some).or((word == "none").then_some(None)));
    // None: taken out; Some(None): no thinking at all.
    let effort = match effort {
        Some(None) => return Err(EditError::InvalidValue),
        Some(Some(effort)) => Some(effort),
        None => None,
    };
    match call.dialect {
        Dialect::OpenAiResponses => {
            set_at(changes, request, &[&["reasoning"]], &[(&["effort"], value.map(quoted))]);
        }
        Dialect::Anthropic => {
            let word = match effort.flatten() {
                None => None,
                Some(Effort::Minimal) => return Err(EditError::InvalidValue),
                Some(effort) => Some(effort.as_str()),
            };
            set_at(changes, request, &[OUTPUT_CONFIG], &[(&["effort"], word.map(quoted))]);
            let thinking: Names = &["thinking"];
            let kind = match effort {
                None => {
                    set_at(changes, request, &[], &[(thinking, None)]);
                    return Ok(());
                }
                Some(None) => "disabled",
                Some(Some(_)) => "adaptive",
            };
            let mut settings = vec![(&["type"] as Names, Some(quoted(kind))), (&["budget_tokens"], None)];
            if kind == "disabled" {
                // How thoughts are shown is said only where there are some.
                settings.push((&["display"], None));
            }
            set_at(changes, request, &[thinking], &settings);
        }
        Dialect::Gemini => {
            let path: [Names; 2] = [CONFIG, &["thinkingConfig", "thinking_config"]];
            let (budget, level): (Names, Names) =
                (&["thinkingBudget", "thinking_budget"], &["thinkingLevel", "thinking_level"]);
            let config = find(request, CONFIG).and_then(|config| find(config, path[1]));
            // Models of the second generation count tokens, and later ones have levels.
            let counts =
                config.is_some_and(|config| find(config, budget).is_some()) || call.model.starts_with("gemini-2");
            let (tokens, word) = match effort {
                None => (None, None),
                Some(None) => (Some("0".to_owned()), None),
                // The vendor's highest is one step lower.
                Some(Some(Effort::Highest)) => return Err(EditError::InvalidValue),
                Some(Some(effort)) if counts => (Some(effort.budget_tokens().to_string()), None),
                Some(Some(effort)) => (None, Some(quoted(&effort.as_str().to_ascii_uppercase()))),
            };
            set_at(changes, request, &path, &[(budget, tokens), (level, word)]);
        }
        Dialect::OpenAi | Dialect::Bedrock => {
            set_at(changes, request, &[], &[(&["reasoning_effort"], value.map(quoted))]);
        }
    }
    Ok(())
}

/// The vendors add tiers; what a name looks like is all that is checked.
fn service_tier(
    dialect: Dialect,
    request: &Value,
    value: Option<&str>,
    changes: &mut Changes,
) -> Result<(), EditError> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
    if value.is_some_and(|tier| tier.is_empty() || tier.len() > TIER_BYTES_MAX || !tier.bytes().all(fits)) {
        return Err(EditError::InvalidValue);
    }
    let names: Names = match dialect {
        Dialect::Gemini => &["serviceTier", "service_tier"],
        _ => &["service_tier"],
    };
    set_at(changes, request, &[], &[(names, value.map(quoted))]);
    Ok(())
}
