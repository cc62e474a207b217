//! A request to converse, read and checked in full before anything is answered.

use serde_json::Value;

use super::ApiError;
use super::blocks::Blocks;
use crate::behaviour::split_name;
use crate::json::{Fields, Problem, ProblemKind};
use crate::model::Model;
use crate::model::tools::{Tool, ToolChoice};
use crate::question::{CacheRule, Disorder, Form, Part, Question, Reasoning, Role, Turn, check_order};

pub const MESSAGES_MAX: usize = 100_000;
pub const TOOLS_MAX: usize = 512;
pub const STOP_SEQUENCES_MAX: usize = 2_500;
const TOOL_NAME_CHARACTERS_MAX: usize = 64;
const TOOL_NAME_PATTERN: &str = "[a-zA-Z0-9_-]+";

/// What `Converse` knows, as of the `botocore` Python package 1.44; unknown members are passed over, as AWS does.
const ROLES: [&str; 3] = ["user", "assistant", "system"];
const EFFORTS: [&str; 5] = ["low", "medium", "high", "xhigh", "max"];

#[derive(Debug)]
pub struct Request {
    pub question: Question,
    /// What is written to the cache is to stay for an hour, not for five minutes.
    pub cached_for_an_hour: bool,
}

impl Request {
    pub fn parse(body: &Value, name: &str) -> Result<Request, ApiError> {
        let fields = Fields::of(body, "")?;
        let model = Model::named(split_name(name).0).filter(|model| model.converses());
        let model = model.ok_or_else(ApiError::unknown_model)?;
        let mut blocks = Blocks::default();
        let mut turns = Vec::new();
        if fields.value("system").is_some() {
            turns.push(Turn::new(Role::System, blocks.read(&fields, "system", Role::System)?));
        }
        let first = turns.len();
        let messages = fields.array_up_to("messages", MESSAGES_MAX)?.ok_or_else(|| fields.missing("messages"))?;
        for message in fields.objects_in("messages", messages)? {
            turns.push(turn(&message, &mut blocks)?);
        }
        check_conversation(&turns, first)?;
        let mut question = Question { cache: CacheRule::Marked, ..Question::new(model, turns) };
        question.reasoning = Reasoning::Off;
        tools(&mut question, &fields, &mut blocks)?;
        infer(&mut question, &fields)?;
        output(&mut question, &fields)?;
        Ok(Request { question, cached_for_an_hour: blocks.cached_for_an_hour })
    }
}

fn turn(message: &Fields, blocks: &mut Blocks) -> Result<Turn, ApiError> {
    let role = match message.required_word("role", &ROLES)? {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        _ => Role::System,
    };
    let parts = blocks.read(message, "content", role)?;
    if parts.is_empty() {
        let place = Problem::missing(message.own_path()).dotted_path();
        return Err(ApiError::validation(&format!(
            "The content field in the Message object at {place} is empty. Add a ContentBlock object to the content field and try again."
        )));
    }
    Ok(Turn::new(role, parts))
}

fn check_conversation(turns: &[Turn], first: usize) -> Result<(), ApiError> {
    let said = turns.get(first..).unwrap_or_default();
    if said.first().is_none_or(|turn| turn.role != Role::User) {
        return Err(ApiError::validation(
            "A conversation must start with a user message. Try again with a conversation that starts with a user message.",
        ));
    }
    if said.windows(2).any(|pair| matches!(pair, [one, other] if one.role == other.role)) {
        return Err(ApiError::validation(
            "A conversation must alternate between user and assistant roles. Make sure the conversation alternates between user and \
             assistant roles and try again.",
        ));
    }
    check_order(turns).map_err(|disorder| match disorder {
        Disorder::Unanswered { turn, ids } => ApiError::validation(&format!(
            "Expected toolResult blocks at messages.{}.content for the following Ids: {}",
            turn + 1 - first,
            ids.join(", ")
        )),
        Disorder::Unasked { turn, .. } => ApiError::validation(&format!(
            "The number of toolResult blocks at messages.{}.content exceeds the number of toolUse blocks of previous turn.",
            turn - first
        )),
    })
}

