//! The answer in one piece, and the parts that a stream shares with it.

use super::request::Request;
use crate::answer::{Answer, Choice, Finish, Usage};
use crate::json::{Json, Object, object};
use crate::model::tools::Call;
use crate::seal;

pub fn render(request: &Request, answer: &Answer) -> Json {
    let candidates: Vec<Json> = answer
        .choices
        .iter()
        .enumerate()
        .map(|(index, choice)| candidate(index, &parts(request, choice), Some(finish_reason(choice))))
        .collect();
    chunk(answer, &candidates, answer.usage)
}

/// A whole answer, or a piece of one: both look alike.
pub fn chunk(answer: &Answer, candidates: &[Json], usage: Usage) -> Json {
    object! {
        "candidates": candidates,
        "usageMetadata": self::usage(usage),
        "modelVersion": answer.model.name(),
        "responseId": format!("{:016x}", answer.fingerprint),
    }
}

/// Without parts there is no content.
pub fn candidate(index: usize, parts: &[Json], finish_reason: Option<&str>) -> Json {
    let content = (!parts.is_empty()).then(|| object! { "parts": parts, "role": "model" });
    Object::new()
        .optional("content", content.as_ref())
        .optional("finishReason", finish_reason.as_ref())
        .member("index", &index)
        .json()
}

fn parts(request: &Request, choice: &Choice) -> Vec<Json> {
    // What is refused is not shown.
    if choice.refused {
        return Vec::new();
    }
    let signature = (!choice.reasoning.is_empty()).then(|| seal::seal(&choice.reasoning));
    let thought = (request.include_thoughts && signature.is_some()).then(|| thought(&choice.reasoning));
    let on_text = signature.as_ref().filter(|_| choice.calls.is_empty());
    let text = (!choice.text.is_empty())
        .then(|| Object::new().member("text", &choice.text).optional("thoughtSignature", on_text).json());
    let calls = choice
        .calls
        .iter()
        .enumerate()
        .map(|(index, call)| function_call(call, signature.as_deref().filter(|_| index == 0)));
    thought.into_iter().chain(text).chain(calls).collect()
}

pub fn thought(text: &str) -> Json {
    object! { "text": text, "thought": true }
}

pub fn function_call(call: &Call, signature: Option<&str>) -> Json {
    let called = object! { "id": format!("{:016x}", call.id), "name": call.name, "args": call.arguments };
    Object::new().member("functionCall", &called).optional("thoughtSignature", signature.as_ref()).json()
}

pub fn finish_reason(choice: &Choice) -> &'static str {
    match choice.finish {
        Finish::Stop | Finish::StopString(_) | Finish::Calls => "STOP",
        Finish::Length => "MAX_TOKENS",
        Finish::Refusal => "SAFETY",
    }
}

/// Thoughts stand apart from the rest of the output; what is zero is left out.
pub fn usage(usage: Usage) -> Json {
    let some = |tokens: u64| (tokens > 0).then_some(tokens);
    Object::new()
        .member("promptTokenCount", &usage.input)
        .optional("cachedContentTokenCount", some(usage.cache_read).as_ref())
        .optional("candidatesTokenCount", some(usage.output - usage.reasoning).as_ref())
        .member("totalTokenCount", &(usage.input + usage.output))
        .member("promptTokensDetails", &[modality(usage.input)])
        .optional("cacheTokensDetails", some(usage.cache_read).map(|tokens| [modality(tokens)]).as_ref())
        .optional("thoughtsTokenCount", some(usage.reasoning).as_ref())
        .json()
}

pub fn modality(tokens: u64) -> Json {
    object! { "modality": "TEXT", "tokenCount": tokens }
}
