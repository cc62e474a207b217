//! Reads a config; what is wrong with it becomes a problem with the place where it is.
//!
//! A reader of the SDK's own, since it is most of a small policy's bytes: it goes through the text once, keeps the way to where it
//! stands, and brings in nothing for the numbers and types that a config does not have.

mod access;
mod error;
mod items;
mod key;
mod number;
mod reader;
#[cfg(test)]
mod tests;
mod text;
mod variant;

use serde::de::DeserializeOwned;

use crate::{Pointer, Problems};
use error::Error;
use reader::{Reader, Step};

pub(crate) fn read<C: DeserializeOwned>(config: &str) -> Result<C, Problems> {
    let mut reader = Reader::new(config);
    C::deserialize(&mut reader)
        .and_then(|config| reader.end().map(|()| config))
        .map_err(|error| problem(&reader.way, error))
}

fn problem(way: &[Step], error: Error) -> Problems {
    let pointer = way.iter().fold(Pointer::root(), |pointer, step| match step {
        Step::Key(name) => pointer.key(name),
        Step::Index(index) => pointer.index(*index),
    });
    Problems::new(&pointer, sentence(&pointer, error.into_text()))
}

/// serde's words, with the name in front and its type names replaced by those that a reader of the config knows.
fn sentence(pointer: &Pointer, mut text: String) -> String {
    if let Some((serde, ours)) = WORDS.iter().find(|(serde, _)| text.ends_with(serde)) {
        text.truncate(text.len() - serde.len());
        text.push_str(ours);
    }
    text.push('.');
    match pointer.name() {
        // serde names these itself.
        Some(name) if !text.starts_with("unknown field") && !text.starts_with("duplicate field") => {
            let mut named = "`".to_owned();
            for part in [name, "`: ", &text] {
                named.push_str(part);
            }
            named
        }
        _ => text,
    }
}

/// What serde calls a type, and what a config does.
const WORDS: [(&str, &str); 14] = [
    ("expected u8", "expected a whole number from 0 to 255"),
    ("expected u16", "expected a whole number from 0 to 65535"),
    ("expected u32", "expected a whole number from 0 to 4294967295"),
    ("expected u64", "expected a whole number that is not negative"),
    ("expected usize", "expected a whole number from 0 to 4294967295"),
    ("expected i8", "expected a whole number from -128 to 127"),
    ("expected i16", "expected a whole number from -32768 to 32767"),
    ("expected i32", "expected a whole number from -2147483648 to 2147483647"),
    ("expected i64", "expected a whole number"),
    ("expected f32", "expected a number"),
    ("expected f64", "expected a number"),
    ("expected a sequence", "expected a list"),
    ("expected a boolean", "expected true or false"),
    ("expected unit", "expected nothing"),
];
