//! An object's members under either of the names that the JSON of protocol buffers takes: `systemInstruction`, `system_instruction`.

use crate::call::Text;
use crate::error::CallError;
use crate::json::{Fields, Value};

/// As [`Fields`], asked by the name in `camelCase`, and with the object's JSON pointer.
pub struct Members<'a> {
    value: &'a Value,
    fields: Fields<'a>,
    pointer: String,
}

impl<'a> Members<'a> {
    pub fn root(value: &'a Value) -> Result<Members<'a>, CallError> {
        Ok(Members { value, fields: Fields::of(value, "")?, pointer: String::new() })
    }

    /// The name that the client uses for this member.
    fn used(&self, member: &str) -> String {
        match self.fields.get(member) {
            Some(_) => member.to_owned(),
            None => snake_case(member),
        }
    }

    pub fn name(&self, member: &str) -> String {
        self.fields.name(member)
    }

    pub fn pointer(&self, member: &str) -> String {
        format!("{}/{}", self.pointer, escaped(&self.used(member)))
    }

    pub fn value(&self) -> &'a Value {
        self.value
    }

    /// Of the object itself.
    pub fn own_pointer(&self) -> &str {
        &self.pointer
    }

    pub fn get(&self, member: &str) -> Option<&'a Value> {
        self.fields.get(member).or_else(|| self.fields.get(&snake_case(member)))
    }

    pub fn missing(&self, member: &str) -> CallError {
        CallError::new(self.name(member), format!("`{}` is missing.", self.name(member)))
    }

    pub fn str(&self, member: &str) -> Result<Option<&'a str>, CallError> {
        self.fields.str(&self.used(member))
    }

    pub fn required_str(&self, member: &str) -> Result<&'a str, CallError> {
        self.str(member)?.ok_or_else(|| self.missing(member))
    }

    pub fn text(&self, member: &str) -> Result<Option<Text>, CallError> {
        self.fields.text(&self.used(member))
    }

    pub fn bool(&self, member: &str) -> Result<Option<bool>, CallError> {
        self.fields.bool(&self.used(member))
    }

    pub fn f64(&self, member: &str) -> Result<Option<f64>, CallError> {
        self.fields.f64(&self.used(member))
    }

    pub fn u64(&self, member: &str) -> Result<Option<u64>, CallError> {
        self.fields.u64(&self.used(member))
    }

    pub fn i64(&self, member: &str) -> Result<Option<i64>, CallError> {
        self.fields.i64(&self.used(member))
    }

    pub fn array(&self, member: &str) -> Result<Option<&'a [Value]>, CallError> {
        self.fields.array(&self.used(member))
    }

    pub fn strings(&self, member: &str) -> Result<Vec<&'a str>, CallError> {
        let name = self.used(member);
        let mut strings = Vec::new();
        for value in self.fields.array(&name)?.unwrap_or_default() {
            strings.push(value.as_str().ok_or_else(|| self.fields.wrong(&name, "an array of strings"))?);
        }
        Ok(strings)
    }

    pub fn object(&self, member: &str) -> Result<Option<Members<'a>>, CallError> {
        let name = self.used(member);
        let pointer = format!("{}/{}", self.pointer, escaped(&name));
        let fields = self.fields.object(&name)?;
        Ok(self.fields.get(&name).zip(fields).map(|(value, fields)| Members { value, fields, pointer }))
    }

    pub fn required_object(&self, member: &str) -> Result<Members<'a>, CallError> {
        self.object(member)?.ok_or_else(|| self.missing(member))
    }

    /// None where the member is not there.
    pub fn objects(&self, member: &str) -> Result<Option<Vec<Members<'a>>>, CallError> {
        let name = self.used(member);
        let Some(values) = self.fields.array(&name)? else { return Ok(None) };
        let objects = values.iter().enumerate().map(|(number, value)| {
            let fields = Fields::of(value, format!("{}[{number}]", self.name(&name)))?;
            Ok(Members { value, fields, pointer: format!("{}/{}/{number}", self.pointer, escaped(&name)) })
        });
        objects.collect::<Result<_, CallError>>().map(Some)
    }

    pub fn wrong(&self, member: &str, expected: &str) -> CallError {
        self.fields.wrong(&self.used(member), expected)
    }

    /// Whether there are members that nobody took.
    pub fn has_rest(&self) -> bool {
        !self.fields.rest().is_empty()
    }

    /// Adds the pointers of the members that nobody took.
    pub fn rest_into(&self, foreign: &mut Vec<String>) {
        foreign.extend(self.fields.rest().iter().map(|(name, _)| format!("{}/{}", self.pointer, escaped(name))));
    }
}

/// RFC 6901, 3.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn snake_case(name: &str) -> String {
    let mut changed = String::with_capacity(name.len() + 4);
    for character in name.chars() {
        if character.is_ascii_uppercase() {
            changed.push('_');
        }
        changed.push(character.to_ascii_lowercase());
    }
    changed
}
