//! The config as written and as meant.

use std::collections::BTreeMap;

use serde::Deserialize;
use sluicegate_plugin::{Pointer, Problems, Schema};

use crate::Prompts;
use crate::answer::Form;
use crate::chat::{Prompt, Role};
use crate::template::Template;
use crate::variable::{Kind, Variable};

const PROMPTS_MAX: usize = 64;
const MESSAGES_MAX: usize = 64;
const VARIABLES_MAX: usize = 64;
const BYTES_MAX: usize = 1 << 20;
const OUTPUT_TOKENS_MAX: u32 = 10_000_000;

/// Prompts that are published, each at a path of its own.
#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub struct RawConfig {
    /// At least one.
    #[schema(min_items = 1, max_items = PROMPTS_MAX)]
    prompts: Vec<RawPrompt>,
}

/// A prompt: what a request to its path asks of a model.
#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct RawPrompt {
    /// The whole path of the request.
    #[schema(pattern = "^/[^?#{}]*$", example = "/summaries")]
    path: String,
    /// A model of the route, by a name that clients may call.
    #[schema(min_length = 1, example = "fast")]
    model: String,
    /// The conversation; `{{name}}` stands for the value of a variable.
    #[schema(min_items = 1, max_items = MESSAGES_MAX)]
    messages: Vec<RawMessage>,
    /// By their names: what the request's JSON object may hold.
    #[serde(default)]
    variables: BTreeMap<String, RawVariable>,
    /// What the client gets: the text with what it has used, or the text alone.
    #[serde(default)]
    #[schema(default = "json")]
    answer: Form,
    /// How freely the model chooses its words; the provider's own way unless given.
    #[schema(minimum = 0, maximum = 2, example = 0.2)]
    temperature: Option<f64>,
    /// Tokens that an answer may have.
    #[schema(minimum = 1, maximum = OUTPUT_TOKENS_MAX, example = 500)]
    max_output_tokens: Option<u32>,
}

#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct RawMessage {
    /// Who says it.
    role: Role,
    #[schema(min_length = 1, example = "Summarise this:\n\n{{text}}")]
    content: String,
}

#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct RawVariable {
    /// What it must be in the request's JSON.
    #[serde(default)]
    #[schema(default = "text")]
    r#type: Kind,
    /// Its possible values, written as text; any unless given.
    #[serde(default)]
    one_of: Vec<String>,
    /// Bytes of its text.
    #[serde(default = "bytes_max")]
    #[schema(minimum = 1, maximum = BYTES_MAX, default = 65_536)]
    max_bytes: usize,
    /// Where the request has none, written as text; without a default the request must have one.
    default: Option<String>,
}

fn bytes_max() -> usize {
    64 << 10
}

impl TryFrom<RawConfig> for Prompts {
    type Error = Problems;

    fn try_from(raw: RawConfig) -> Result<Prompts, Problems> {
        let list = Pointer::root().key("prompts");
        let mut found = Vec::new();
        if raw.prompts.is_empty() || raw.prompts.len() > PROMPTS_MAX {
            found.push(Problems::new(&list, format!("`prompts` must hold 1 to {PROMPTS_MAX} prompts.")));
        }
        let mut prompts: Vec<Prompt> = Vec::new();
        for (index, raw) in raw.prompts.into_iter().enumerate() {
            let pointer = list.index(index);
            if prompts.iter().any(|known| known.path == raw.path) {
                found.push(Problems::new(&pointer.key("path"), "Another prompt has this path."));
            }
            match prompt(raw, &pointer) {
                Ok(prompt) => prompts.push(prompt),
                Err(problems) => found.push(problems),
            }
        }
        Problems::check(found)?;
        Ok(Prompts(prompts))
    }
}

fn prompt(raw: RawPrompt, pointer: &Pointer) -> Result<Prompt, Problems> {
    let mut found = Vec::new();
    if !raw.path.starts_with('/') || raw.path.contains(['?', '#', '{', '}']) {
        let message = "`path` must start with a slash, and be without a query and without placeholders.";
        found.push(Problems::new(&pointer.key("path"), message));
    }
    if raw.model.is_empty() {
        found.push(Problems::new(&pointer.key("model"), "`model` must be the name of a model of the route."));
    }
    if raw.messages.is_empty() || raw.messages.len() > MESSAGES_MAX {
        let message = format!("`messages` must hold 1 to {MESSAGES_MAX} messages.");
        found.push(Problems::new(&pointer.key("messages"), message));
    }
    if raw.variables.len() > VARIABLES_MAX {
        let message = format!("`variables` must hold at most {VARIABLES_MAX} of them.");
        found.push(Problems::new(&pointer.key("variables"), message));
    }
    if raw.temperature.is_some_and(|temperature| !(0.0..=2.0).contains(&temperature)) {
        found.push(Problems::new(&pointer.key("temperature"), "`temperature` must be between 0 and 2."));
    }
    if raw.max_output_tokens.is_some_and(|tokens| !(1..=OUTPUT_TOKENS_MAX).contains(&tokens)) {
        let message = format!("`max_output_tokens` must be between 1 and {OUTPUT_TOKENS_MAX}.");
        found.push(Problems::new(&pointer.key("max_output_tokens"), message));
    }
    let mut variables = Vec::new();
    for (name, raw) in raw.variables {
        let pointer = pointer.key("variables").key(&name);
        match variable(name, raw) {
            Ok(variable) => variables.push(variable),
            Err((member, message)) => found.push(Problems::new(&pointer.key(member), message)),
        }
    }
    let number = |name: &str| variables.iter().position(|variable: &Variable| variable.name == name);
    let mut messages = Vec::new();
    for (index, RawMessage { role, content }) in raw.messages.into_iter().enumerate() {
        match Template::parse(&content, number) {
            Ok(template) => messages.push((role, template)),
            Err(why) => {
                let pointer = pointer.key("messages").index(index).key("content");
                found.push(Problems::new(&pointer, format!("The template cannot be read: {why}.")));
            }
        }
    }
    // A template that could not be read may have meant it.
    if found.is_empty() {
        for (number, variable) in variables.iter().enumerate() {
            if !messages.iter().any(|(_, template)| template.uses(number)) {
                let message = format!("No message uses it: write `{{{{{}}}}}` where it belongs.", variable.name);
                found.push(Problems::new(&pointer.key("variables").key(&variable.name), message));
            }
        }
    }
    Problems::check(found)?;
    let RawPrompt { path, model, answer: form, temperature, max_output_tokens, .. } = raw;
    Ok(Prompt { path, model, messages, variables, temperature, max_output_tokens, form })
}

/// Errors name the member.
fn variable(name: String, raw: RawVariable) -> Result<Variable, (&'static str, String)> {
    let RawVariable { r#type: kind, one_of, max_bytes: bytes_max, default } = raw;
    if bytes_max == 0 || bytes_max > BYTES_MAX {
        return Err(("max_bytes", format!("`max_bytes` must be between 1 and {BYTES_MAX}.")));
    }
    let variable = Variable { name, kind, one_of, bytes_max, default };
    if let Some(default) = &variable.default {
        variable.check(default).map_err(|message| ("default", format!("The default is not possible: {message}")))?;
    }
    Ok(variable)
}