fn tools(question: &mut Question, fields: &Fields, blocks: &mut Blocks) -> Result<(), ApiError> {
    let Some(config) = fields.object("toolConfig")? else {
        let uses = |part: &Part| matches!(part, Part::Call { .. } | Part::Result { .. });
        if question.turns.iter().flat_map(|turn| &turn.parts).any(uses) {
            return Err(ApiError::validation(
                "The toolConfig field must be defined when using toolUse and toolResult content blocks.",
            ));
        }
        return Ok(());
    };
    for entry in config.objects_in("tools", config.filled_array("tools", TOOLS_MAX)?)? {
        if entry.value("cachePoint").is_some() {
            blocks.mark(&entry)?;
            question.tools.last_mut().into_iter().for_each(|tool| tool.marked = true);
        } else {
            question.tools.push(tool(&entry.required_object("toolSpec")?)?);
        }
    }
    let Some(choice) = config.object("toolChoice")? else { return Ok(()) };
    question.tool_choice = if let Some(named) = choice.object("tool")? {
        let name = named.required_string("name")?;
        if !question.tools.iter().any(|tool| tool.name == name) {
            return Err(ApiError::validation(&format!(
                "The toolChoice names a tool that is not in toolConfig.tools: {name}"
            )));
        }
        ToolChoice::Named(name.to_owned())
    } else if choice.object("any")?.is_some() {
        ToolChoice::Required
    } else {
        choice.required_object("auto")?;
        ToolChoice::Auto
    };
    Ok(())
}

fn tool(spec: &Fields) -> Result<Tool, Problem> {
    let name = spec.required_string("name")?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if name.is_empty() || name.len() > TOOL_NAME_CHARACTERS_MAX || !name.bytes().all(fits) {
        let kind = ProblemKind::Pattern { got: name.to_owned(), pattern: TOOL_NAME_PATTERN };
        return Err(Problem::new(spec.path("name"), kind));
    }
    let schema = spec.required_object("inputSchema")?;
    schema.required_object("json")?;
    Ok(Tool {
        name: name.to_owned(),
        description: spec.string("description")?.unwrap_or_default().to_owned(),
        parameters: schema.value("json").cloned().unwrap_or_default(),
        marked: false,
    })
}

fn infer(question: &mut Question, fields: &Fields) -> Result<(), ApiError> {
    if let Some(config) = fields.object("inferenceConfig")? {
        question.output_tokens_max = config.count("maxTokens", 1, i64::from(i32::MAX))?;
        question.stop = config.strings("stopSequences", STOP_SEQUENCES_MAX)?;
        config.decimal("temperature", 0.0, 1.0)?;
        config.decimal("topP", 0.0, 1.0)?;
    }
    // The model's own parameters, as Anthropic has them.
    let Some(additional) = fields.object("additionalModelRequestFields")? else { return Ok(()) };
    let thinking = additional.object("thinking")?.or(additional.object("reasoning_config")?);
    if let Some(thinking) = thinking
        && thinking.required_string("type")? != "disabled"
    {
        if !question.model.reasons() {
            return Err(ApiError::validation(&format!("'{}' does not support thinking.", question.model.name())));
        }
        question.reasoning = match thinking.count("budget_tokens", 1_024, i64::from(i32::MAX))? {
            Some(budget) => Reasoning::budget(budget),
            None => Reasoning::effort("medium"),
        };
    }
    Ok(())
}

fn output(question: &mut Question, fields: &Fields) -> Result<(), ApiError> {
    let Some(config) = fields.object("outputConfig")? else { return Ok(()) };
    if let Some(effort) = config.word("effort", &EFFORTS)?
        && question.model.reasons()
    {
        question.reasoning = Reasoning::effort(effort);
    }
    let Some(format) = config.object("textFormat")? else { return Ok(()) };
    format.required_word("type", &["json_schema"])?;
    let definition = format.required_object("structure")?.required_object("jsonSchema")?;
    let schema = serde_json::from_str(definition.required_string("schema")?)
        .map_err(|_| ApiError::validation("outputConfig.textFormat.structure.jsonSchema.schema is not valid JSON."))?;
    question.form = Form::Schema(schema);
    Ok(())
}
