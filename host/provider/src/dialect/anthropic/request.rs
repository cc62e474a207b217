//! A request for a message, read and checked in full before anything is answered.

use serde_json::Value;

use super::ApiError;
use super::blocks::{self, Blocks};
use super::thinking::{self, Thinking};
use super::version::Version;
use crate::behaviour::split_name;
use crate::json::{Fields, Problem, ProblemKind};
use crate::model::Model;
use crate::model::tools::{Tool, ToolChoice};
use crate::question::{CacheRule, Disorder, Form, Part, Question, Role, Turn, check_order};

pub const MESSAGES_MAX: usize = 100_000;
pub const TOOLS_MAX: usize = 512;
pub const STOP_SEQUENCES_MAX: usize = 8_191;
pub const CACHE_MARKS_MAX: usize = 4;
const TOOL_NAME_CHARACTERS_MAX: usize = 128;
const TOOL_NAME_PATTERN: &str = "^[a-zA-Z0-9_-]{1,128}$";

/// What the messages endpoint knows, as of the `anthropic` Python package 2.14.
const PARAMETERS: [&str; 22] = [
    "cache_control",
    "container",
    "diagnostics",
    "inference_geo",
    "max_tokens",
    "messages",
    "metadata",
    "model",
    "output_config",
    "service_tier",
    "speed",
    "stop_sequences",
    "stream",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
    "user_profile_id",
    "workspace_id",
];

const ROLES: [&str; 3] = ["user", "assistant", "system"];
const CHOICES: [&str; 4] = ["auto", "any", "tool", "none"];
const EFFORTS: [&str; 5] = ["low", "medium", "high", "xhigh", "max"];
const FORMATS: [&str; 1] = ["json_schema"];

/// Where a request comes from decides what it must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    Messages(Version),
    Count(Version),
    /// Bedrock names the model in the path, and the version in the body.
    Bedrock {
        model: &'a str,
    },
}

#[derive(Debug)]
pub struct Request {
    pub question: Question,
    pub thinking: Thinking,
    pub stream: bool,
    /// What is written to the cache is to stay for an hour, not for five minutes.
    pub cached_for_an_hour: bool,
}

impl Request {
    pub fn parse(body: &Value, place: Place) -> Result<Request, ApiError> {
        let fields = Fields::of(body, "")?;
        let name = match place {
            Place::Bedrock { model } => {
                fields.required_string("anthropic_version")?;
                fields.only(&[&PARAMETERS[..], &["anthropic_version", "anthropic_beta"]].concat())?;
                model
            }
            Place::Messages(_) | Place::Count(_) => {
                fields.only(&PARAMETERS)?;
                fields.required_string("model")?
            }
        };
        let output_tokens_max = fields.count("max_tokens", 1, i64::MAX)?;
        if output_tokens_max.is_none() && !matches!(place, Place::Count(_)) {
            return Err(fields.missing("max_tokens").into());
        }
        let version = match place {
            Place::Messages(version) | Place::Count(version) => version,
            Place::Bedrock { .. } => Version::Old,
        };
        check_ignored(&fields, version)?;
        let mut blocks = Blocks::new(version);
        let turns = turns(&fields, &mut blocks)?;
        let tools = tools(&fields, &mut blocks)?;
        blocks.check()?;
        let model = Model::named(split_name(name).0).filter(|model| model.converses());
        let model = model.ok_or_else(|| ApiError::unknown_model(name))?;
        let config = fields.object("output_config")?;
        let effort = config.as_ref().map(|config| config.word("effort", &EFFORTS)).transpose()?.flatten();
        let thinking = thinking::read(&fields, model, output_tokens_max, effort)?;
        let (tool_choice, parallel_calls) = choice(&fields, &tools)?;
        thinking::check_turns(&thinking, &tool_choice, &turns)?;
        let question = Question {
            tools,
            tool_choice,
            parallel_calls,
            form: config.as_ref().map(form).transpose()?.unwrap_or_default(),
            stop: fields.strings("stop_sequences", STOP_SEQUENCES_MAX)?,
            output_tokens_max,
            reasoning: thinking.reasoning,
            cache: CacheRule::Marked,
            ..Question::new(model, turns)
        };
        Ok(Request {
            question,
            thinking,
            stream: fields.flag("stream")?,
            cached_for_an_hour: blocks.cached_for_an_hour,
        })
    }
}

