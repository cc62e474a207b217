//! What can go wrong with an upstream: what, whose fault, and whether another try could help.

use std::time::Duration;

use thiserror::Error;

use super::body::Progress;
use crate::config::{self, ReplyHeads};
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
    Broken { upstream: String, error: Cause },
    #[error("upstream `{upstream}` broke the exchange: {excess}")]
    Excess { upstream: String, excess: Excess },
    /// It has said that it did nothing of it: `REFUSED_STREAM`, or a `GOAWAY` in front of it (RFC 9113, 8.7).
    #[error("upstream `{upstream}` takes no more requests on this connection: {}", chain(error))]
    Refused {
        upstream: String,
        error: Cause,
        /// Nor will it look at further ones on this connection.
        retires: bool,
    },
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
            | UpstreamError::Excess { .. }
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
            | UpstreamError::Excess { .. }
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
            | UpstreamError::Switched { upstream }
            | UpstreamError::Lost { upstream, .. } => {
                format!("Upstream `{upstream}` sent an answer that cannot be used.")
            }
            UpstreamError::Excess { upstream, excess } => excess.told(upstream),
            UpstreamError::Answer { refusal, .. } => return (**refusal).clone(),
            UpstreamError::Timeout { upstream, .. } => format!("Upstream `{upstream}` did not answer in time."),
            UpstreamError::RequestBody { .. } => "The request's body was cut short.".to_owned(),
            UpstreamError::Target { .. } => "The request's path is not valid, or too long.".to_owned(),
        };
        Refusal::new(self.code(), message)
    }
}

/// What the library of a protocol says, or what was done to it.
#[derive(Debug, Error)]
pub enum Cause {
    #[error(transparent)]
    Http1(#[from] hyper::Error),
    #[error(transparent)]
    Http2(#[from] h2::Error),
    #[error("it sent more informational answers (1xx) than are taken in front of an answer")]
    Informational,
    /// Where the next words say nothing of their own.
    #[error("the request's body failed")]
    RequestBody,
}

/// More than is taken of an answer besides its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excess {
    /// HTTP/1.1: too long, or too many fields; which of both is not said.
    Head(ReplyHeads),
    /// HTTP/2: so many fields.
    Fields {
        count: usize,
        max: usize,
    },
    /// HTTP/2: nobody says whether it was too long.
    Malformed(ReplyHeads),
    Informational,
}

impl Excess {
    fn told(self, upstream: &str) -> String {
        match self {
            Excess::Head(ReplyHeads { bytes_max, fields_max }) => format!(
                "Upstream `{upstream}` sent an answer whose head is longer than {bytes_max} bytes, or has more than {fields_max} fields."
            ),
            Excess::Fields { count, max } => {
                format!("Upstream `{upstream}` sent an answer with {count} fields; {max} are taken.")
            }
            Excess::Malformed(ReplyHeads { bytes_max, .. }) => format!(
                "Upstream `{upstream}` sent an answer that is malformed, or whose head is longer than {bytes_max} bytes."
            ),
            Excess::Informational => {
                format!("Upstream `{upstream}` sent too many informational answers (1xx) in front of its answer.")
            }
        }
    }
}

impl std::fmt::Display for Excess {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let limits = "raise `limits.reply_head_bytes_max` or `limits.reply_headers_max` if it must be so";
        match self {
            Excess::Head(ReplyHeads { bytes_max, fields_max }) => {
                write!(
                    formatter,
                    "its head is longer than {bytes_max} bytes, or has more than {fields_max} fields; {limits}"
                )
            }
            Excess::Fields { count, max } => {
                write!(formatter, "its head has {count} fields, and {max} are taken; {limits}")
            }
            Excess::Malformed(ReplyHeads { bytes_max, .. }) => {
                write!(formatter, "its answer is malformed, or has a head longer than {bytes_max} bytes; {limits}")
            }
            Excess::Informational => Cause::Informational.fmt(formatter),
        }
    }
}

/// A failed request body fails the connection too; its own error says more.
pub(super) fn classify(config: &config::Upstream, error: Cause, progress: &Progress) -> UpstreamError {
    let upstream = config.name.clone();
    if let Some(error) = progress.take_error() {
        return UpstreamError::RequestBody { upstream, error };
    }
    if let Some(excess) = excess(&error, config.reply_heads) {
        return UpstreamError::Excess { upstream, excess };
    }
    match refusal(&error) {
        Some(retires) => UpstreamError::Refused { upstream, error, retires },
        None => UpstreamError::Broken { upstream, error },
    }
}

/// Some if the upstream says that it has not looked at the request; true, if it will look at no further ones on the connection.
/// A `GOAWAY` reaches only those streams as an error that it does not count among its last ones.
fn refusal(error: &Cause) -> Option<bool> {
    let Cause::Http2(error) = error else { return None };
    let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
    (error.is_remote() && (refused || error.is_go_away())).then(|| error.is_go_away())
}

fn excess(error: &Cause, heads: ReplyHeads) -> Option<Excess> {
    match error {
        Cause::Informational => Some(Excess::Informational),
        Cause::Http1(error) if error.is_parse_too_large() => Some(Excess::Head(heads)),
        Cause::Http1(error) => {
            let io = std::error::Error::source(error)?.downcast_ref::<std::io::Error>()?;
            io.get_ref()?.is::<TooMuchAhead>().then_some(Excess::Informational)
        }
        // h2 resets so what it cannot understand, and what is longer than it was told to take.
        Cause::Http2(error) => {
            let is_it = error.is_library() && error.is_reset() && error.reason() == Some(h2::Reason::PROTOCOL_ERROR);
            is_it.then_some(Excess::Malformed(heads))
        }
        Cause::RequestBody => None,
    }
}

/// A connection of HTTP/1.1 has said more in front of an answer than an answer's head may be long.
#[derive(Debug, Error)]
#[error("too much came in front of the answer")]
pub(super) struct TooMuchAhead;

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
