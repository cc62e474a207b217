//! How a policy says what becomes of a model's call, of one attempt at it, and of its answer.

use crate::{AttemptDecision, CallDecision, DeltaDecision, Rejection};

impl AttemptDecision {
    /// This target is left out, and the plan goes on with the next. The reason, at most 1,024 bytes, stands in the log.
    pub fn skip(reason: impl Into<String>) -> AttemptDecision {
        AttemptDecision::Skip(reason.into())
    }
}

impl DeltaDecision {
    /// This text goes on instead.
    pub fn replace(text: impl Into<String>) -> DeltaDecision {
        DeltaDecision::Replace(text.into())
    }

    /// Nothing goes on for now: the policy keeps the text, to let it go on with a later piece or at the end.
    pub fn hold() -> DeltaDecision {
        DeltaDecision::Replace(String::new())
    }

    /// The answer ends here, cleanly. The reason is `stop`, `length`, `tool-calls` or `content-filter`; anything else breaks the
    /// contract.
    pub fn stop(reason: impl Into<String>) -> DeltaDecision {
        DeltaDecision::Stop(reason.into())
    }
}

impl From<Rejection> for CallDecision {
    fn from(rejection: Rejection) -> CallDecision {
        CallDecision::Reject(rejection)
    }
}

impl From<Rejection> for AttemptDecision {
    fn from(rejection: Rejection) -> AttemptDecision {
        AttemptDecision::Reject(rejection)
    }
}

impl From<Rejection> for DeltaDecision {
    fn from(rejection: Rejection) -> DeltaDecision {
        DeltaDecision::Reject(rejection)
    }
}

/// So that `call` can be written as a function with `?`.
impl From<Result<(), Rejection>> for CallDecision {
    fn from(result: Result<(), Rejection>) -> CallDecision {
        result.map_or_else(CallDecision::Reject, |()| CallDecision::Proceed)
    }
}

/// So that a `call` that may answer can be written as a function with `?`.
impl From<Result<CallDecision, Rejection>> for CallDecision {
    fn from(result: Result<CallDecision, Rejection>) -> CallDecision {
        result.unwrap_or_else(CallDecision::Reject)
    }
}

/// So that `attempt` can be written as a function with `?`.
impl From<Result<(), Rejection>> for AttemptDecision {
    fn from(result: Result<(), Rejection>) -> AttemptDecision {
        result.map_or_else(AttemptDecision::Reject, |()| AttemptDecision::Proceed)
    }
}

/// So that an `attempt` that may skip can be written as a function with `?`.
impl From<Result<AttemptDecision, Rejection>> for AttemptDecision {
    fn from(result: Result<AttemptDecision, Rejection>) -> AttemptDecision {
        result.unwrap_or_else(AttemptDecision::Reject)
    }
}

/// So that a phase of the answer can be written as a function with `?`.
impl From<Result<DeltaDecision, Rejection>> for DeltaDecision {
    fn from(result: Result<DeltaDecision, Rejection>) -> DeltaDecision {
        result.unwrap_or_else(DeltaDecision::Reject)
    }
}
