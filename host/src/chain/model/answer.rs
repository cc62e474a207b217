//! What a provider's answer is: an answer, an error in whatever place, or neither.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Response, StatusCode, response};
use http_body::Body;
use sluicegate_llm::dialect::{read_answer, read_error, write_answer};
use sluicegate_llm::patch::is_patched;
use sluicegate_llm::{Answer, Broken, Call, Dialect, Event, Operation, ProviderError};
use sluicegate_runtime::{Answer as PluginAnswer, Phase};
use tokio::time::timeout;

use super::translate::StreamTranslation;
use super::typed::{Typed, Way};
use super::verdict::Verdict;
use super::{ModelSide, refusal};
use crate::chain::media::media_type;
use crate::chain::run::Run;
use crate::chain::stop::{Stop, StopReply};
use crate::chain::targets::Target;
use crate::error::{Code, Refusal};
use crate::telemetry::outcome::Outcome;
use crate::upstream::{UpstreamBody, UpstreamError, Whole};

/// Of an error's body. A longer one is cut off unread, ...
const ERROR_BYTES_MAX: usize = 64 << 10;
/// ... and so is one whose end takes longer.
const ERROR_TIME_MAX: Duration = Duration::from_secs(2);

pub(super) enum Judged {
    Answer(Response<UpstreamBody>),
    /// The provider said what is wrong; `stop` is what the client is told if nobody else does better.
    Error {
        error: ProviderError,
        stop: Stop,
    },
    /// Another target may do better.
    Broken(Stop),
}

