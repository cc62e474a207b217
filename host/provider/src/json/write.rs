//! JSON text whose members stand in the order in which they are written: a map would sort them.

use serde::Serialize;
use serde_json::value::RawValue;

/// Finished JSON text, which can be a member of other JSON.
pub type Json = Box<RawValue>;

/// Writes one object.
pub struct Object(String);

/// An object of members that are always there: `object! { "type": "text", "text": text }`.
macro_rules! object {
    ($($name:literal: $value:expr),* $(,)?) => {
        $crate::json::Object::new()$(.member($name, &$value))*.json()
    };
}
pub(crate) use object;

impl Object {
    pub fn new() -> Object {
        Object("{".to_owned())
    }

    pub fn member(mut self, name: &str, value: &(impl Serialize + ?Sized)) -> Object {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push_str(&text(name));
        self.0.push(':');
        self.0.push_str(&text(value));
        self
    }

    /// Nothing, not even null, if there is no value.
    pub fn optional(self, name: &str, value: Option<&impl Serialize>) -> Object {
        match value {
            Some(value) => self.member(name, value),
            None => self,
        }
    }

    pub fn json(mut self) -> Json {
        self.0.push('}');
        // Each part is JSON, so that the whole is.
        RawValue::from_string(self.0).unwrap_or_default()
    }
}

/// For a body or an event.
pub fn bytes(value: &(impl Serialize + ?Sized)) -> bytes::Bytes {
    text(value).into()
}

/// Only a map with keys other than strings or a failing `Serialize` could go wrong, and there is neither.
fn text(value: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_order_and_their_text() {
        let inner = object! { "z": 1, "a": "\"" };
        let outer = Object::new().member("m", &[&inner]).optional("left out", None::<&u8>).optional("b", Some(&()));
        assert_eq!(outer.json().get(), r#"{"m":[{"z":1,"a":"\""}],"b":null}"#);
    }
}
