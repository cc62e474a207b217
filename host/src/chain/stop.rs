//! Why a request does not go on: a refusal or an answer, and which entry decided it.

use sluicegate_runtime::{Answer, Failure, FailureKind, Rejection};

use super::model::Typed;
use crate::error::{Code, Fault, Refusal};
use crate::telemetry::outcome::Outcome;

/// The answer that stands in for the upstream's.
#[derive(Debug, Clone)]
pub(super) struct Stop {
    pub(super) reply: StopReply,
    /// The position of the entry that decided; none for the gateway itself.
    pub(super) by: Option<usize>,
    pub(super) outcome: Outcome,
}

#[derive(Debug, Clone)]
pub(super) enum StopReply {
    /// Boxed, since whatever may fail carries the room for it through every future.
    Refuse(Box<Refusal>),
    Answer(Box<Answer>),
    /// A model's answer that was not asked of a model.
    Typed(Typed),
}

impl Stop {
    /// The gateway's own refusal.
    pub(super) fn refuse(refusal: Refusal) -> Stop {
        let timeouts = [Code::ExchangeTimeout, Code::UpstreamTimeout, Code::RequestTimeout, Code::GenerationEnded]
            .map(Code::as_str);
        let outcome = match refusal.code.as_ref() {
            code if timeouts.contains(&code) => Outcome::TimedOut,
            code if code == Code::Internal.as_str() => Outcome::Failed,
            _ => Outcome::Rejected,
        };
        Stop { reply: StopReply::Refuse(Box::new(refusal)), by: None, outcome }
    }

    pub(super) fn rejected(rejection: Rejection, by: usize) -> Stop {
        let refusal = Refusal {
            status: rejection.status,
            fault: Fault::Policy,
            code: rejection.code.into(),
            message: rejection.message,
            retry_after: rejection.retry_after,
            fields: rejection.fields,
            problem_type: rejection.problem_type,
            details: rejection.details,
        };
        Stop { reply: StopReply::Refuse(Box::new(refusal)), by: Some(by), outcome: Outcome::Rejected }
    }

    pub(super) fn answered(answer: Answer, by: usize) -> Stop {
        Stop { reply: StopReply::Answer(Box::new(answer)), by: Some(by), outcome: Outcome::Complete }
    }

    /// A plugin failed and its entry denies. The client learns that a policy failed, not how.
    pub(super) fn failed(failure: &Failure, entry: &str, by: usize) -> Stop {
        let refusal = match failure.kind {
            FailureKind::Suspended => Refusal::new(
                Code::PluginSuspended,
                format!("The policy `{entry}` failed too often and is suspended for a moment."),
            ),
            FailureKind::NoInstance => {
                Refusal::new(Code::NoInstance, format!("The policy `{entry}` has no room for this request now."))
            }
            _ => Refusal::new(
                Code::PluginFailed,
                format!("The policy `{entry}` failed, so this request was not let through."),
            ),
        };
        Stop { reply: StopReply::Refuse(Box::new(refusal)), by: Some(by), outcome: Outcome::Failed }
    }

    /// None for what a plugin decided.
    pub(super) fn own_refusal(&self) -> Option<&Refusal> {
        self.refusal().filter(|refusal| Code::ALL.iter().any(|code| code.as_str() == refusal.code))
    }

    pub(super) fn refusal(&self) -> Option<&Refusal> {
        match &self.reply {
            StopReply::Refuse(refusal) => Some(refusal),
            StopReply::Answer(_) | StopReply::Typed(_) => None,
        }
    }
}