impl Run {
    /// Reads an answer as far as it takes to know that it is one: all of it, or a stream's first event.
    pub(super) async fn judge(
        self: &Arc<Run>,
        call: &Arc<Call>,
        target: &Target,
        side: &ModelSide,
        answer: Response<UpstreamBody>,
    ) -> Judged {
        let provider = side.config.provider.wire_for(call.dialect).dialect();
        let (head, body) = answer.into_parts();
        if !head.status.is_success() {
            return self.read_failure(call, target, provider, &head, body).await;
        }
        if head.headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
            return self.unusable(target, "it has a content-coding that was not asked for");
        }
        match call.streamed {
            true => self.begin_stream(call, target, provider, head, body).await,
            false => self.take_whole(call, target, provider, head, body).await,
        }
    }

    async fn take_whole(
        &self,
        call: &Arc<Call>,
        target: &Target,
        provider: Dialect,
        mut head: response::Parts,
        mut body: UpstreamBody,
    ) -> Judged {
        let mut verdict = Verdict::of(target, &mut body);
        let Some((empty, whole)) = (match self.whole_of(target, body).await {
            Ok(read) => read,
            Err(stop) => {
                verdict.failed();
                return Judged::Broken(stop);
            }
        }) else {
            return self.unusable(target, "it is longer than `limits.buffer_bytes_max`");
        };
        let events = match read_answer(provider, call.operation, &whole) {
            Ok(events) => events,
            Err(Broken { message }) => {
                verdict.failed();
                return self.unusable(target, &message);
            }
        };
        if let Some(Event::Error(error)) = events.iter().find(|event| matches!(event, Event::Error(_))) {
            verdict.error(error);
            return self.failure(target, error.clone(), None);
        }
        if let Some(model) = &self.model {
            let mut seen = model.seen();
            events.iter().for_each(|event| seen.take(event));
        }
        let is_own = call.dialect == provider;
        let bytes = match self.model.as_ref().filter(|_| self.shows_text(call)) {
            Some(model) => {
                let way = if is_patched(call.dialect, provider) { Way::Whole(whole) } else { Way::Anew };
                model.set_typed(Some(Typed::whole(call.clone(), events, way)));
                Bytes::new()
            }
            None => {
                if self.is_watched() {
                    events.iter().for_each(|event| self.show_event(event));
                }
                if is_own { whole } else { written(call, events) }
            }
        };
        translated_head(&mut head, "application/json", is_own);
        Judged::Answer(Response::from_parts(head, empty.replaced(bytes)))
    }

    async fn begin_stream(
        self: &Arc<Run>,
        call: &Arc<Call>,
        target: &Target,
        provider: Dialect,
        mut head: response::Parts,
        body: UpstreamBody,
    ) -> Judged {
        let expected =
            if provider == Dialect::Bedrock { "application/vnd.amazon.eventstream" } else { "text/event-stream" };
        if !has_media_type(&head.headers, expected) {
            // Some providers answer a stream's request with an error in one piece, and status 200.
            return match self.take_whole(call, target, provider, head, body).await {
                Judged::Answer(_) => self.unusable(target, "it is no stream, though one was asked for"),
                judged => judged,
            };
        }
        let upstream = &target.upstream.config().name;
        let translation = match self.model.as_ref().filter(|_| self.shows_text(call)) {
            Some(model) => {
                let way = if is_patched(call.dialect, provider) && !call.as_array { Way::Frames } else { Way::Anew };
                let typed = Typed::coming(call.clone(), way);
                let translation = StreamTranslation::to_steps(self, &typed, provider, upstream);
                model.set_typed(Some(typed));
                translation
            }
            None => StreamTranslation::to_bytes(self, call, provider, upstream),
        };
        let (said, patience) = (translation.said(), self.ground.limits.body_idle_timeout);
        match body.translated(Box::new(translation)).begun(patience).await {
            Ok(Some(body)) => {
                let media_type = if call.as_array { "application/json" } else { "text/event-stream" };
                translated_head(&mut head, media_type, call.dialect == provider && !call.as_array);
                Judged::Answer(Response::from_parts(head, body))
            }
            Err(UpstreamError::Answer { refusal, .. }) => match said.get() {
                Some(error) => self.failure(target, error.clone(), None),
                None => Judged::Broken(Stop::refuse(*refusal)),
            },
            Err(error) => Judged::Broken(self.upstream_failed(&error)),
            Ok(None) => {
                let message = format!("Provider `{upstream}` began no answer within {} seconds.", patience.as_secs());
                Judged::Broken(Stop::refuse(Refusal::new(Code::UpstreamTimeout, message)))
            }
        }
    }

    /// Whether plugins that may change it look at the answer's text.
    fn shows_text(&self, call: &Call) -> bool {
        call.operation == Operation::Chat && self.positions(Phase::Delta).any(|position| !self.is_shadow(position))
    }

    async fn read_failure(
        &self,
        call: &Call,
        target: &Target,
        provider: Dialect,
        head: &response::Parts,
        mut body: UpstreamBody,
    ) -> Judged {
        let mut verdict = Verdict::of(target, &mut body);
        let read = timeout(ERROR_TIME_MAX, body.read_whole(ERROR_BYTES_MAX, ERROR_TIME_MAX)).await;
        let whole = if let Ok(Ok(Whole::Read(_, bytes))) = read { bytes } else { Bytes::new() };
        let mut error = read_error(provider, head.status.as_u16(), &whole);
        if let Some(after) = retry_after(&head.headers) {
            error.retry_after = Some(after);
        }
        verdict.error(&error);
        // A client that did not ask in a vendor's dialect does not read its errors either.
        let reads_it = call.dialect == provider && self.model.as_ref().is_some_and(|model| model.dialect().is_some());
        let own_words = (reads_it && !error.kind.is_of_target()).then_some((head, whole));
        self.failure(target, error, own_words)
    }

    /// `own_words`: the provider's answer, for a client that speaks its dialect and did the wrong itself.
    fn failure(&self, target: &Target, error: ProviderError, own_words: Option<(&response::Parts, Bytes)>) -> Judged {
        let upstream = &target.upstream.config().name;
        let message = self.ground.redaction.redact(&error.message).into_owned();
        tracing::warn!(
            request_id = self.exchange.facts.id,
            status = error.status,
            code = error.code,
            "provider `{upstream}` refused a call: {message}"
        );
        let refusal = refusal::of_provider(upstream, &error);
        let stop = match own_words.and_then(|(head, body)| self.as_it_came(head, body)) {
            Some(answer) => Stop { reply: StopReply::Answer(Box::new(answer)), by: None, outcome: Outcome::Rejected },
            None => Stop::refuse(refusal),
        };
        Judged::Error { error, stop }
    }

    /// None where it is no text, or holds a secret.
    fn as_it_came(&self, head: &response::Parts, body: Bytes) -> Option<PluginAnswer> {
        let text = std::str::from_utf8(&body).ok().filter(|text| !text.is_empty())?;
        if self.ground.redaction.redact(text) != text || !has_media_type(&head.headers, "application/json") {
            return None;
        }
        let fields = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        Some(PluginAnswer { status: head.status, fields, body })
    }

    fn unusable(&self, target: &Target, why: &str) -> Judged {
        let upstream = &target.upstream.config().name;
        tracing::warn!(
            request_id = self.exchange.facts.id,
            "the answer of provider `{upstream}` cannot be used: {why}"
        );
        Judged::Broken(Stop::refuse(refusal::broken(upstream)))
    }

    /// The whole body, and what is left of it. None if it is too long.
    async fn whole_of(&self, target: &Target, body: UpstreamBody) -> Result<Option<(UpstreamBody, Bytes)>, Stop> {
        let (patience, bytes_max) = (self.ground.limits.body_idle_timeout, self.ground.limits.buffer_bytes_max);
        let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        if body.size_hint().lower() > bytes_max as u64 {
            return Ok(None);
        }
        match body.read_whole(bytes_max, patience).await {
            Ok(Whole::Read(body, bytes)) => Ok(Some((*body, bytes))),
            Ok(Whole::TooLong) => Ok(None),
            Err(error) => Err(self.upstream_failed(&error)),
            Ok(Whole::Silent) => {
                let upstream = &target.upstream.config().name;
                let message = format!(
                    "No byte of the answer of provider `{upstream}` arrived within {} seconds.",
                    patience.as_secs()
                );
                Err(Stop::refuse(Refusal::new(Code::UpstreamTimeout, message)))
            }
        }
    }
}

fn written(call: &Call, events: Vec<Event>) -> Bytes {
    let mut answer = Answer::default();
    events.into_iter().for_each(|event| answer.take(event));
    write_answer(call, &answer).into()
}

/// Fields of a provider's that clients of its own dialect may read; others speak of the gateway's account there, or of other bytes.
const PASSED_ON: [&str; 4] = ["openai-processing-ms", "openai-version", "cache-control", "request-id"];

fn translated_head(head: &mut response::Parts, media_type: &'static str, is_own: bool) {
    head.status = StatusCode::OK;
    let mut headers = HeaderMap::new();
    for (name, value) in head.headers.iter().filter(|(name, _)| is_own && PASSED_ON.contains(&name.as_str())) {
        headers.insert(name.clone(), value.clone());
    }
    let own_type = head.headers.get(CONTENT_TYPE).filter(|_| is_own).cloned();
    headers.insert(CONTENT_TYPE, own_type.unwrap_or(HeaderValue::from_static(media_type)));
    head.headers = headers;
}

fn has_media_type(headers: &HeaderMap, expected: &str) -> bool {
    media_type(headers).eq_ignore_ascii_case(expected.as_bytes())
}

/// In seconds, or in milliseconds under the name that OpenAI's SDKs read first. A date is passed over.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    number("retry-after-ms")
        .map(Duration::from_millis)
        .or_else(|| number(RETRY_AFTER.as_str()).map(Duration::from_secs))
}
