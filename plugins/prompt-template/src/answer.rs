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
    content: Option<Content>,
    refusal: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    /// Mistral's models that think answer in parts.
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Part {
    Text {
        text: String,
    },
    /// Thoughts, and what a vendor may add.
    #[serde(other)]
    Other,
}

/// Some vendors leave a figure out.
#[derive(Deserialize)]
struct Figures {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
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

/// None where the completion has no text. `model` is the name that the route has for it: the provider's own may differ from target to
/// target, and is none of the client's business.
pub fn write(form: Form, model: &str, completion: &[u8]) -> Option<Vec<u8>> {
    let completion: Completion = serde_json::from_slice(completion).ok()?;
    let Choice { message, finish_reason } = completion.choices.into_iter().next()?;
    let text = message.content.and_then(Content::text).or(message.refusal)?;
    match form {
        Form::Text => Some(text.into_bytes()),
        Form::Json => serde_json::to_vec(&Answer {
            text: &text,
            model,
            finish_reason: finish_reason.as_deref(),
            usage: completion.usage.and_then(Figures::usage),
        })
        .ok(),
    }
}

impl Content {
    /// None where no part is a text.
    fn text(self) -> Option<String> {
        let parts = match self {
            Content::Text(text) => return Some(text),
            Content::Parts(parts) => parts,
        };
        let texts = parts.into_iter().filter_map(|part| if let Part::Text { text } = part { Some(text) } else { None });
        texts.reduce(|said, text| said + &text)
    }
}

impl Figures {
    /// None where there is no figure at all.
    fn usage(self) -> Option<Usage> {
        let (input, output) = (self.prompt_tokens, self.completion_tokens);
        input.or(output)?;
        Some(Usage { input_tokens: input.unwrap_or(0), output_tokens: output.unwrap_or(0) })
    }
}
