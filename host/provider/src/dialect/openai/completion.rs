//! The answer in one piece, and the parts that a stream shares with it.

use serde::Serialize;

use super::request::ChatRequest;
use crate::answer::{Answer, Finish, Usage};

const CREATED_MIN: u64 = 1_700_000_000;
const CREATED_RANGE: u64 = 10_000_000;

pub const SYSTEM_FINGERPRINT: &str = "fp_sluicegate";
pub const SERVICE_TIER: &str = "default";

#[derive(Serialize)]
pub struct Completion<'a> {
    id: String,
    object: &'static str,
    created: u64,
    model: &'static str,
    choices: [Choice<'a>; 1],
    usage: UsageObject,
    service_tier: &'static str,
    system_fingerprint: &'static str,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    message: Message<'a>,
    logprobs: Option<()>,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
    refusal: Option<()>,
    annotations: [(); 0],
}

#[derive(Debug, Clone, Copy, Serialize)]
pub struct UsageObject {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: PromptDetails,
    completion_tokens_details: CompletionDetails,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
struct PromptDetails {
    cached_tokens: u64,
    audio_tokens: u64,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
struct CompletionDetails {
    reasoning_tokens: u64,
    audio_tokens: u64,
    accepted_prediction_tokens: u64,
    rejected_prediction_tokens: u64,
}

pub fn render<'a>(request: &ChatRequest, answer: &'a Answer) -> Completion<'a> {
    let message = Message { role: "assistant", content: &answer.text, refusal: None, annotations: [] };
    Completion {
        id: id(answer),
        object: "chat.completion",
        created: created(answer),
        model: request.question.model.name(),
        choices: [Choice { index: 0, message, logprobs: None, finish_reason: finish_reason(answer.finish) }],
        usage: answer.usage.into(),
        service_tier: SERVICE_TIER,
        system_fingerprint: SYSTEM_FINGERPRINT,
    }
}

pub fn id(answer: &Answer) -> String {
    format!("chatcmpl-{:016x}", answer.fingerprint)
}

/// Seconds since 1970, from the fingerprint in place of a clock.
pub fn created(answer: &Answer) -> u64 {
    CREATED_MIN + answer.fingerprint % CREATED_RANGE
}

pub fn finish_reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "stop",
        Finish::Length => "length",
    }
}

impl From<Usage> for UsageObject {
    fn from(usage: Usage) -> UsageObject {
        UsageObject {
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            total_tokens: usage.prompt_tokens + usage.completion_tokens,
            prompt_tokens_details: PromptDetails::default(),
            completion_tokens_details: CompletionDetails::default(),
        }
    }
}
