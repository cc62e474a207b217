//! Which requests a rule is for.

use std::ops::RangeInclusive;

use crate::choice::Choice;
use crate::source::{Found, Source, Value};

pub struct Rule {
    /// All of them hold.
    pub conditions: Vec<Condition>,
    pub choice: Choice,
}

pub struct Condition {
    /// Number of the source, below [`SOURCES_MAX`](crate::source::SOURCES_MAX).
    pub source: usize,
    pub test: Test,
}

pub enum Test {
    Exists,
    Is(String),
    OneOf(Vec<String>),
    /// One of these names; one that ends with `*` is a beginning.
    Named(Vec<String>),
    /// A path, and all below it, whichever of its characters are escaped.
    Below(String),
    Within(RangeInclusive<u64>),
    Truth(bool),
}

impl Rule {
    pub fn matches(&self, sources: &[Source], found: &mut Found) -> bool {
        self.conditions.iter().all(|condition| condition.test.holds(found.of(sources, condition.source)))
    }
}

impl Test {
    fn holds(&self, value: Option<&Value>) -> bool {
        match (self, value) {
            (_, None) => false,
            (Test::Exists, Some(_)) => true,
            (Test::Within(range), Some(Value::Number(number))) => range.contains(number),
            (Test::Truth(wanted), Some(Value::Truth(found))) => wanted == found,
            (test, Some(Value::Text(text))) => test.holds_for(text),
            _ => false,
        }
    }

    fn holds_for(&self, value: &[u8]) -> bool {
        match self {
            Test::Is(text) => value == text.as_bytes(),
            Test::OneOf(texts) => texts.iter().any(|text| value == text.as_bytes()),
            Test::Named(names) => names.iter().any(|name| match name.strip_suffix('*') {
                Some(beginning) => value.starts_with(beginning.as_bytes()),
                None => value == name.as_bytes(),
            }),
            Test::Below(prefix) => {
                let mut path = Decoded(value);
                Decoded(prefix.as_bytes()).all(|byte| path.next() == Some(byte))
                    && (prefix.ends_with('/') || matches!(path.next(), None | Some(b'/')))
            }
            Test::Exists | Test::Within(_) | Test::Truth(_) => false,
        }
    }
}

/// The bytes that a path stands for. The gateway matches routes so, too: a client must not get past a rule by another spelling.
/// An encoded slash separates nothing, and stays what it is.
struct Decoded<'a>(&'a [u8]);

impl Iterator for Decoded<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        let escaped = match self.0 {
            [b'%', high, low, rest @ ..] => byte(*high, *low).filter(|byte| *byte != b'/').map(|byte| (byte, rest)),
            _ => None,
        };
        let (byte, rest) = escaped.unwrap_or((first, rest));
        self.0 = rest;
        Some(byte)
    }
}

fn byte(high: u8, low: u8) -> Option<u8> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}
