//! How a policy says what becomes of an exchange.

use std::time::Duration;

use serde::Serialize;

use crate::{Answer, Decision, Detail, Field, Piece, Rejection};

impl Rejection {
    /// A refusal that the gateway renders in the client's dialect.
    ///
    /// `status` is 400 to 599; `code` is for programs, lower-case words joined by underscores, at most 64 bytes; `message` is a
    /// sentence for a person, and holds no secret.
    pub fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Rejection {
        Rejection {
            status,
            code: code.into(),
            message: message.into(),
            retry_after_ms: None,
            fields: Vec::new(),
            problem_type: None,
            details: Vec::new(),
        }
    }

    /// A further field of the answer, such as `www-authenticate`.
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Rejection {
        self.fields.push(Field { name: name.to_ascii_lowercase(), value: value.into() });
        self
    }

    /// Becomes `Retry-After`, rounded up to seconds.
    pub fn retry_after(mut self, after: Duration) -> Rejection {
        self.retry_after_ms = Some(u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// The problem's `type` URI (RFC 9457, 3.1.1).
    pub fn problem_type(mut self, uri: impl Into<String>) -> Rejection {
        self.problem_type = Some(uri.into());
        self
    }

    /// A further member of the problem document.
    ///
    /// # Panics
    /// If `value` cannot be written as JSON, as with a map whose keys are no text.
    pub fn detail(mut self, name: &str, value: &impl Serialize) -> Rejection {
        match serde_json::to_string(value) {
            Ok(json) => self.details.push(Detail { name: name.to_owned(), json }),
            Err(error) => panic!("the detail {name} is no JSON: {error}"),
        }
        self
    }
}

impl Answer {
    /// A whole answer without fields or body. `status` is 200 to 599.
    pub fn new(status: u16) -> Answer {
        Answer { status, fields: Vec::new(), body: Vec::new() }
    }

    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Answer {
        self.fields.push(Field { name: name.to_ascii_lowercase(), value: value.into() });
        self
    }

    /// The gateway sets `content-length`.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Answer {
        self.body = body.into();
        self
    }

    /// This value as the body, with its `content-type`.
    ///
    /// # Panics
    /// If `value` cannot be written as JSON, as with a map whose keys are no text.
    pub fn json(self, value: &impl Serialize) -> Answer {
        self.header("content-type", "application/json").body(json(value))
    }
}

impl Piece {
    /// This value goes on in place of the body, for a phase whose body is buffered.
    ///
    /// # Panics
    /// If `value` cannot be written as JSON, as with a map whose keys are no text.
    pub fn json(value: &impl Serialize) -> Piece {
        Piece::Replace(json(value))
    }
}

fn json(value: &impl Serialize) -> Vec<u8> {
    match serde_json::to_vec(value) {
        Ok(json) => json,
        Err(error) => panic!("the body is no JSON: {error}"),
    }
}

impl From<Rejection> for Decision {
    fn from(rejection: Rejection) -> Decision {
        Decision::Reject(rejection)
    }
}

impl From<Answer> for Decision {
    fn from(answer: Answer) -> Decision {
        Decision::Respond(answer)
    }
}

/// So that a phase can be written as a function with `?`.
impl From<Result<(), Rejection>> for Decision {
    fn from(result: Result<(), Rejection>) -> Decision {
        match result {
            Ok(()) => Decision::Proceed,
            Err(rejection) => Decision::Reject(rejection),
        }
    }
}

/// So that a body phase can be written as a function with `?`.
impl From<Result<Piece, Rejection>> for Piece {
    fn from(result: Result<Piece, Rejection>) -> Piece {
        result.unwrap_or_else(Piece::Reject)
    }
}

impl From<Rejection> for Piece {
    fn from(rejection: Rejection) -> Piece {
        Piece::Reject(rejection)
    }
}

impl From<Answer> for Piece {
    fn from(answer: Answer) -> Piece {
        Piece::Respond(answer)
    }
}
