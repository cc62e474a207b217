//! What is wrong with a config, and where in it.

use crate::{Problem, decimal};

/// An RFC 6901 JSON pointer into the config, from which the gateway finds file and line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pointer {
    text: String,
    /// What a reader of the config calls the place; none at the root.
    name: Option<String>,
}

impl Pointer {
    /// The whole config.
    pub fn root() -> Pointer {
        Pointer::default()
    }

    /// A member of the table that this points to.
    pub fn key(&self, name: &str) -> Pointer {
        let mut pointer = self.text.clone();
        pointer.push('/');
        for character in name.chars() {
            match character {
                '~' => pointer.push_str("~0"),
                '/' => pointer.push_str("~1"),
                _ => pointer.push(character),
            }
        }
        Pointer { text: pointer, name: Some(name.to_owned()) }
    }

    /// A member of the list that this points to.
    pub fn index(&self, index: usize) -> Pointer {
        let mut text = self.text.clone();
        text.push('/');
        decimal::push(&mut text, index as u64);
        let name = self.name.clone().map(|mut name| {
            name.push('[');
            decimal::push(&mut name, index as u64);
            name.push(']');
            name
        });
        Pointer { text, name }
    }

    /// `/limits/0/name`
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What a reader of the config calls the place, such as `limits[0]`.
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

/// At least one [`Problem`]. Report all that you find: their reader mends a file in one go.
#[derive(Debug, Clone, PartialEq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// One problem. `message` says in one sentence what is wrong and how to mend it.
    pub fn new(pointer: &Pointer, message: impl Into<String>) -> Problems {
        Problems(vec![Problem { pointer: pointer.text.clone(), message: message.into() }])
    }

    /// `Ok` if there are none.
    pub fn check(found: Vec<Problems>) -> Result<(), Problems> {
        if found.is_empty() { Ok(()) } else { Err(Problems::join(found)) }
    }

    /// All of them in one.
    pub fn join(found: Vec<Problems>) -> Problems {
        Problems(found.into_iter().flat_map(|problems| problems.0).collect())
    }

    pub fn into_vec(self) -> Vec<Problem> {
        self.0
    }
}
