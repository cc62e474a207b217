//! How an answer is sent, or not: delays, fragments, cuts, errors and faults, by option, request field or model name.

use std::time::Duration;

use http::{HeaderMap, StatusCode};

use crate::question::Asked;

mod faults;
mod read;

pub use faults::{ENDLESS_BYTES_MAX, NESTED_LEVELS};
pub(crate) use faults::{page, spoil};
pub(crate) use read::split_name;

/// A request field asks for no longer delay.
pub const DELAY_MAX: Duration = Duration::from_secs(60);

/// The default is an answer that comes at once and whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Behaviour {
    /// Before the head of the answer.
    pub first_byte_delay: Duration,
    /// Before each chunk of the body but the first.
    pub chunk_delay: Duration,
    /// Cuts the body into chunks at byte positions drawn from this number. Without it a chunk is one event of a stream, or
    /// the whole of another body.
    pub fragment_seed: Option<u64>,
    /// How lines of an event stream end, if not as the vendor's do.
    pub line_end: Option<LineEnd>,
    pub cut: Option<Cut>,
    pub failure: Option<Failure>,
    pub fault: Option<Fault>,
    /// An error stands in the stream after so many events, and nothing behind it. An answer in one piece is that error.
    pub error_after: Option<u64>,
    /// Another answer to the same request, from a model that draws what it says.
    pub answer_seed: u64,
    /// Thought by any model, in place of what the rules give; at most 20,000.
    pub reasoning_tokens: Option<u64>,
    /// Counted as read from the cache, in place of what the rules give; at most the whole input.
    pub cache_read_tokens: Option<u64>,
    /// Counted as written to the cache, likewise.
    pub cache_write_tokens: Option<u64>,
}

/// When the connection is closed too early. What was sent before is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// In place of an answer.
    BeforeHead,
    /// After so many bytes of the body, not counting the framing. A body that is not longer ends as usual.
    AfterBodyBytes(u64),
}

/// An error in place of an answer, to a request with the right key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    pub status: StatusCode,
    /// Sent in seconds, rounded down.
    pub retry_after: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnd {
    LineFeed,
    CarriageReturnLineFeed,
    CarriageReturn,
}

/// An answer that is not as it should be, and is sent without a broken connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A page in HTML, as a proxy in front of a vendor sends it; 502, or the status of the failure beside it.
    Html,
    /// Status 200 with an error in it, that of the failure beside it or 500.
    ErrorIn200,
    /// A stream ends cleanly without the events that belong to its end; JSON in one piece ends in its middle.
    NoEnd,
    /// The last line of an event stream has no line end.
    NoNewline,
    /// A line, or a string in JSON, that goes on for [`ENDLESS_BYTES_MAX`] bytes.
    EndlessLine,
    /// A member or an event that the vendor does not have, with [`NESTED_LEVELS`] arrays in each other.
    Deep,
}

impl Behaviour {
    /// This behaviour with the parts replaced that the request's fields name; an error is a sentence for a person.
    pub fn with_fields(&self, headers: &HeaderMap) -> Result<Behaviour, String> {
        read::fields(self.clone(), headers)
    }

    /// The same for what stands behind the first `~` of a model's name.
    pub fn with_suffix(&self, suffix: &str) -> Result<Behaviour, String> {
        read::suffix(self.clone(), suffix)
    }

    pub(crate) fn asked(&self) -> Asked {
        Asked {
            reasoning_tokens: self.reasoning_tokens,
            cache_read_tokens: self.cache_read_tokens,
            cache_write_tokens: self.cache_write_tokens,
        }
    }

    /// The refusal that takes the place of any answer, whatever the request.
    pub(crate) fn plain_failure(&self) -> Option<Failure> {
        let told_otherwise = self.error_after.is_some() || matches!(self.fault, Some(Fault::Html | Fault::ErrorIn200));
        self.failure.filter(|_| !told_otherwise)
    }

    pub(crate) fn status_or(&self, status: StatusCode) -> StatusCode {
        self.failure.map_or(status, |failure| failure.status)
    }
}
