//! The answer in one piece, and the parts that a stream shares with it.

use super::request::Request;
use super::thinking::REDACTION_TRIGGER;
use crate::answer::{Answer, Choice, Finish, Usage};
use crate::dialect::reply::request_id;
use crate::json::{Json, Object, object};
use crate::model::REFUSAL;
use crate::model::tools::Call;
use crate::seal;

pub fn request_id_of(bytes: &[u8]) -> String {
    request_id(bytes)
}

pub fn render(request: &Request, answer: &Answer) -> Json {
    let choice = answer.choices.first();
    let content = choice.map(|choice| content(request, choice)).unwrap_or_default();
    head(answer)
        .member("content", &content)
        .member("stop_reason", &choice.map(stop_reason))
        .member("stop_sequence", &choice.and_then(stop_sequence))
        .member("stop_details", &choice.and_then(stop_details))
        .member("usage", &usage(request, answer.usage))
        .json()
}

/// The members in front of the content.
pub fn head(answer: &Answer) -> Object {
    Object::new()
        .member("model", answer.model.name())
        .member("id", &format!("msg_{:016x}", answer.fingerprint))
        .member("type", "message")
        .member("role", "assistant")
}

fn content(request: &Request, choice: &Choice) -> Vec<Json> {
    let thought = (!choice.reasoning.is_empty()).then(|| thought(request, choice));
    let text = (!choice.text.is_empty()).then(|| object! { "type": "text", "text": choice.text });
    let calls = choice.calls.iter().map(|call| tool_use(call, &call.arguments));
    thought.into_iter().chain(text).chain(calls).collect()
}

fn thought(request: &Request, choice: &Choice) -> Json {
    if is_redacted(request) {
        return redacted(&choice.reasoning);
    }
    let shown = if request.thinking.omitted { "" } else { &choice.reasoning };
    object! { "type": "thinking", "thinking": shown, "signature": seal::seal(&choice.reasoning) }
}

pub fn is_redacted(request: &Request) -> bool {
    request.question.last_user_text().contains(REDACTION_TRIGGER)
}

pub fn redacted(reasoning: &str) -> Json {
    object! { "type": "redacted_thinking", "data": seal::seal(reasoning) }
}

pub fn tool_use(call: &Call, input: &serde_json::Value) -> Json {
    object! { "type": "tool_use", "id": format!("toolu_{:016x}", call.id), "name": call.name, "input": input }
}

pub fn stop_reason(choice: &Choice) -> &'static str {
    match choice.finish {
        Finish::Stop => "end_turn",
        Finish::StopString(_) => "stop_sequence",
        Finish::Length => "max_tokens",
        Finish::Calls => "tool_use",
        Finish::Refusal => "refusal",
    }
}

pub fn stop_sequence(choice: &Choice) -> Option<&str> {
    match &choice.finish {
        Finish::StopString(stop) => Some(stop),
        _ => None,
    }
}

pub fn stop_details(choice: &Choice) -> Option<Json> {
    (choice.finish == Finish::Refusal)
        .then(|| object! { "type": "refusal", "category": "general_harms", "explanation": REFUSAL })
}

/// What the cache had and got stands apart from the rest of the input.
pub fn usage(request: &Request, usage: Usage) -> Json {
    let (short, long) = if request.cached_for_an_hour { (0, usage.cache_write) } else { (usage.cache_write, 0) };
    object! {
        "input_tokens": usage.input - usage.cache_read - usage.cache_write,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation": object! { "ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long },
        "output_tokens": usage.output,
        "output_tokens_details": object! { "thinking_tokens": usage.reasoning },
        "service_tier": "standard",
    }
}
