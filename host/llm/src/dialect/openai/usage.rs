//! The figures of usage, as OpenAI counts them and as other vendors put them elsewhere.

use serde::Serialize;

use crate::json::{Document, Value};
use crate::usage::Usage;

/// Of an answer or a chunk: in `usage`, or where Groq's streams have it.
pub fn of(root: &Value, document: &Document) -> Option<Usage> {
    let groq = || root.get("x_groq").and_then(|groq| groq.get("usage"));
    let value = root.get("usage").filter(|usage| !usage.is_null()).or_else(groq)?;
    let count = |value: &Value, name: &str| value.get(name).and_then(Value::as_u64);
    let detail = |group: &str, name: &str| value.get(group).and_then(|group| count(group, name));
    let (input, output) = (count(value, "prompt_tokens"), count(value, "completion_tokens"));
    if input.is_none() && output.is_none() {
        return None;
    }
    let input_tokens = input.unwrap_or_default();
    // Some vendors leave the output out of an embedding's figures, or out of the total.
    let rest = || count(value, "total_tokens").unwrap_or_default().saturating_sub(input_tokens);
    // DeepSeek's name is the second.
    let cached = detail("prompt_tokens_details", "cached_tokens").or_else(|| count(value, "prompt_cache_hit_tokens"));
    Some(Usage {
        input_tokens,
        cache_read_tokens: cached.unwrap_or_default(),
        cache_write_tokens: detail("prompt_tokens_details", "cache_write_tokens").unwrap_or_default(),
        output_tokens: output.unwrap_or_else(rest),
        reasoning_tokens: detail("completion_tokens_details", "reasoning_tokens"),
        raw: Some(document.raw(value).to_owned()),
    })
}

#[derive(Serialize)]
pub struct Written {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: PromptDetails,
    #[serde(skip_serializing_if = "Option::is_none")]
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Serialize)]
struct PromptDetails {
    cached_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    cache_write_tokens: u64,
}

#[derive(Serialize)]
struct CompletionDetails {
    reasoning_tokens: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl From<&Usage> for Written {
    fn from(usage: &Usage) -> Written {
        Written {
            prompt_tokens: usage.input_tokens,
            completion_tokens: usage.output_tokens,
            total_tokens: usage.total_tokens(),
            prompt_tokens_details: PromptDetails {
                cached_tokens: usage.cache_read_tokens,
                cache_write_tokens: usage.cache_write_tokens,
            },
            completion_tokens_details: usage
                .reasoning_tokens
                .map(|reasoning_tokens| CompletionDetails { reasoning_tokens }),
        }
    }
}
