//! What can go wrong with an upstream: what, whose fault, and whether another try could help.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use super::body::Progress;
use crate::error::{Code, Refusal};

pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The full sentences, causes included, are for the log: they name hosts and addresses.
/// A client gets [`UpstreamError::refusal`].
#[derive(Debug, Error)]
pub enum UpstreamError {
    #[error(
        "all {connections_max} connections of upstream `{upstream}` are in use, and none became free within {waited:?}; \
             raise `connections_max` if the upstream can bear it"
    )]
    Busy { upstream: String, connections_max: usize, waited: Duration },
    #[error("cannot connect to upstream `{upstream}` at {origin}: {why}")]
    Unreachable { upstream: String, origin: String, why: String },
    #[error("no secure connection to upstream `{upstream}` at {origin}: {why}")]
    Tls { upstream: String, origin: String, why: String },
    #[error("upstream `{upstream}` broke the exchange: {}", chain(error))]
    Broken { upstream: String, error: hyper::Error },
    /// It has said that it did nothing of it: `REFUSED_STREAM`, or a `GOAWAY` in front of it (RFC 9113, 8.7).
    #[error("upstream `{upstream}` takes no more requests on this connection: {}", chain(error))]
    Refused {
        upstream: String,
        error: hyper::Error,
        /// Nor will it look at further ones on this connection.
        retires: bool,
    },
    /// HTTP/2 has a reset that means no harm, which may still come in the middle of an answer.
    #[error("upstream `{upstream}` ended its answer before it was whole")]
    Short { upstream: String },
    #[error("upstream `{upstream}` switched to another protocol, which was not asked for")]
    Switched { upstream: String },
    #[error("upstream `{upstream}` switched to another protocol, and its connection was lost: {why}")]
    Lost { upstream: String, why: String },
    #[error("upstream `{upstream}` did not begin its answer within {reply_timeout:?} after the request was sent")]
    Timeout { upstream: String, reply_timeout: Duration },
    /// What the request's body came from failed: the client is gone, or a limit was reached.
    #[error("the request to upstream `{upstream}` was cut short: {error}")]
    RequestBody { upstream: String, error: BoxError },
    #[error("the path is not valid, or too long, once the base path of upstream `{upstream}` stands before it")]
    Target { upstream: String },
    /// A provider of models answered with an error, or with what is no answer in its dialect.
    #[error("upstream `{upstream}` failed in its answer: {refusal}")]
    Answer { upstream: String, refusal: Box<Refusal> },
}

impl UpstreamError {
    /// For [`UpstreamError::RequestBody`] the error within knows better, if it is one of the gateway's own.
    pub fn code(&self) -> Code {
        match self {
            UpstreamError::Busy { .. } | UpstreamError::Refused { .. } => Code::UpstreamBusy,
            UpstreamError::Unreachable { .. } => Code::UpstreamUnreachable,
            UpstreamError::Tls { .. } => Code::UpstreamTls,
            UpstreamError::Broken { .. }
            | UpstreamError::Short { .. }
            | UpstreamError::Switched { .. }
            | UpstreamError::Lost { .. }
            | UpstreamError::Answer { .. } => Code::UpstreamBroken,
            UpstreamError::Timeout { .. } => Code::UpstreamTimeout,
            UpstreamError::RequestBody { .. } | UpstreamError::Target { .. } => Code::BadRequest,
        }
    }

    /// Whether the upstream has certainly not seen the request, so that it may be sent to another target.
    pub fn is_unsent(&self) -> bool {
        matches!(
            self,
            UpstreamError::Busy { .. }
                | UpstreamError::Refused { .. }
                | UpstreamError::Unreachable { .. }
                | UpstreamError::Tls { .. }
        )
    }

    /// Whether the upstream did not do its part; if not, a limit of the gateway's or the request itself was in the way.
    pub fn is_upstreams_fault(&self) -> bool {
        match self {
            UpstreamError::Unreachable { .. }
            | UpstreamError::Tls { .. }
            | UpstreamError::Broken { .. }
            | UpstreamError::Short { .. }
            | UpstreamError::Refused { .. }
            | UpstreamError::Switched { .. }
            | UpstreamError::Lost { .. }
            | UpstreamError::Answer { .. }
            | UpstreamError::Timeout { .. } => true,
            UpstreamError::Busy { .. } | UpstreamError::RequestBody { .. } | UpstreamError::Target { .. } => false,
        }
    }

    /// For the client: which upstream and what, but neither hosts nor addresses.
    pub fn refusal(&self) -> Refusal {
        let message = match self {
            UpstreamError::Busy { upstream, .. } => format!("All connections of upstream `{upstream}` are in use."),
            UpstreamError::Unreachable { upstream, .. } => format!("Upstream `{upstream}` cannot be reached."),
            UpstreamError::Tls { upstream, .. } => {
                format!("No secure connection to upstream `{upstream}` could be made.")
            }
            UpstreamError::Refused { upstream, .. } => {
                format!("Upstream `{upstream}` takes no further request for now.")
            }
            UpstreamError::Broken { upstream, .. }
            | UpstreamError::Short { upstream }
            | UpstreamError::Switched { upstream }
            | UpstreamError::Lost { upstream, .. } => {
                format!("Upstream `{upstream}` sent an answer that cannot be used.")
            }
            UpstreamError::Answer { refusal, .. } => return (**refusal).clone(),
            UpstreamError::Timeout { upstream, .. } => format!("Upstream `{upstream}` did not answer in time."),
            UpstreamError::RequestBody { .. } => "The request's body was cut short.".to_owned(),
            UpstreamError::Target { .. } => "The request's path is not valid, or too long.".to_owned(),
        };
        Refusal::new(self.code(), message)
    }
}

/// A failed request body fails the connection too; its own error says more.
pub(super) fn classify(upstream: &str, error: hyper::Error, progress: &Arc<Progress>) -> UpstreamError {
    let upstream = upstream.to_owned();
    match progress.take_error() {
        Some(error) => UpstreamError::RequestBody { upstream, error },
        None => match refusal(&error) {
            Some(retires) => UpstreamError::Refused { upstream, error, retires },
            None => UpstreamError::Broken { upstream, error },
        },
    }
}

/// Some if the upstream says that it has not looked at the request; true, if it will look at no further ones on the connection.
/// A `GOAWAY` reaches only those streams as an error that it does not count among its last ones.
fn refusal(error: &hyper::Error) -> Option<bool> {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(error) = cause.downcast_ref::<h2::Error>() {
            let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
            return (error.is_remote() && (refused || error.is_go_away())).then(|| error.is_go_away());
        }
        source = cause.source();
    }
    None
}

/// An error and its causes in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Many errors repeat their cause in their own words.
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