fn turns(fields: &Fields, blocks: &mut Blocks) -> Result<Vec<Turn>, ApiError> {
    let messages = fields.array_up_to("messages", MESSAGES_MAX)?.ok_or_else(|| fields.missing("messages"))?;
    if messages.is_empty() {
        return Err(ApiError::at("messages", "at least one message is required"));
    }
    let mut turns = Vec::new();
    if fields.value("system").is_some() {
        turns.push(Turn::new(Role::System, blocks.read(fields, "system", Role::System)?));
    }
    let first = turns.len();
    for (index, message) in fields.objects_in("messages", messages)?.iter().enumerate() {
        message.only(&["role", "content"])?;
        let role = match message.required_word("role", &ROLES)? {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            _ => Role::System,
        };
        let parts = blocks.read(message, "content", role)?;
        if parts.is_empty() && (role != Role::Assistant || index + 1 < messages.len()) {
            let rule = "all messages must have non-empty content except for the optional final assistant message";
            return Err(ApiError::at(&format!("messages.{index}"), rule));
        }
        turns.push(Turn::new(role, parts));
    }
    if turns.get(first).is_some_and(|turn| turn.role == Role::Assistant) {
        return Err(ApiError::at("messages", "first message must use the \"user\" role"));
    }
    if let Some(Turn { role: Role::Assistant, parts }) = turns.last()
        && let Some(Part::Text(text)) = parts.last()
        && text.ends_with(char::is_whitespace)
    {
        return Err(ApiError::at("messages", "final assistant content cannot end with trailing whitespace"));
    }
    check_order(&turns).map_err(|disorder| out_of_order(&disorder, first))?;
    if let Some(mark) = blocks::top_level_mark(fields, blocks)?
        && let Some(last) = turns.last_mut()
    {
        last.parts.push(mark);
    }
    Ok(turns)
}

fn out_of_order(disorder: &Disorder, first: usize) -> ApiError {
    match disorder {
        Disorder::Unanswered { turn, ids } => ApiError::at(
            &format!("messages.{}", turn - first),
            &format!(
                "`tool_use` ids were found without `tool_result` blocks immediately after: {}. Each `tool_use` block must have a \
                 corresponding `tool_result` block in the next message.",
                ids.join(", ")
            ),
        ),
        Disorder::Unasked { turn, id } => ApiError::at(
            &format!("messages.{}.content.0", turn - first),
            &format!(
                "unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` block must have a corresponding \
                 `tool_use` block in the previous message."
            ),
        ),
    }
}

fn tools(fields: &Fields, blocks: &mut Blocks) -> Result<Vec<Tool>, ApiError> {
    let mut tools: Vec<Tool> = Vec::new();
    for tool in fields.objects("tools", TOOLS_MAX)? {
        if tool.string("type")?.is_some_and(|kind| kind != "custom") {
            return Err(ApiError::at(
                &tool.path("type").replace('[', ".").replace(']', ""),
                "This model does not support server tools.",
            ));
        }
        let name = tool.required_string("name")?;
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if name.is_empty() || name.len() > TOOL_NAME_CHARACTERS_MAX || !name.bytes().all(fits) {
            let kind = ProblemKind::Pattern { got: name.to_owned(), pattern: TOOL_NAME_PATTERN };
            return Err(Problem::new(tool.path("name"), kind).into());
        }
        if tools.iter().any(|other| other.name == name) {
            return Err(ApiError::at("tools", "Tool names must be unique."));
        }
        let schema = tool.required_object("input_schema")?;
        if schema.required_string("type")? != "object" {
            return Err(Problem::choice(schema.path("type"), "", &["object"]).into());
        }
        tools.push(Tool {
            name: name.to_owned(),
            description: tool.string("description")?.unwrap_or_default().to_owned(),
            parameters: tool.value("input_schema").cloned().unwrap_or_default(),
            marked: blocks.mark(&tool)?.is_some(),
        });
    }
    Ok(tools)
}

/// And whether several calls may be made at once.
fn choice(fields: &Fields, tools: &[Tool]) -> Result<(ToolChoice, bool), ApiError> {
    let Some(choice) = fields.object("tool_choice")? else { return Ok((ToolChoice::Auto, true)) };
    let parallel = !choice.flag("disable_parallel_tool_use")?;
    let kind = choice.required_word("type", &CHOICES)?;
    if tools.is_empty() && kind != "none" {
        return Err(ApiError::at("tool_choice", "tool_choice may only be specified while providing tools"));
    }
    let choice = match kind {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        _ => {
            let name = choice.required_string("name")?;
            if !tools.iter().any(|tool| tool.name == name) {
                return Err(ApiError::invalid(&format!("Tool '{name}' not found in provided tools")));
            }
            ToolChoice::Named(name.to_owned())
        }
    };
    Ok((choice, parallel))
}

fn form(config: &Fields) -> Result<Form, Problem> {
    let Some(format) = config.object("format")? else { return Ok(Form::Text) };
    format.required_word("type", &FORMATS)?;
    format.required_object("schema")?;
    Ok(Form::Schema(format.value("schema").cloned().unwrap_or_default()))
}

/// Parameters that are checked and then change nothing, since the answer does not depend on sampling.
fn check_ignored(fields: &Fields, version: Version) -> Result<(), Problem> {
    let removed = ["temperature", "top_p", "top_k"].into_iter().find(|name| fields.value(name).is_some());
    if let Some(removed) = removed.filter(|_| version == Version::New) {
        return Err(Problem::new(removed, ProblemKind::Unknown));
    }
    fields.decimal("temperature", 0.0, 1.0)?;
    fields.decimal("top_p", 0.0, 1.0)?;
    fields.integer("top_k", 0, i64::MAX)?;
    fields.word("service_tier", &["auto", "standard_only"])?;
    if let Some(metadata) = fields.object("metadata")? {
        metadata.only(&["user_id"])?;
        metadata.string("user_id")?;
    }
    Ok(())
}
