//! How long a model may think, as a client says it and as a provider is told it.

use serde::Serialize;

use crate::call::{Call, Effort, Part, Reasoning, Role, ToolChoice};
use crate::dialect::{Family, Target};
use crate::error::{CallError, NoCounterpart};
use crate::json::Fields;

use super::request::add_rest;

const OWN: &str = "anthropic-messages";

/// The vendor's own limit.
const BUDGET_TOKENS_MIN: u64 = 1_024;

/// The member `thinking` of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Thinking {
    Enabled { budget_tokens: u64 },
    Adaptive,
    Disabled,
}

/// What is asked of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asking {
    pub thinking: Option<Thinking>,
    pub effort: Option<&'static str>,
    pub max_tokens: u64,
}

pub fn read(
    thinking: Option<&Fields<'_>>,
    config: Option<&Fields<'_>>,
    foreign: &mut Vec<String>,
) -> Result<Option<Reasoning>, CallError> {
    let effort = config.map(effort).transpose()?.flatten();
    let Some(thinking) = thinking else { return Ok(effort.map(Reasoning::Effort)) };
    // Asks how much of a thought is shown, not for another one.
    let _without_effect = thinking.get("display");
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
        Some("xhigh" | "max") => Ok(Some(Effort::Highest)),
        Some(_) => Err(config.wrong("effort", "\"low\", \"medium\", \"high\", \"xhigh\" or \"max\"")),
    }
}

/// Of a call in another dialect.
pub fn write(call: &Call, target: Target<'_>) -> Result<Asking, NoCounterpart> {
    let limit = call.parameters.max_output_tokens;
    let default = target.output_tokens_default;
    let plain = Asking { thinking: None, effort: None, max_tokens: limit.unwrap_or(default) };
    let adaptive = |effort| Asking { thinking: Some(Thinking::Adaptive), effort, ..plain };
    let asking = match call.parameters.reasoning {
        None => return Ok(plain),
        Some(Reasoning::Off | Reasoning::Budget(0)) => {
            return Ok(Asking { thinking: Some(Thinking::Disabled), ..plain });
        }
        Some(Reasoning::Adaptive) => adaptive(None),
        Some(Reasoning::Effort(effort)) => adaptive(Some(word(effort))),
        Some(Reasoning::Budget(tokens)) if lacks_thoughts(call) => adaptive(Some(word(Effort::of_budget(tokens)))),
        Some(Reasoning::Budget(tokens)) => {
            let max_tokens = budgeted(call, tokens, default)?;
            Asking { thinking: Some(Thinking::Enabled { budget_tokens: tokens }), effort: None, max_tokens }
        }
    };
    match call.tool_choice {
        Some(ToolChoice::Required | ToolChoice::Named(_)) => Err(NoCounterpart::new(format!(
            "The {} call forces the use of a tool and asks for thinking, and {OWN} has only one of both at a time.",
            call.dialect.as_str()
        ))),
        _ => Ok(asking),
    }
}

/// The limit of output tokens that goes with a budget: it includes what is thought.
fn budgeted(call: &Call, tokens: u64, default: u64) -> Result<u64, NoCounterpart> {
    let from = call.dialect.as_str();
    if tokens < BUDGET_TOKENS_MIN {
        return Err(NoCounterpart::new(format!(
            "The {from} call's budget of {tokens} tokens for thinking has no counterpart in {OWN}, where the least is {BUDGET_TOKENS_MIN}."
        )));
    }
    match call.parameters.max_output_tokens {
        None => Ok(tokens.saturating_add(default)),
        Some(limit) if limit > tokens => Ok(limit),
        Some(limit) => Err(NoCounterpart::new(format!(
            "The {from} call's budget of {tokens} tokens for thinking must be less than its limit of {limit} output tokens in {OWN}."
        ))),
    }
}

/// Whether results are told of calls whose thoughts went with another vendor: with a budget, Anthropic demands them.
fn lacks_thoughts(call: &Call) -> bool {
    let is_result = |part: &Part| matches!(part, Part::ToolResult(_));
    let mut messages = call.messages.iter().rev();
    let mut results = false;
    let assistant = messages.by_ref().find(|message| {
        results |= message.parts.iter().any(is_result);
        message.role == Role::Assistant
    });
    let thought = |part: &Part| matches!(part, Part::Thought(thought) if thought.family == Family::Anthropic);
    results && assistant.is_some_and(|message| !message.parts.first().is_some_and(thought))
}

fn word(effort: Effort) -> &'static str {
    match effort {
        Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::Highest => "max",
    }
}
