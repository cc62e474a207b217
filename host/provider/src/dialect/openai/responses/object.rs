//! The response as an object: what was asked, the items of the answer, and what they cost.

use serde_json::Value;

use super::request::ResponseRequest;
use crate::answer::{Answer, Choice, Finish};
use crate::dialect::openai::created;
use crate::json::{Json, Object, object};
use crate::model::tools::Call;
use crate::question::Part;
use crate::seal;

/// One of the things that an answer consists of, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    Reasoning,
    Message,
    /// By its place among the calls.
    Call(usize),
}

pub fn id(answer: &Answer) -> String {
    format!("resp_{:016x}", answer.fingerprint)
}

pub fn item_id(answer: &Answer, item: Item) -> String {
    match item {
        Item::Reasoning => format!("rs_{:016x}", answer.fingerprint),
        Item::Message => format!("msg_{:016x}", answer.fingerprint),
        Item::Call(index) => format!("fc_{:016x}_{index}", answer.fingerprint),
    }
}

/// The one choice that a response has.
pub fn choice(answer: &Answer) -> Option<&Choice> {
    answer.choices.first()
}

pub fn items(answer: &Answer) -> Vec<Item> {
    let Some(choice) = choice(answer) else { return Vec::new() };
    let mut items = Vec::new();
    if !choice.reasoning.is_empty() {
        items.push(Item::Reasoning);
    }
    // An answer that says nothing at all still has its message, unless it was cut while it was thought over.
    if !choice.text.is_empty() || (choice.calls.is_empty() && choice.finish != Finish::Length) {
        items.push(Item::Message);
    }
    items.extend((0..choice.calls.len()).map(Item::Call));
    items
}

/// What a later turn sees of the answer.
pub fn said(answer: &Answer) -> Vec<Part> {
    let Some(choice) = choice(answer) else { return Vec::new() };
    let call =
        |call: &Call| Part::Call { id: call_id(call), name: call.name.clone(), arguments: call.arguments.to_string() };
    let text = (!choice.text.is_empty()).then(|| Part::Text(choice.text.clone()));
    text.into_iter().chain(choice.calls.iter().map(call)).collect()
}

pub fn call_id(call: &Call) -> String {
    format!("call_{:016x}", call.id)
}

pub fn whole(request: &ResponseRequest, answer: &Answer) -> Json {
    let output: Vec<Json> = items(answer).into_iter().map(|item| self::item(request, answer, item)).collect();
    response(request, answer, Some(&output))
}

/// Without output it has only begun.
pub fn response(request: &ResponseRequest, answer: &Answer, output: Option<&[Json]>) -> Json {
    let cut = choice(answer).is_some_and(|choice| choice.finish == Finish::Length);
    let status = match output {
        None => "in_progress",
        Some(_) if cut => "incomplete",
        Some(_) => "completed",
    };
    let incomplete = (cut && output.is_some()).then(|| object! { "reason": "max_output_tokens" });
    let asked = |name: &str, default: Value| {
        request.body.get(name).filter(|value| !value.is_null()).cloned().unwrap_or(default)
    };
    let text = asked("text", serde_json::json!({ "format": { "type": "text" } }));
    Object::new()
        .member("id", &id(answer))
        .member("object", "response")
        .member("created_at", &created(answer.fingerprint))
        .member("status", status)
        .member("background", &false)
        .member("error", &())
        .member("incomplete_details", &incomplete)
        .member("instructions", &asked("instructions", Value::Null))
        .member("max_output_tokens", &asked("max_output_tokens", Value::Null))
        .member("max_tool_calls", &asked("max_tool_calls", Value::Null))
        .member("model", answer.model.name())
        .member("output", output.unwrap_or_default())
        .member("parallel_tool_calls", &request.question.parallel_calls)
        .member("previous_response_id", &asked("previous_response_id", Value::Null))
        .member("prompt_cache_key", &asked("prompt_cache_key", Value::Null))
        .member("reasoning", &asked("reasoning", serde_json::json!({ "effort": null, "summary": null })))
        .member("safety_identifier", &asked("safety_identifier", Value::Null))
        .member("service_tier", "default")
        .member("store", &request.store)
        .member("temperature", &asked("temperature", 1.0.into()))
        .member("text", &text)
        .member("tool_choice", &asked("tool_choice", "auto".into()))
        .member("tools", &asked("tools", Value::Array(Vec::new())))
        .member("top_logprobs", &0)
        .member("top_p", &asked("top_p", 1.0.into()))
        .member("truncation", &asked("truncation", "disabled".into()))
        .member("usage", &output.map(|_| usage(answer)))
        .member("user", &asked("user", Value::Null))
        .member("metadata", &asked("metadata", serde_json::json!({})))
        .json()
}

pub fn item(request: &ResponseRequest, answer: &Answer, item: Item) -> Json {
    let id = item_id(answer, item);
    let Some(choice) = choice(answer) else { return Json::default() };
    match item {
        Item::Reasoning => {
            let summary: Vec<Json> = request.summary.then(|| summary_part(&choice.reasoning)).into_iter().collect();
            let sealed = request.encrypted_reasoning.then(|| seal::seal(&choice.reasoning));
            Object::new()
                .member("id", &id)
                .member("type", "reasoning")
                .optional("encrypted_content", sealed.as_ref())
                .member("summary", &summary)
                .json()
        }
        Item::Message => {
            let cut = choice.finish == Finish::Length && choice.calls.is_empty();
            let status = if cut { "incomplete" } else { "completed" };
            message(&id, status, &[content(choice, &choice.text)])
        }
        Item::Call(index) => match choice.calls.get(index) {
            Some(called) => call(&id, "completed", called, &called.arguments.to_string()),
            None => Json::default(),
        },
    }
}

pub fn message(id: &str, status: &str, content: &[Json]) -> Json {
    object! { "id": id, "type": "message", "status": status, "content": content, "role": "assistant" }
}

pub fn content(choice: &Choice, text: &str) -> Json {
    if choice.refused {
        return object! { "type": "refusal", "refusal": text };
    }
    object! { "type": "output_text", "annotations": [(); 0], "logprobs": [(); 0], "text": text }
}

pub fn summary_part(text: &str) -> Json {
    object! { "type": "summary_text", "text": text }
}

pub fn call(id: &str, status: &str, call: &Call, arguments: &str) -> Json {
    object! {
        "id": id,
        "type": "function_call",
        "status": status,
        "arguments": arguments,
        "call_id": call_id(call),
        "name": call.name,
    }
}

fn usage(answer: &Answer) -> Json {
    let usage = answer.usage;
    object! {
        "input_tokens": usage.input,
        "input_tokens_details": object! { "cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write },
        "output_tokens": usage.output,
        "output_tokens_details": object! { "reasoning_tokens": usage.reasoning },
        "total_tokens": usage.input + usage.output,
    }
}
