//! A request for content, read and checked in full before anything is answered.

use serde_json::Value;

use super::ApiError;
use super::content;
use super::tools;
use crate::behaviour::split_name;
use crate::json::{Fields, Problem};
use crate::model::Model;
use crate::question::{Disorder, Form, Question, Reasoning, Role, Turn, check_order};

pub const CONTENTS_MAX: usize = 10_000;
pub const STOP_SEQUENCES_MAX: usize = 5;
pub const CANDIDATES_MAX: i64 = 8;

const PARAMETERS: [&str; 10] = [
    "cachedContent",
    "contents",
    "generationConfig",
    "labels",
    "model",
    "safetySettings",
    "serviceTier",
    "systemInstruction",
    "toolConfig",
    "tools",
];

/// What the generation config knows, as of the `google-genai` Python package 3.6.
const CONFIG: [&str; 26] = [
    "audioTimestamp",
    "audioTranscriptionConfig",
    "candidateCount",
    "enableEnhancedCivicAnswers",
    "frequencyPenalty",
    "imageConfig",
    "logprobs",
    "maxOutputTokens",
    "mediaResolution",
    "modelSelectionConfig",
    "presencePenalty",
    "responseFormat",
    "responseJsonSchema",
    "responseLogprobs",
    "responseMimeType",
    "responseModalities",
    "responseSchema",
    "routingConfig",
    "seed",
    "speechConfig",
    "stopSequences",
    "temperature",
    "thinkingConfig",
    "topK",
    "topP",
    "translationConfig",
];

const MIME_TYPES: [&str; 3] = ["text/plain", "application/json", "text/x.enum"];
const LEVELS: [&str; 6] = ["THINKING_LEVEL_UNSPECIFIED", "MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"];

#[derive(Debug)]
pub struct Request {
    pub question: Question,
    pub include_thoughts: bool,
}

impl Request {
    pub fn parse(body: &Value, name: &str, verb: &str) -> Result<Request, ApiError> {
        let fields = Fields::of(body, "")?;
        fields.only(&PARAMETERS)?;
        let model = Model::named(split_name(name).0).filter(|model| model.converses());
        let model = model.ok_or_else(|| ApiError::unknown_model(split_name(name).0, verb))?;
        if fields.value("cachedContent").is_some() {
            return Err(ApiError::new(http::StatusCode::FORBIDDEN, "CachedContent not found (or permission denied)"));
        }
        let contents = fields
            .filled_array("contents", CONTENTS_MAX)
            .map_err(|problem| Problem { path: "contents".into(), ..problem })?;
        let mut turns: Vec<Turn> = Vec::new();
        if let Some(system) = fields.object("systemInstruction")? {
            turns.push(content::turn(&system, Some(Role::System))?);
        }
        for content in fields.objects_in("contents", contents)? {
            turns.push(content::turn(&content, None)?);
        }
        check_order(&turns).map_err(|disorder| out_of_order(&disorder))?;
        content::check_signatures(&fields.objects_in("contents", contents)?, model)?;
        let config = fields.object("generationConfig")?;
        let mut question = Question::new(model, turns);
        question.tools = tools::tools(&fields)?;
        question.tool_choice = tools::choice(&fields, &mut question.tools)?;
        let mut include_thoughts = false;
        if let Some(config) = config {
            include_thoughts = configure(&mut question, &config)?;
        }
        Ok(Request { question, include_thoughts })
    }
}

/// Whether thoughts are to be shown.
fn configure(question: &mut Question, config: &Fields) -> Result<bool, ApiError> {
    config.only(&CONFIG)?;
    question.stop = config.strings("stopSequences", STOP_SEQUENCES_MAX)?;
    question.choices = config.count("candidateCount", 1, CANDIDATES_MAX)?.unwrap_or(1) as u32;
    question.output_tokens_max = config.count("maxOutputTokens", 1, i64::from(i32::MAX))?;
    question.seed = config.integer("seed", i64::from(i32::MIN), i64::from(i32::MAX))?.unwrap_or(0) as u64;
    question.form = form(config)?;
    config.decimal("temperature", 0.0, 2.0)?;
    config.decimal("topP", 0.0, 1.0)?;
    config.decimal("topK", 1.0, f64::MAX)?;
    config.decimal("presencePenalty", -2.0, 2.0)?;
    config.decimal("frequencyPenalty", -2.0, 2.0)?;
    if config.flag("responseLogprobs")? || config.value("logprobs").is_some() {
        return Err(ApiError::invalid("Logprobs is not enabled for this model."));
    }
    let modalities = config.array("responseModalities")?.unwrap_or_default();
    if modalities.iter().any(|modality| modality != "TEXT") {
        return Err(ApiError::invalid("Model does not support the requested response modalities."));
    }
    thinking(question, config)
}

fn form(config: &Fields) -> Result<Form, ApiError> {
    let mime_type = config.word("responseMimeType", &MIME_TYPES)?.unwrap_or("text/plain");
    let schema = config.value("responseSchema").or(config.value("responseJsonSchema"));
    match (mime_type, schema) {
        ("text/plain", None) => Ok(Form::Text),
        ("text/plain", Some(_)) => Err(ApiError::invalid(
            "Function calling config or response schema is set with an unsupported response mime type: 'text/plain'. Set \
             response_mime_type to 'application/json'.",
        )),
        (_, None) => Ok(Form::Json),
        (_, Some(schema)) => Ok(Form::Schema(schema.clone())),
    }
}

fn thinking(question: &mut Question, config: &Fields) -> Result<bool, ApiError> {
    let Some(thinking) = config.object("thinkingConfig")? else { return Ok(false) };
    let budget = thinking.integer("thinkingBudget", -1, i64::from(i32::MAX))?;
    let level = thinking.word("thinkingLevel", &LEVELS)?;
    if budget.is_some() && level.is_some() {
        return Err(ApiError::invalid("You can only set only one of thinking budget and thinking level."));
    }
    let asks = budget.is_some_and(|budget| budget != 0) || level.is_some();
    if asks && !question.model.reasons() {
        return Err(ApiError::invalid("Thinking is not supported for this model."));
    }
    question.reasoning = match (budget, level) {
        (Some(-1), _) | (None, None | Some("THINKING_LEVEL_UNSPECIFIED")) => Reasoning::effort("medium"),
        (Some(budget), _) => Reasoning::budget(budget.unsigned_abs()),
        (None, Some(level)) => Reasoning::effort(&level.to_ascii_lowercase()),
    };
    Ok(thinking.flag("includeThoughts")?)
}

fn out_of_order(disorder: &Disorder) -> ApiError {
    ApiError::invalid(match disorder {
        Disorder::Unanswered { .. } => {
            "Please ensure that the number of function response parts is equal to the number of function call parts of the function \
             call turn."
        }
        Disorder::Unasked { .. } => {
            "Please ensure that function response turn comes immediately after a function call turn."
        }
    })
}
