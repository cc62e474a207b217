//! What the client gets of a model's answer.

use serde::{Deserialize, Serialize};
use sluicegate_plugin::Schema;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Schema)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// `{"text": …, "model": …, "finish_reason": …, "usage": {"input_tokens": …, "output_tokens": …}}`
    #[default]
    Json,
    /// The text and nothing else.
    Text,
}

#[derive(Deserialize)]
struct Completion {
    model: String,
    choices: Vec<Choice>,
    usage: Option<Figures>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
    refusal: Option<String>,
}

#[derive(Deserialize)]
struct Figures {
    prompt_tokens: u64,
    completion_tokens: u64,
}

#[derive(Serialize)]
struct Answer<'a> {
    text: &'a str,
    model: &'a str,
    finish_reason: Option<&'a str>,
    usage: Option<Usage>,
}

#[derive(Serialize)]
struct Usage {
    input_tokens: u64,
    output_tokens: u64,
}

/// None where the completion has no text.
pub fn write(form: Form, completion: &[u8]) -> Option<Vec<u8>> {
    let completion: Completion = serde_json::from_slice(completion).ok()?;
    let choice = completion.choices.first()?;
    let text = choice.message.content.as_deref().or(choice.message.refusal.as_deref())?;
    match form {
        Form::Text => Some(text.as_bytes().to_vec()),
        Form::Json => serde_json::to_vec(&Answer {
            text,
            model: &completion.model,
            finish_reason: choice.finish_reason.as_deref(),
            usage: completion
                .usage
                .map(|figures| Usage { input_tokens: figures.prompt_tokens, output_tokens: figures.completion_tokens }),
        })
        .ok(),
    }
}
