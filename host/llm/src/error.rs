//! What can be wrong with a call, with what a provider answers, and with a pair of dialects.

use std::time::Duration;

/// The client's request cannot be understood. The gateway answers 400 in the client's dialect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CallError {
    /// One sentence that says what is wrong, where, and how to mend it.
    pub message: String,
    /// The member that is wrong, as the vendors write it: `messages[0].content`. Empty where it is the whole.
    pub param: String,
}

/// The call asks for something that the target's dialect cannot say. The gateway tries another target, or answers 400.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NoCounterpart {
    /// One sentence: what has no counterpart, and where.
    pub message: String,
}

/// An error that a provider reported, in its answer's status or within it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ProviderError {
    pub kind: ProviderErrorKind,
    /// The status that the answer had, or that its words stand for.
    pub status: u16,
    /// The provider's own words, at most [`MESSAGE_BYTES_MAX`].
    pub message: String,
    /// The provider's own code or type, such as `context_length_exceeded`, at most 128 bytes.
    pub code: Option<String>,
    /// The member of the request that the provider names.
    pub param: Option<String>,
    pub retry_after: Option<Duration>,
}

/// Of what stands where something else is expected, in the sentence that says so.
pub const QUOTED_BYTES_MAX: usize = 64;

/// Of a provider's message that is passed on.
pub const MESSAGE_BYTES_MAX: usize = 4 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProviderErrorKind {
    /// The request itself is at fault: another target of the same kind would say the same.
    Invalid,
    /// The gateway's credential is not accepted.
    Authentication,
    Permission,
    /// The model or the endpoint does not exist there.
    NotFound,
    TooLarge,
    /// Too many requests or tokens for now.
    RateLimited,
    /// The account's money or quota is used up.
    Exhausted,
    /// The provider has no room (Anthropic's 529, a 503).
    Overloaded,
    Timeout,
    /// A fault of the provider.
    Server,
}

/// What a provider sent is not an answer in its dialect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Broken {
    /// One sentence that says what stood where what was expected.
    pub message: String,
}

impl CallError {
    pub fn new(param: impl Into<String>, message: impl Into<String>) -> CallError {
        CallError { param: param.into(), message: message.into() }
    }
}

impl NoCounterpart {
    pub fn new(message: impl Into<String>) -> NoCounterpart {
        NoCounterpart { message: message.into() }
    }
}

impl Broken {
    pub fn new(message: impl Into<String>) -> Broken {
        Broken { message: message.into() }
    }

    /// `what`: a sentence without its end, about what begins with these bytes.
    pub fn found(what: &str, bytes: &[u8]) -> Broken {
        Broken::new(match quoted(bytes).trim() {
            "" => format!("{what}."),
            begins => format!("{what}, but it begins with `{begins}`."),
        })
    }
}

impl ProviderErrorKind {
    /// By RFC 9110 and what the vendors document; their own words may say it more exactly.
    pub fn of_status(status: u16) -> ProviderErrorKind {
        match status {
            401 => ProviderErrorKind::Authentication,
            402 => ProviderErrorKind::Exhausted,
            403 => ProviderErrorKind::Permission,
            404 => ProviderErrorKind::NotFound,
            408 | 504 => ProviderErrorKind::Timeout,
            413 => ProviderErrorKind::TooLarge,
            429 => ProviderErrorKind::RateLimited,
            503 | 529 => ProviderErrorKind::Overloaded,
            400..=499 => ProviderErrorKind::Invalid,
            _ => ProviderErrorKind::Server,
        }
    }

    /// Whether another target may serve what this one did not.
    pub fn is_of_target(self) -> bool {
        !matches!(self, ProviderErrorKind::Invalid | ProviderErrorKind::TooLarge)
    }
}

/// The beginning of what a provider sent, on one line.
pub fn quoted(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes.get(..QUOTED_BYTES_MAX).unwrap_or(bytes));
    let text: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    bounded(&text, QUOTED_BYTES_MAX)
}

/// Cuts at a character's border.
pub fn bounded(text: &str, bytes_max: usize) -> String {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}
