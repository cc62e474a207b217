//! Which requests a rule is for.

use sluicegate_plugin::{identity, labels, request};

use crate::choice::Choice;

/// Distinct things that all rules together look at: bounds what one request may ask of the host.
pub const SOURCES_MAX: usize = 16;

/// What is looked at.
#[derive(PartialEq, Eq)]
pub enum Source {
    Method,
    Path,
    /// The first value of a field, by its name in lower case.
    Header(String),
    Identity(String),
    Label(String),
}

/// What has been looked at so far, by number of the source: rules behind the first that matches cost nothing, and nothing is
/// asked for twice.
pub struct Found([Option<Option<Vec<u8>>>; SOURCES_MAX]);

pub struct Rule {
    /// All of them hold.
    pub conditions: Vec<Condition>,
    pub choice: Choice,
}

pub struct Condition {
    /// Number of the source, below [`SOURCES_MAX`].
    pub source: usize,
    pub test: Test,
}

pub enum Test {
    Exists,
    Is(String),
    OneOf(Vec<String>),
    /// A path, and all below it, whichever of its characters are escaped.
    Below(String),
}

impl Rule {
    pub fn matches(&self, sources: &[Source], found: &mut Found) -> bool {
        self.conditions.iter().all(|condition| condition.test.holds(found.of(sources, condition.source)))
    }
}

impl Found {
    pub fn nothing() -> Found {
        Found([const { None }; SOURCES_MAX])
    }

    fn of(&mut self, sources: &[Source], number: usize) -> Option<&[u8]> {
        let (place, source) = (self.0.get_mut(number)?, sources.get(number)?);
        place.get_or_insert_with(|| source.read()).as_deref()
    }
}

impl Source {
    pub fn is_identity(&self) -> bool {
        matches!(self, Source::Identity(_))
    }

    fn read(&self) -> Option<Vec<u8>> {
        match self {
            Source::Method => Some(request::method().into_bytes()),
            Source::Path => Some(request::path().into_bytes()),
            Source::Header(name) => request::header(name),
            Source::Identity(part) => identity::get(part).map(String::into_bytes),
            Source::Label(name) => labels::get(name).map(String::into_bytes),
        }
    }
}

impl Test {
    fn holds(&self, value: Option<&[u8]>) -> bool {
        let Some(value) = value else { return false };
        match self {
            Test::Exists => true,
            Test::Is(text) => value == text.as_bytes(),
            Test::OneOf(texts) => texts.iter().any(|text| value == text.as_bytes()),
            Test::Below(prefix) => {
                let mut path = Decoded(value);
                Decoded(prefix.as_bytes()).all(|byte| path.next() == Some(byte))
                    && (prefix.ends_with('/') || matches!(path.next(), None | Some(b'/')))
            }
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
