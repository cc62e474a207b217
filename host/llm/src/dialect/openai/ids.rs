//! Ids of answers and of calls, where the provider's are of another form or are missing.

use std::borrow::Cow;

const PREFIX: &str = "chatcmpl-";

/// Of the provider's id.
const ID_BYTES_MAX: usize = 128;

/// OpenAI's own goes on as it came; another one is put behind the prefix.
pub fn completion_id(id: &str) -> String {
    if id.starts_with(PREFIX) {
        return id.to_owned();
    }
    let kept = |character: char| if character.is_ascii_alphanumeric() || character == '_' { character } else { '-' };
    let id: String = id.chars().take(ID_BYTES_MAX).map(kept).collect();
    // Nothing here draws lots or reads a clock: an answer without an id gets one that is always the same.
    format!("{PREFIX}{}", if id.is_empty() { "0" } else { &id })
}

/// `call_0_1` is the second call of the first choice.
pub fn call_id(id: &str, choice: u32, tool: u32) -> Cow<'_, str> {
    if id.is_empty() { Cow::Owned(format!("call_{choice}_{tool}")) } else { Cow::Borrowed(id) }
}
