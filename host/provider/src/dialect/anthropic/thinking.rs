//! Thinking: when a model does it, how it is shown, and that it comes back unchanged.

use super::ApiError;
use crate::json::{Fields, Problem};
use crate::model::Model;
use crate::model::tools::ToolChoice;
use crate::question::{Part, Reasoning, Role, Turn};
use crate::seal;

pub const BUDGET_TOKENS_MIN: i64 = 1_024;

/// A user text that has this makes all thinking in the answer come out redacted, as Anthropic documents it for tests.
pub const REDACTION_TRIGGER: &str =
    "ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING_46C9A13E193C177646C7398A98432ECCCE4C1253D5E2D82641AC0E52CC2876CB";

const TYPES: [&str; 4] = ["enabled", "disabled", "adaptive", "between_tools"];
const DISPLAYS: [&str; 2] = ["summarized", "omitted"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thinking {
    pub reasoning: Reasoning,
    /// The signature alone is shown.
    pub omitted: bool,
    /// Earlier thoughts must stand in front of the last calls.
    strict: bool,
}

pub fn read(
    fields: &Fields,
    model: Model,
    tokens_max: Option<u64>,
    effort: Option<&str>,
) -> Result<Thinking, ApiError> {
    let off = Thinking { reasoning: Reasoning::Off, omitted: false, strict: false };
    let Some(thinking) = fields.object("thinking")? else { return Ok(off) };
    let kind = thinking.required_word("type", &TYPES)?;
    if kind == "disabled" {
        return Ok(off);
    }
    if !model.reasons() {
        return Err(ApiError::invalid(&format!("'{}' does not support thinking.", model.name())));
    }
    let omitted = thinking.word("display", &DISPLAYS)? == Some("omitted");
    if kind != "enabled" {
        let reasoning = Reasoning::effort(effort.unwrap_or("high"));
        return Ok(Thinking { reasoning, omitted, strict: false });
    }
    let budget = thinking.count("budget_tokens", BUDGET_TOKENS_MIN, i64::MAX)?;
    let budget = budget.ok_or_else(|| thinking.missing("budget_tokens"))?;
    if tokens_max.is_some_and(|tokens_max| tokens_max <= budget) {
        return Err(ApiError::invalid(
            "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation on extended thinking.",
        ));
    }
    Ok(Thinking { reasoning: Reasoning::budget(budget), omitted, strict: true })
}

/// What was thought before a call must be there when its result is told.
pub fn check_turns(thinking: &Thinking, choice: &ToolChoice, turns: &[Turn]) -> Result<(), ApiError> {
    if thinking.reasoning == Reasoning::Off {
        return Ok(());
    }
    if matches!(choice, ToolChoice::Required | ToolChoice::Named(_)) {
        return Err(ApiError::invalid("Thinking may not be enabled when tool_choice forces tool use."));
    }
    let first = usize::from(turns.first().is_some_and(|turn| turn.role == Role::System));
    let has_results = |turn: &Turn| turn.parts.iter().any(|part| matches!(part, Part::Result { .. }));
    let Some(last) = turns.len().checked_sub(2).filter(|_| thinking.strict && turns.last().is_some_and(has_results))
    else {
        return Ok(());
    };
    let found = match turns.get(last).and_then(|turn| turn.parts.first()) {
        Some(Part::Text(_)) => "text",
        Some(Part::Call { .. }) => "tool_use",
        _ => return Ok(()),
    };
    let rule = format!(
        "Expected `thinking` or `redacted_thinking`, but found `{found}`. When `thinking` is enabled, a final `assistant` message must \
         start with a thinking block (preceeding the lastmost set of `tool_use` and `tool_result` blocks). To avoid this requirement, \
         disable `thinking`."
    );
    Err(ApiError::at(&format!("messages.{}.content.0.type", last - first), &rule))
}

/// A block that comes back must have the signature that it was given.
pub fn check_block(block: &Fields, kind: &str) -> Result<(), ApiError> {
    let path = Problem::missing(block.own_path()).dotted_path();
    if kind == "redacted_thinking" {
        return match seal::open(block.required_string("data")?) {
            Some(_) => Ok(()),
            None => Err(ApiError::at(&path, "Invalid `data` in `redacted_thinking` block")),
        };
    }
    let thinking = block.required_string("thinking")?;
    match seal::open(block.required_string("signature")?) {
        // What was omitted comes back empty.
        Some(sealed) if thinking.is_empty() || sealed == thinking => Ok(()),
        _ => Err(ApiError::at(&path, "Invalid `signature` in `thinking` block")),
    }
}
