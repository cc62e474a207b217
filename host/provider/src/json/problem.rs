//! What can be wrong with a part of a request, before a dialect says it in its vendor's words.

use serde_json::Value;

/// One wrong place of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// Such as `messages[0].content`; empty for the whole body.
    pub path: String,
    pub kind: ProblemKind,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ProblemKind {
    Missing,
    Type {
        expected: &'static str,
        got: Kind,
        /// The value as JSON text, cut short.
        shown: String,
    },
    /// A number, with the limit as it is to be written. `got` is as the client wrote it.
    Below {
        number: &'static str,
        least: String,
        got: String,
    },
    Above {
        number: &'static str,
        most: String,
        got: String,
    },
    /// None of the words that may stand there.
    Choice {
        got: String,
        supported: &'static [&'static str],
    },
    Empty {
        what: &'static str,
    },
    TooLong {
        what: &'static str,
        most: usize,
        got: usize,
    },
    Pattern {
        got: String,
        pattern: &'static str,
    },
    Unknown,
    /// Everything else: a code of OpenAI's kind and a whole sentence.
    Other {
        code: &'static str,
        message: String,
    },
}

/// The JSON types, as far as messages tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Null,
    Boolean,
    Decimal,
    Integer,
    String,
    Array,
    Object,
}

/// How much of a wrong value a message repeats.
const SHOWN_CHARACTERS_MAX: usize = 40;

impl Problem {
    pub fn new(path: impl Into<String>, kind: ProblemKind) -> Problem {
        Problem { path: path.into(), kind }
    }

    pub fn other(path: impl Into<String>, code: &'static str, message: impl Into<String>) -> Problem {
        Problem::new(path, ProblemKind::Other { code, message: message.into() })
    }

    pub fn missing(path: impl Into<String>) -> Problem {
        Problem::new(path, ProblemKind::Missing)
    }

    pub fn wrong_type(path: impl Into<String>, expected: &'static str, got: &Value) -> Problem {
        let shown = got.to_string().chars().take(SHOWN_CHARACTERS_MAX).collect();
        Problem::new(path, ProblemKind::Type { expected, got: Kind::of(got), shown })
    }

    pub fn choice(path: impl Into<String>, got: &str, supported: &'static [&'static str]) -> Problem {
        Problem::new(path, ProblemKind::Choice { got: got.to_owned(), supported })
    }

    /// `messages[0].content` as `messages.0.content`.
    pub fn dotted_path(&self) -> String {
        self.path.replace('[', ".").replace(']', "")
    }
}

impl Kind {
    pub fn of(value: &Value) -> Kind {
        match value {
            Value::Null => Kind::Null,
            Value::Bool(_) => Kind::Boolean,
            Value::Number(number) if number.is_f64() => Kind::Decimal,
            Value::Number(_) => Kind::Integer,
            Value::String(_) => Kind::String,
            Value::Array(_) => Kind::Array,
            Value::Object(_) => Kind::Object,
        }
    }
}
