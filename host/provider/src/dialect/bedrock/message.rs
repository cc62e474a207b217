//! The answer in one piece, and the parts that a stream shares with it.

use super::LATENCY_MS;
use super::request::Request;
use crate::answer::{Answer, Choice, Finish, Usage};
use crate::json::{Json, Object, object};
use crate::model::tools::Call;
use crate::seal;

pub fn render(request: &Request, answer: &Answer) -> Json {
    let choice = answer.choices.first();
    let content = choice.map(content).unwrap_or_default();
    let message = object! { "role": "assistant", "content": content };
    object! {
        "metrics": object! { "latencyMs": LATENCY_MS },
        "output": object! { "message": message },
        "stopReason": choice.map(stop_reason),
        "usage": usage(request, answer.usage),
    }
}

fn content(choice: &Choice) -> Vec<Json> {
    let thought = (!choice.reasoning.is_empty()).then(|| {
        let text = object! { "text": choice.reasoning, "signature": seal::seal(&choice.reasoning) };
        object! { "reasoningContent": object! { "reasoningText": text } }
    });
    let text = (!choice.text.is_empty()).then(|| object! { "text": choice.text });
    let calls = choice.calls.iter().map(|call| {
        object! { "toolUse": object! { "toolUseId": tool_use_id(call), "name": call.name, "input": call.arguments } }
    });
    thought.into_iter().chain(text).chain(calls).collect()
}

pub fn tool_use_id(call: &Call) -> String {
    format!("tooluse_{:016x}", call.id)
}

pub fn stop_reason(choice: &Choice) -> &'static str {
    match choice.finish {
        Finish::Stop => "end_turn",
        Finish::StopString(_) => "stop_sequence",
        Finish::Length => "max_tokens",
        Finish::Calls => "tool_use",
        Finish::Refusal => "content_filtered",
    }
}

/// What the cache had and got stands apart from the rest of the input.
pub fn usage(request: &Request, usage: Usage) -> Json {
    let ttl = if request.cached_for_an_hour { "1h" } else { "5m" };
    let written = (usage.cache_write > 0).then(|| [object! { "ttl": ttl, "inputTokens": usage.cache_write }]);
    Object::new()
        .member("inputTokens", &(usage.input - usage.cache_read - usage.cache_write))
        .member("outputTokens", &usage.output)
        .member("totalTokens", &(usage.input + usage.output))
        .member("cacheReadInputTokens", &usage.cache_read)
        .member("cacheWriteInputTokens", &usage.cache_write)
        .optional("cacheDetails", written.as_ref())
        .json()
}
