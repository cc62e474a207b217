//! How long a model may think, and whether the client sees it, as a client says it.

use crate::call::{Call, Effort, Reasoning};
use crate::error::CallError;
use crate::json::Fields;

use super::request::add_rest;

pub fn read(
    thinking: Option<&Fields<'_>>,
    config: Option<&Fields<'_>>,
    call: &mut Call,
) -> Result<Option<Reasoning>, CallError> {
    let effort = config.map(effort).transpose()?.flatten();
    let Some(thinking) = thinking else { return Ok(effort.map(Reasoning::Effort)) };
    call.thoughts_wanted = match thinking.str("display")? {
        None => None,
        Some("summarized") => Some(true),
        Some("omitted") => Some(false),
        Some(_) => {
            call.foreign.push("/thinking/display".to_owned());
            None
        }
    };
    let foreign = &mut call.foreign;
    let reasoning = match thinking.required_str("type")? {
        "enabled" => {
            thinking.required("budget_tokens")?;
            Reasoning::Budget(thinking.u64("budget_tokens")?.unwrap_or_default())
        }
        "disabled" => Reasoning::Off,
        "adaptive" => effort.map_or(Reasoning::Adaptive, Reasoning::Effort),
        _ => {
            foreign.push("/thinking".to_owned());
            return Ok(effort.map(Reasoning::Effort));
        }
    };
    // The typed form has one of both.
    if effort.is_some() && matches!(reasoning, Reasoning::Off | Reasoning::Budget(_)) {
        foreign.push("/output_config/effort".to_owned());
    }
    add_rest(thinking, "/thinking", foreign);
    Ok(Some(reasoning))
}

fn effort(config: &Fields<'_>) -> Result<Option<Effort>, CallError> {
    match config.str("effort")? {
        None => Ok(None),
        Some("low") => Ok(Some(Effort::Low)),
        Some("medium") => Ok(Some(Effort::Medium)),
        Some("high") => Ok(Some(Effort::High)),
        Some("xhigh") => Ok(Some(Effort::ExtraHigh)),
        Some("max") => Ok(Some(Effort::Highest)),
        Some(_) => Err(config.wrong("effort", "\"low\", \"medium\", \"high\", \"xhigh\" or \"max\"")),
    }
}
