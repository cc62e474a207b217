//! JSON with the place of every value, so that a change can be spliced into the bytes that came.
//!
//! RFC 8259, and stricter: a member that stands twice in one object is refused, because two readers would disagree on it (RFC 8259,
//! 4), and so are lone surrogates, which no UTF-8 text can hold, and nesting beyond [`DEPTH_MAX`].

mod fields;
mod parse;
mod splice;

use std::ops::Range;

use bytes::Bytes;

pub use fields::Fields;
pub use splice::Splice;

/// Arrays and objects in each other.
pub const DEPTH_MAX: usize = 128;

/// Values of one text, since each takes some 80 bytes however short it is written.
pub const VALUES_MAX: usize = 500_000;

/// A JSON text and its root.
#[derive(Debug, Clone)]
pub struct Document {
    source: Bytes,
    pub root: Value,
}

/// A value and where it stands in the source, without the white space around it.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    pub kind: Kind,
    pub span: Range<usize>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    Null,
    Bool(bool),
    /// As it stands in the source.
    Number(Box<str>),
    /// With its escapes undone.
    String(String),
    Array(Vec<Value>),
    /// An array of nothing but numbers, in a text that was read for its vectors.
    Vector(Vec<f32>),
    /// In the order of the source.
    Object(Vec<(String, Value)>),
}

/// What is not JSON, or not what this module takes for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem} at byte {at}")]
pub struct JsonError {
    /// What stands there, such as "a value is missing".
    pub problem: String,
    /// From the beginning of the text, counted from 0.
    pub at: usize,
}

impl Document {
    pub fn parse(source: Bytes) -> Result<Document, JsonError> {
        let root = parse::parse(&source, false)?;
        Ok(Document { source, root })
    }

    /// Reads arrays of numbers as vectors, which take 4 bytes a number and do not count among the [`VALUES_MAX`].
    pub fn parse_vectors(source: Bytes) -> Result<Document, JsonError> {
        let root = parse::parse(&source, true)?;
        Ok(Document { source, root })
    }

    pub fn source(&self) -> &Bytes {
        &self.source
    }

    /// The text of a value of this document, as it stands there.
    pub fn raw(&self, value: &Value) -> &str {
        self.source.get(value.span.clone()).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or("null")
    }

    /// As [`Document::raw`], for what is written into another JSON text.
    pub fn raw_value(&self, value: &Value) -> Box<serde_json::value::RawValue> {
        let text = self.raw(value).to_owned();
        serde_json::value::RawValue::from_string(text).unwrap_or_default()
    }
}

impl Value {
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.as_object()?.iter().find(|(other, _)| other == name).map(|(_, value)| value)
    }

    pub fn is_null(&self) -> bool {
        self.kind == Kind::Null
    }

    pub fn as_bool(&self) -> Option<bool> {
        if let Kind::Bool(value) = self.kind { Some(value) } else { None }
    }

    pub fn as_str(&self) -> Option<&str> {
        if let Kind::String(text) = &self.kind { Some(text) } else { None }
    }

    pub fn as_array(&self) -> Option<&[Value]> {
        if let Kind::Array(values) = &self.kind { Some(values) } else { None }
    }

    /// Of a text that was read for its vectors. Finite.
    pub fn as_vector(&self) -> Option<&[f32]> {
        match &self.kind {
            Kind::Vector(numbers) if numbers.iter().all(|number| number.is_finite()) => Some(numbers),
            Kind::Array(values) if values.is_empty() => Some(&[]),
            _ => None,
        }
    }

    pub fn as_object(&self) -> Option<&[(String, Value)]> {
        if let Kind::Object(members) = &self.kind { Some(members) } else { None }
    }

    /// Finite.
    pub fn as_f64(&self) -> Option<f64> {
        let Kind::Number(text) = &self.kind else { return None };
        text.parse().ok().filter(|number: &f64| number.is_finite())
    }

    /// Also of `3.0` and `3e0`, which are whole numbers in JSON.
    pub fn as_u64(&self) -> Option<u64> {
        let Kind::Number(text) = &self.kind else { return None };
        text.parse().ok().or_else(|| {
            let number = self.as_f64()?;
            // Beyond 2^53 the text would not say which whole number is meant.
            (number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&number)).then_some(number as u64)
        })
    }

    pub fn as_i64(&self) -> Option<i64> {
        let Kind::Number(text) = &self.kind else { return None };
        text.parse().ok().or_else(|| self.as_u64().and_then(|number| number.try_into().ok()))
    }

    /// `an object`, `a string`: for messages.
    pub fn what(&self) -> &'static str {
        match self.kind {
            Kind::Null => "null",
            Kind::Bool(_) => "a boolean",
            Kind::Number(_) => "a number",
            Kind::String(_) => "a string",
            Kind::Array(_) | Kind::Vector(_) => "an array",
            Kind::Object(_) => "an object",
        }
    }
}

#[cfg(test)]
mod tests;
