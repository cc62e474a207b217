//! An object's members taken one by one; what nobody took is what the reader does not know.

use std::cell::RefCell;

use super::{Kind, Value};
use crate::call::Text;
use crate::error::CallError;

/// A view of one object. Members with the value `null` count as not there, as the vendors take them.
pub struct Fields<'a> {
    path: String,
    members: &'a [(String, Value)],
    taken: RefCell<Vec<bool>>,
}

impl<'a> Fields<'a> {
    /// `path` is how the vendors name the object in errors: `messages[0]`; empty for the root.
    pub fn of(value: &'a Value, path: impl Into<String>) -> Result<Fields<'a>, CallError> {
        let path = path.into();
        match &value.kind {
            Kind::Object(members) => Ok(Fields { path, members, taken: RefCell::new(vec![false; members.len()]) }),
            _ => Err(wrong(&path, "an object", value)),
        }
    }

    /// `messages[0].content`: the full name of a member.
    pub fn name(&self, member: &str) -> String {
        if self.path.is_empty() { member.to_owned() } else { format!("{}.{member}", self.path) }
    }

    /// Takes a member.
    pub fn get(&self, member: &str) -> Option<&'a Value> {
        let at = self.members.iter().position(|(name, _)| name == member)?;
        if let Some(taken) = self.taken.borrow_mut().get_mut(at) {
            *taken = true;
        }
        self.members.get(at).map(|(_, value)| value).filter(|value| !value.is_null())
    }

    pub fn required(&self, member: &str) -> Result<&'a Value, CallError> {
        let missing = || CallError::new(self.name(member), format!("`{}` is missing.", self.name(member)));
        self.get(member).ok_or_else(missing)
    }

    pub fn str(&self, member: &str) -> Result<Option<&'a str>, CallError> {
        self.typed(member, "a string", Value::as_str)
    }

    pub fn required_str(&self, member: &str) -> Result<&'a str, CallError> {
        let value = self.required(member)?;
        value.as_str().ok_or_else(|| wrong(&self.name(member), "a string", value))
    }

    /// A string with its place.
    pub fn text(&self, member: &str) -> Result<Option<Text>, CallError> {
        self.typed(member, "a string", |value| value.as_str().map(|text| Text::at(text, value.span.clone())))
    }

    pub fn bool(&self, member: &str) -> Result<Option<bool>, CallError> {
        self.typed(member, "true or false", Value::as_bool)
    }

    pub fn f64(&self, member: &str) -> Result<Option<f64>, CallError> {
        self.typed(member, "a number", Value::as_f64)
    }

    pub fn u64(&self, member: &str) -> Result<Option<u64>, CallError> {
        self.typed(member, "a whole number, 0 or more", Value::as_u64)
    }

    pub fn i64(&self, member: &str) -> Result<Option<i64>, CallError> {
        self.typed(member, "a whole number", Value::as_i64)
    }

    pub fn array(&self, member: &str) -> Result<Option<&'a [Value]>, CallError> {
        self.typed(member, "an array", Value::as_array)
    }

    pub fn object(&self, member: &str) -> Result<Option<Fields<'a>>, CallError> {
        self.get(member).map(|value| Fields::of(value, self.name(member))).transpose()
    }

    /// Fields that nobody has taken and that are not null. Their values are with them, since to look each up again would take
    /// a time that grows with the square of their number.
    pub fn rest(&self) -> Vec<(&'a str, &'a Value)> {
        let taken = self.taken.borrow();
        let untaken = self.members.iter().zip(taken.iter()).filter(|((_, value), taken)| !**taken && !value.is_null());
        untaken.map(|((name, value), _)| (name.as_str(), value)).collect()
    }

    /// The error for a member whose value is not what is expected: `expected` such as `"auto" or an object`.
    pub fn wrong(&self, member: &str, expected: &str) -> CallError {
        match self.members.iter().find(|(name, _)| name == member) {
            Some((_, value)) => wrong(&self.name(member), expected, value),
            None => CallError::new(self.name(member), format!("`{}` is missing.", self.name(member))),
        }
    }

    fn typed<T>(
        &self,
        member: &str,
        expected: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, CallError> {
        match self.get(member) {
            None => Ok(None),
            Some(value) => read(value).map(Some).ok_or_else(|| wrong(&self.name(member), expected, value)),
        }
    }
}

fn wrong(path: &str, expected: &str, value: &Value) -> CallError {
    let found = match &value.kind {
        Kind::String(text) if text.len() <= 64 => format!("\"{text}\""),
        Kind::Number(text) if text.len() <= 64 => text.to_string(),
        _ => value.what().to_owned(),
    };
    let place = if path.is_empty() { "The body".to_owned() } else { format!("`{path}`") };
    CallError::new(path, format!("{place} must be {expected}, and is {found}."))
}
