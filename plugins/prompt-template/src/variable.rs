//! What a request may bring for a variable.

use serde::Deserialize;
use serde_json::Value;
use sluicegate_plugin::Schema;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Schema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    #[default]
    Text,
    Number,
    Boolean,
}

pub struct Variable {
    pub name: String,
    pub kind: Kind,
    /// Any value if there are none.
    pub one_of: Vec<String>,
    pub bytes_max: usize,
    /// None: the request must bring one.
    pub default: Option<String>,
}

impl Variable {
    /// The value as it goes into the prompt. Errors are sentences for the client.
    pub fn read(&self, value: Option<&Value>) -> Result<String, String> {
        let name = &self.name;
        let text = match (value, &self.default) {
            (None | Some(Value::Null), Some(default)) => return Ok(default.clone()),
            (None | Some(Value::Null), None) => return Err(format!("`{name}` is missing.")),
            (Some(value), _) => self.text(value).ok_or_else(|| format!("`{name}` must be {}.", self.kind.what()))?,
        };
        self.check(&text)?;
        Ok(text)
    }

    /// Also of a default.
    pub fn check(&self, text: &str) -> Result<(), String> {
        let name = &self.name;
        if text.len() > self.bytes_max {
            return Err(format!("`{name}` has {} bytes; at most {} are possible.", text.len(), self.bytes_max));
        }
        if !self.one_of.is_empty() && !self.one_of.iter().any(|known| known == text) {
            return Err(format!("`{name}` must be one of {}.", self.one_of.join(", ")));
        }
        let fits = match self.kind {
            Kind::Text => true,
            Kind::Number => serde_json::from_str::<serde_json::Number>(text).is_ok(),
            Kind::Boolean => matches!(text, "true" | "false"),
        };
        if fits { Ok(()) } else { Err(format!("`{name}` must be {}.", self.kind.what())) }
    }

    fn text(&self, value: &Value) -> Option<String> {
        match (self.kind, value) {
            (Kind::Text, Value::String(text)) => Some(text.clone()),
            (Kind::Number, Value::Number(number)) => Some(number.to_string()),
            (Kind::Boolean, Value::Bool(value)) => Some(value.to_string()),
            _ => None,
        }
    }
}

impl Kind {
    fn what(self) -> &'static str {
        match self {
            Kind::Text => "a text",
            Kind::Number => "a number",
            Kind::Boolean => "true or false",
        }
    }
}
