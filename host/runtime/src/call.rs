//! What goes into a call of a phase and what comes out of it, checked against the contract.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::bindings::host::model_types as model;
use crate::bindings::host::types as wit;
use crate::capability::model_answer::END_REASONS;
use crate::failure::Failure;
use crate::fields;
use crate::phase::Phase;

/// Bytes of a rejection's message.
const MESSAGE_BYTES_MAX: usize = 4096;
const CODE_BYTES_MAX: usize = 64;
/// Bytes of why a target is left out.
const REASON_BYTES_MAX: usize = 1024;
const DETAILS_MAX: usize = 32;
const DETAIL_BYTES_MAX: usize = 8192;

/// One call of one phase.
#[derive(Debug, Clone)]
pub enum Call {
    Head,
    Body { bytes: Bytes, end: bool },
    Model,
    Route,
    Attempt,
    ReplyHead,
    Delta(Delta),
    ReplyBody { bytes: Bytes, end: bool },
    Finish,
}

/// A piece of a model's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delta {
    Text { choice: u32, text: Arc<str> },
    ToolArguments { choice: u32, tool: u32, text: Arc<str> },
    Usage,
    End { choice: u32, reason: &'static str },
}

impl Call {
    pub fn phase(&self) -> Phase {
        match self {
            Call::Head => Phase::Head,
            Call::Body { .. } => Phase::Body,
            Call::Model => Phase::Call,
            Call::Route => Phase::Route,
            Call::Attempt => Phase::Attempt,
            Call::ReplyHead => Phase::ReplyHead,
            Call::Delta(_) => Phase::Delta,
            Call::ReplyBody { .. } => Phase::ReplyBody,
            Call::Finish => Phase::Finish,
        }
    }
}

/// What a plugin decided.
///
/// All that is large is boxed: a verdict is handed on several times, and nearly always says to go on.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Go on; the bytes of a body phase are unchanged.
    Proceed,
    /// The bytes that go on instead.
    Replace(Box<Bytes>),
    /// The text that goes on instead.
    ReplaceText(Box<String>),
    /// The answer is the one that the plugin wrote.
    Written,
    /// This target is left out, and why.
    Skip(Box<String>),
    /// The answer ends here, with a reason of [`END_REASONS`].
    Stop(&'static &'static str),
    Reject(Box<Rejection>),
    Respond(Box<Answer>),
}

/// A plugin's refusal, valid.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejection {
    pub status: StatusCode,
    pub code: String,
    pub message: String,
    pub retry_after: Option<Duration>,
    pub fields: HeaderMap,
    pub problem_type: Option<String>,
    /// Name and JSON text.
    pub details: Vec<(String, String)>,
}

/// A plugin's own answer, valid.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub status: StatusCode,
    pub fields: HeaderMap,
    pub body: Bytes,
}

impl Verdict {
    pub(crate) fn from_decision(decision: wit::Decision) -> Result<Verdict, Failure> {
        Ok(match decision {
            wit::Decision::Proceed => Verdict::Proceed,
            wit::Decision::Reject(rejection) => Verdict::Reject(Box::new(Rejection::check(rejection)?)),
            wit::Decision::Respond(answer) => Verdict::Respond(Box::new(Answer::check(answer)?)),
        })
    }

    /// `bytes_max`: how long the bytes that go on may be.
    pub(crate) fn from_piece(piece: wit::Piece, bytes_max: u64) -> Result<Verdict, Failure> {
        Ok(match piece {
            wit::Piece::Pass => Verdict::Proceed,
            wit::Piece::Replace(bytes) if bytes.len() as u64 > bytes_max => {
                let length = bytes.len();
                return Err(Failure::bad_return(format!("a piece of {length} bytes; at most {bytes_max} may go on")));
            }
            wit::Piece::Replace(bytes) => Verdict::Replace(Box::new(bytes.into())),
            wit::Piece::Reject(rejection) => Verdict::Reject(Box::new(Rejection::check(rejection)?)),
            wit::Piece::Respond(answer) => Verdict::Respond(Box::new(Answer::check(answer)?)),
        })
    }
}

impl Verdict {
    pub(crate) fn from_call(decision: model::CallDecision) -> Result<Verdict, Failure> {
        Ok(match decision {
            model::CallDecision::Proceed => Verdict::Proceed,
            model::CallDecision::Reject(rejection) => Verdict::Reject(Box::new(Rejection::check(rejection)?)),
            model::CallDecision::Answer => Verdict::Written,
        })
    }

