//! A prompt, and the call of a model that a request makes of it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sluicegate_plugin::{Rejection, Schema, request};

use crate::answer::Form;
use crate::template::Template;
use crate::variable::Variable;

pub struct Prompt {
    /// Of the request, as the client sends it.
    pub path: String,
    pub model: String,
    pub messages: Vec<(Role, Template)>,
    pub variables: Vec<Variable>,
    pub temperature: Option<f64>,
    pub max_output_tokens: Option<u32>,
    pub form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, Schema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    System,
    User,
    Assistant,
}

/// As OpenAI's chat completions have it, which the gateway reads whatever the provider speaks.
#[derive(Serialize)]
struct Chat<'a> {
    model: &'a str,
    messages: Vec<Message>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
}

#[derive(Serialize)]
struct Message {
    role: Role,
    content: String,
}

impl Prompt {
    /// The call for a request whose body holds the values.
    pub fn call(&self, body: &[u8]) -> Result<Vec<u8>, Rejection> {
        let refuse = |message: String| Rejection::new(400, "invalid_variables", message);
        let given: Map<String, Value> = request::read_json(body)?;
        if let Some(name) = given.keys().find(|name| !self.variables.iter().any(|variable| variable.name == **name)) {
            let known: Vec<String> = self.variables.iter().map(|variable| format!("`{}`", variable.name)).collect();
            let name: String = name.chars().take(64).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(refuse(format!("There is no variable `{name}`; this prompt has {known}.")));
        }
        let values = self.variables.iter().map(|variable| variable.read(given.get(&variable.name)));
        let values = values.collect::<Result<Vec<String>, String>>().map_err(refuse)?;
        let message = |(role, template): &(Role, Template)| Message { role: *role, content: template.fill(&values) };
        let chat = Chat {
            model: &self.model,
            messages: self.messages.iter().map(message).collect(),
            temperature: self.temperature,
            max_completion_tokens: self.max_output_tokens,
        };
        serde_json::to_vec(&chat).map_err(|error| refuse(error.to_string()))
    }
}
