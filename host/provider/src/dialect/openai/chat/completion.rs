//! The answer in one piece, and the parts that a stream shares with it.

use crate::answer::{Answer, Choice, Finish, Usage};
use crate::dialect::azure::filter;
use crate::dialect::openai::created;
use crate::json::{Json, Object, object};
use crate::model::tools;

pub const SYSTEM_FINGERPRINT: &str = "fp_sluicegate";
pub const SERVICE_TIER: &str = "default";

pub fn render(answer: &Answer, filtered: bool) -> Json {
    let choices: Vec<Json> =
        answer.choices.iter().enumerate().map(|(index, choice)| self::choice(index, choice, filtered)).collect();
    Object::new()
        .member("id", &id(answer))
        .member("object", "chat.completion")
        .member("created", &created(answer.fingerprint))
        .member("model", answer.model.name())
        .member("choices", &choices)
        .member("usage", &usage(answer.usage))
        .member("service_tier", SERVICE_TIER)
        .member("system_fingerprint", SYSTEM_FINGERPRINT)
        .optional("prompt_filter_results", filtered.then(filter::prompt).as_ref())
        .json()
}

fn choice(index: usize, choice: &Choice, filtered: bool) -> Json {
    let calls: Vec<Json> = choice.calls.iter().map(call).collect();
    let text = content(choice).map(|_| &choice.text);
    let message = Object::new()
        .member("role", "assistant")
        .member("content", &text)
        .member("refusal", &choice.refused.then_some(&choice.text))
        .member("annotations", &[(); 0])
        .optional("tool_calls", (!calls.is_empty()).then_some(&calls));
    Object::new()
        .member("index", &index)
        .member("message", &message.json())
        .member("logprobs", &())
        .member("finish_reason", finish_reason(choice))
        .optional("content_filter_results", filtered.then(filter::answer).as_ref())
        .json()
}

/// What a message has as its content: nothing in a refusal, and nothing beside calls if nothing is said.
pub fn content(choice: &Choice) -> Option<&str> {
    let silent = choice.refused || (choice.text.is_empty() && !choice.calls.is_empty());
    (!silent).then_some(choice.text.as_str())
}

fn call(call: &tools::Call) -> Json {
    let function = object! { "name": call.name, "arguments": call.arguments.to_string() };
    object! { "id": call_id(call), "type": "function", "function": function }
}

pub fn call_id(call: &tools::Call) -> String {
    format!("call_{:016x}", call.id)
}

pub fn id(answer: &Answer) -> String {
    format!("chatcmpl-{:016x}", answer.fingerprint)
}

pub fn finish_reason(choice: &Choice) -> &'static str {
    match choice.finish {
        Finish::Stop | Finish::StopString(_) | Finish::Refusal => "stop",
        Finish::Length => "length",
        Finish::Calls => "tool_calls",
    }
}

pub fn usage(usage: Usage) -> Json {
    let prompt = object! {
        "cached_tokens": usage.cache_read, "audio_tokens": 0, "cache_write_tokens": usage.cache_write,
    };
    let completion = object! {
        "reasoning_tokens": usage.reasoning,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    };
    object! {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": prompt,
        "completion_tokens_details": completion,
    }
}
