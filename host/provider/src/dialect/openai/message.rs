//! The messages of a chat request: their roles, texts and what they cost in tokens.

use serde_json::Value;

use super::error::ApiError;
use super::field::{Fields, invalid_type, invalid_value};
use crate::tokens;

const TOKENS_PER_MESSAGE: u64 = 4;
const TOKENS_PER_PROMPT: u64 = 2;
const TOKENS_PER_OTHER_PART: u64 = 85;

const ROLES: [&str; 6] = ["system", "developer", "user", "assistant", "tool", "function"];
const PART_TYPES: [&str; 5] = ["text", "refusal", "image_url", "input_audio", "file"];

#[derive(Debug, Default)]
pub struct Conversation {
    /// Empty if the user said nothing.
    pub last_user_text: String,
    pub tokens: u64,
}

impl Conversation {
    pub fn read(messages: &[Value]) -> Result<Conversation, ApiError> {
        let mut conversation = Conversation { tokens: TOKENS_PER_PROMPT, ..Conversation::default() };
        for (index, message) in messages.iter().enumerate() {
            let fields = Fields::of(message, &format!("messages[{index}]"))?;
            let role = role(&fields)?;
            let content = Content::read(&fields, role)?;
            conversation.tokens += TOKENS_PER_MESSAGE + content.tokens + other_tokens(&fields)?;
            if role == "user" {
                conversation.last_user_text = content.text;
            }
        }
        Ok(conversation)
    }
}

fn role<'a>(fields: &Fields<'a>) -> Result<&'a str, ApiError> {
    let role = fields.required_string("role")?;
    if !ROLES.contains(&role) {
        return Err(invalid_value(&fields.param("role"), role, &ROLES));
    }
    if role == "tool" {
        fields.required_string("tool_call_id")?;
    }
    Ok(role)
}

/// Besides the content: a name, a refusal and calls of tools.
fn other_tokens(fields: &Fields<'_>) -> Result<u64, ApiError> {
    let mut sum = 0;
    for name in ["name", "refusal"] {
        sum += fields.string(name)?.map_or(0, tokens::count);
    }
    for (index, call) in fields.array("tool_calls")?.unwrap_or_default().iter().enumerate() {
        let call = Fields::of(call, &format!("{}[{index}]", fields.param("tool_calls")))?;
        if let Some(function) = call.object("function")? {
            sum += tokens::count(function.required_string("name")?);
            sum += function.string("arguments")?.map_or(0, tokens::count);
        }
    }
    Ok(sum)
}

#[derive(Default)]
struct Content {
    text: String,
    tokens: u64,
}

impl Content {
    fn read(fields: &Fields<'_>, role: &str) -> Result<Content, ApiError> {
        let param = fields.param("content");
        match fields.value("content") {
            Some(Value::String(text)) => Ok(Content { text: text.clone(), tokens: tokens::count(text) }),
            Some(Value::Array(parts)) => Content::read_parts(parts, &param),
            // An assistant that called tools or refused said nothing else.
            None if role == "assistant" => Ok(Content::default()),
            None => Err(ApiError::missing(&param)),
            Some(other) => Err(invalid_type(&param, "one of a string or array of objects", other)),
        }
    }

    fn read_parts(parts: &[Value], param: &str) -> Result<Content, ApiError> {
        let mut content = Content::default();
        for (index, part) in parts.iter().enumerate() {
            let part = Fields::of(part, &format!("{param}[{index}]"))?;
            match part.required_string("type")? {
                kind @ ("text" | "refusal") => {
                    let text = part.required_string(kind)?;
                    content.text.push_str(text);
                    content.tokens += tokens::count(text);
                }
                kind if PART_TYPES.contains(&kind) => content.tokens += TOKENS_PER_OTHER_PART,
                kind => return Err(invalid_value(&part.param("type"), kind, &PART_TYPES)),
            }
        }
        Ok(content)
    }
}
