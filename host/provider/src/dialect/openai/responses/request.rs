//! A request for a response, read and checked in full before anything is answered.

use std::sync::Arc;

use serde_json::Value;

use super::input;
use super::kept::Response;
use crate::dialect::openai::chat::{check_metadata, effort, model};
use crate::dialect::openai::tools::{Shape, choice, tools};
use crate::dialect::openai::{ApiError, form, order};
use crate::json::{Fields, Problem};
use crate::model::Model;
use crate::question::{Form, Question, Reasoning, Role, Turn};

pub const OUTPUT_TOKENS_MIN: i64 = 16;

/// What the responses endpoint knows, as of the `openai` Python package 3.54.
const PARAMETERS: [&str; 35] = [
    "access_programs",
    "background",
    "background_options",
    "context_management",
    "conversation",
    "image",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "model",
    "moderation",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
    "verbosity",
];

/// Whose effect a caller would miss.
const UNSUPPORTED: [&str; 6] =
    ["background_options", "context_management", "conversation", "moderation", "prompt", "top_logprobs"];

const TRUNCATIONS: [&str; 2] = ["auto", "disabled"];
const SUMMARIES: [&str; 3] = ["auto", "concise", "detailed"];

#[derive(Debug)]
pub struct ResponseRequest {
    pub question: Question,
    pub stream: bool,
    pub store: bool,
    /// What is thought is told in short; here that is all of it.
    pub summary: bool,
    /// What is thought goes along sealed.
    pub encrypted_reasoning: bool,
    /// The request as it came, for what an answer repeats of it.
    pub body: Value,
    instructions: bool,
}

impl ResponseRequest {
    /// `find` knows the earlier answers of the same key.
    pub fn parse(body: &Value, find: impl Fn(&str) -> Option<Arc<Response>>) -> Result<ResponseRequest, ApiError> {
        let fields = Fields::of(body, "")?;
        fields.only(&PARAMETERS)?;
        let name = fields.string("model")?.ok_or_else(|| {
            ApiError::parameter(
                "model",
                "missing_required_parameter",
                "Missing required parameter: 'model'.".to_owned(),
            )
        })?;
        check(&fields)?;
        let model = model(name)?;
        let (turns, first_new) = turns(&fields, find)?;
        let tools = tools(&fields, Shape::Flat)?;
        let text = fields.object("text")?;
        let form = match &text {
            Some(text) => form::read(text.object("format")?, Shape::Flat)?,
            None => Form::Text,
        };
        form::check_json_is_named(&form, &turns, "input", "text.format")?;
        order::check(&turns, "input", first_new)?;
        let (reasoning, summary) = reasoning(&fields, model)?;
        let question = Question {
            tool_choice: choice(&fields, &tools, Shape::Flat)?,
            tools,
            parallel_calls: fields.boolean("parallel_tool_calls")?.unwrap_or(true),
            form,
            output_tokens_max: fields.count("max_output_tokens", OUTPUT_TOKENS_MIN, i64::MAX)?,
            reasoning,
            ..Question::new(model, turns)
        };
        let include = fields.strings("include", PARAMETERS.len())?;
        Ok(ResponseRequest {
            question,
            stream: fields.flag("stream")?,
            store: fields.boolean("store")?.unwrap_or(true),
            summary,
            encrypted_reasoning: include.iter().any(|what| what == "reasoning.encrypted_content"),
            body: body.clone(),
            instructions: fields.value("instructions").is_some(),
        })
    }

    /// The conversation without the instructions.
    pub fn own_turns(&self) -> &[Turn] {
        self.question.turns.get(usize::from(self.instructions)..).unwrap_or_default()
    }
}

/// All turns, and where those of this request begin.
fn turns(fields: &Fields, find: impl Fn(&str) -> Option<Arc<Response>>) -> Result<(Vec<Turn>, usize), ApiError> {
    let mut turns: Vec<Turn> = Vec::new();
    turns.extend(fields.string("instructions")?.map(|text| Turn::text(Role::System, text)));
    if let Some(id) = fields.string("previous_response_id")? {
        let previous = find(id).ok_or_else(|| {
            let message = format!("Previous response with id '{id}' not found.");
            ApiError::parameter("previous_response_id", "previous_response_not_found", message)
        })?;
        turns.extend(previous.turns.iter().cloned());
    }
    let first_new = turns.len();
    turns.extend(input::turns(fields)?);
    Ok((turns, first_new))
}

fn reasoning(fields: &Fields, model: Model) -> Result<(Reasoning, bool), ApiError> {
    let Some(reasoning) = fields.object("reasoning")? else { return Ok((Reasoning::effort("medium"), false)) };
    let summary = reasoning.word("summary", &SUMMARIES)?.or(reasoning.word("generate_summary", &SUMMARIES)?);
    if summary.is_some() && !model.reasons() {
        return Err(ApiError::unsupported_parameter("reasoning.summary"));
    }
    Ok((effort(&reasoning, "effort", model)?, summary.is_some()))
}

fn check(fields: &Fields) -> Result<(), ApiError> {
    if let Some(name) = UNSUPPORTED.iter().find(|name| fields.value(name).is_some()) {
        return Err(ApiError::unsupported_parameter(name));
    }
    if fields.flag("background")? {
        return Err(ApiError::unsupported("background", "The models of this provider answer at once."));
    }
    check_ignored(fields)?;
    Ok(())
}

fn check_ignored(fields: &Fields) -> Result<(), Problem> {
    fields.decimal("temperature", 0.0, 2.0)?;
    fields.decimal("top_p", 0.0, 1.0)?;
    fields.count("max_tool_calls", 1, i64::MAX)?;
    fields.word("truncation", &TRUNCATIONS)?;
    fields.object("stream_options")?;
    check_metadata(fields)?;
    for name in ["user", "safety_identifier", "prompt_cache_key", "service_tier"] {
        fields.string(name)?;
    }
    Ok(())
}
