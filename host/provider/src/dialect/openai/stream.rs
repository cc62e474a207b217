//! The answer as server-sent events: role, one token after another, the reason it ended, usage if asked for, `[DONE]`.

use bytes::Bytes;
use serde::Serialize;

use super::completion::{SERVICE_TIER, SYSTEM_FINGERPRINT, UsageObject, created, finish_reason, id};
use super::request::ChatRequest;
use crate::answer::Answer;
use crate::tokens;

const DONE: &[u8] = b"data: [DONE]\n\n";

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'static str,
    service_tier: &'static str,
    system_fingerprint: &'static str,
    choices: &'a [Choice<'a>],
    /// Left out unless usage was asked for; then null in all chunks but the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<UsageObject>>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    delta: Delta<'a>,
    logprobs: Option<()>,
    finish_reason: Option<&'static str>,
}

#[derive(Default, Serialize)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<Option<()>>,
}

#[derive(Clone, Copy)]
enum Step {
    Role,
    /// The text from this byte on is not sent yet.
    Text(usize),
    Finish,
    Usage,
    Done,
    Over,
}

/// Makes each event when it is asked for, so that a long answer does not stand in memory as JSON.
pub fn events(request: &ChatRequest, answer: Answer) -> impl Iterator<Item = Bytes> + Send + use<> {
    Events {
        id: id(&answer),
        created: created(&answer),
        model: request.question.model.name(),
        include_usage: request.include_usage,
        answer,
        step: Step::Role,
    }
}

struct Events {
    id: String,
    created: u64,
    model: &'static str,
    include_usage: bool,
    answer: Answer,
    step: Step,
}

impl Iterator for Events {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        match self.step {
            Step::Role => {
                self.step = self.text_from(0);
                let delta = Delta { role: Some("assistant"), content: Some(""), refusal: Some(None) };
                Some(self.event(&[choice(delta, None)], None))
            }
            Step::Text(sent) => {
                let rest = self.answer.text.get(sent..).unwrap_or_default();
                let token_bytes = tokens::first_token_bytes(rest);
                let delta = Delta { content: rest.get(..token_bytes), ..Delta::default() };
                let event = self.event(&[choice(delta, None)], None);
                self.step = self.text_from(sent + token_bytes);
                Some(event)
            }
            Step::Finish => {
                self.step = if self.include_usage { Step::Usage } else { Step::Done };
                let reason = finish_reason(self.answer.finish);
                Some(self.event(&[choice(Delta::default(), Some(reason))], None))
            }
            Step::Usage => {
                self.step = Step::Done;
                Some(self.event(&[], Some(self.answer.usage.into())))
            }
            Step::Done => {
                self.step = Step::Over;
                Some(Bytes::from_static(DONE))
            }
            Step::Over => None,
        }
    }
}

impl Events {
    fn text_from(&self, sent: usize) -> Step {
        if sent < self.answer.text.len() { Step::Text(sent) } else { Step::Finish }
    }

    fn event(&self, choices: &[Choice<'_>], usage: Option<UsageObject>) -> Bytes {
        let chunk = Chunk {
            id: &self.id,
            object: "chat.completion.chunk",
            created: self.created,
            model: self.model,
            service_tier: SERVICE_TIER,
            system_fingerprint: SYSTEM_FINGERPRINT,
            choices,
            usage: self.include_usage.then_some(usage),
        };
        let mut event = b"data: ".to_vec();
        // Writing plain structures into memory cannot fail.
        let _ = serde_json::to_writer(&mut event, &chunk);
        event.extend_from_slice(b"\n\n");
        Bytes::from(event)
    }
}

fn choice<'a>(delta: Delta<'a>, finish_reason: Option<&'static str>) -> Choice<'a> {
    Choice { index: 0, delta, logprobs: None, finish_reason }
}