    pub(crate) fn from_attempt(decision: model::AttemptDecision) -> Result<Verdict, Failure> {
        Ok(match decision {
            model::AttemptDecision::Proceed => Verdict::Proceed,
            model::AttemptDecision::Skip(reason) if reason.len() > REASON_BYTES_MAX => {
                return Err(Failure::bad_return(format!("a reason of over {REASON_BYTES_MAX} bytes")));
            }
            model::AttemptDecision::Skip(reason) => Verdict::Skip(Box::new(reason)),
            model::AttemptDecision::Reject(rejection) => Verdict::Reject(Box::new(Rejection::check(rejection)?)),
        })
    }

    /// `bytes_max`: how long the text that goes on may be.
    pub(crate) fn from_delta(decision: model::DeltaDecision, bytes_max: u64) -> Result<Verdict, Failure> {
        Ok(match decision {
            model::DeltaDecision::Pass => Verdict::Proceed,
            model::DeltaDecision::Replace(text) if text.len() as u64 > bytes_max => {
                let length = text.len();
                return Err(Failure::bad_return(format!("a text of {length} bytes; at most {bytes_max} may go on")));
            }
            model::DeltaDecision::Replace(text) => Verdict::ReplaceText(Box::new(text)),
            model::DeltaDecision::Stop(reason) => {
                let known = END_REASONS.iter().find(|known| **known == reason);
                Verdict::Stop(known.ok_or_else(|| {
                    Failure::bad_return(format!("an answer stops with one of {}", END_REASONS.join(", ")))
                })?)
            }
            model::DeltaDecision::Reject(rejection) => Verdict::Reject(Box::new(Rejection::check(rejection)?)),
        })
    }
}

impl Rejection {
    fn check(rejection: wit::Rejection) -> Result<Rejection, Failure> {
        let status = status(rejection.status, 400)?;
        let code_is_valid = !rejection.code.is_empty()
            && rejection.code.len() <= CODE_BYTES_MAX
            && rejection.code.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !code_is_valid {
            return Err(Failure::bad_return(format!(
                "the code of a rejection must be lower-case words joined by underscores, at most {CODE_BYTES_MAX} bytes"
            )));
        }
        if rejection.message.len() > MESSAGE_BYTES_MAX {
            return Err(Failure::bad_return(format!("the message of a rejection has over {MESSAGE_BYTES_MAX} bytes")));
        }
        if rejection.details.len() > DETAILS_MAX {
            return Err(Failure::bad_return(format!("a rejection has over {DETAILS_MAX} details")));
        }
        let mut details = Vec::with_capacity(rejection.details.len());
        for detail in rejection.details {
            let json = serde_json::from_str::<&serde_json::value::RawValue>(&detail.json);
            if json.is_err() || detail.json.len() > DETAIL_BYTES_MAX || detail.name.len() > CODE_BYTES_MAX {
                return Err(Failure::bad_return("a detail of a rejection is no JSON value, or is too long"));
            }
            details.push((detail.name, detail.json));
        }
        Ok(Rejection {
            status,
            code: rejection.code,
            message: rejection.message,
            retry_after: rejection.retry_after_ms.map(Duration::from_millis),
            fields: head_fields(rejection.fields)?,
            problem_type: rejection.problem_type,
            details,
        })
    }
}

impl Answer {
    fn check(answer: wit::Answer) -> Result<Answer, Failure> {
        Ok(Answer {
            status: status(answer.status, 200)?,
            fields: head_fields(answer.fields)?,
            body: answer.body.into(),
        })
    }
}

fn status(number: u16, least: u16) -> Result<StatusCode, Failure> {
    StatusCode::from_u16(number)
        .ok()
        .filter(|_| (least..=599).contains(&number))
        .ok_or_else(|| Failure::bad_return(format!("the status {number}; {least} to 599 is possible here")))
}

fn head_fields(list: Vec<wit::Field>) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::with_capacity(list.len().min(fields::FIELDS_MAX));
    for field in list {
        let refused =
            |why: &str| Failure::bad_return(format!("the field `{}` of an answer {why}", field.name.escape_debug()));
        let name = fields::parse_name(&field.name).map_err(|_| refused("has no valid name"))?;
        if fields::is_host_field(&name) {
            return Err(refused("belongs to the host"));
        }
        let value = fields::parse_value(&field.value).map_err(|_| refused("has no valid value"))?;
        fields::write(&mut headers, fields::Edit::Append, &name, value).map_err(|_| refused("is one too many"))?;
    }
    Ok(headers)
}

#[cfg(test)]
mod tests;
