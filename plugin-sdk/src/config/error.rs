//! What serde says is wrong. The place is the reader's to know.

use std::fmt::{self, Display, Write};

use serde::de::{Expected, Unexpected};

use crate::decimal;

/// A sentence without its full stop.
#[derive(Debug)]
pub(super) struct Error(String);

impl Error {
    pub(super) fn new(text: &str) -> Error {
        Error(text.to_owned())
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }

    /// What was found is a number, as it is written.
    pub(super) fn number(number: &str, expected: &dyn Expected) -> Error {
        let whole = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let mut text = "invalid type: ".to_owned();
        text.push_str(if whole { "integer `" } else { "number `" });
        text.push_str(number);
        text.push('`');
        Error(text).expecting(expected)
    }

    /// What was found is a text.
    pub(super) fn text(found: &str, expected: &dyn Expected) -> Error {
        let mut text = "invalid type: string ".to_owned();
        quote(found, &mut text);
        Error(text).expecting(expected)
    }

    /// What was found, in words.
    pub(super) fn found(found: &str, expected: &dyn Expected) -> Error {
        let mut text = "invalid type: ".to_owned();
        text.push_str(found);
        Error(text).expecting(expected)
    }

    fn expecting(mut self, expected: &dyn Expected) -> Error {
        self.0.push_str(", expected ");
        self.write(format_args!("{expected}"));
        self
    }

    fn write(&mut self, text: fmt::Arguments) {
        // Into a string nothing fails but the author's own `Display`, of which then stands there what it wrote.
        let _what_it_wrote = self.0.write_fmt(text);
    }

    fn of_name(what: &str, name: &str) -> Error {
        let mut text = what.to_owned();
        text.push_str(" `");
        text.push_str(name);
        text.push('`');
        Error(text)
    }

    fn with_known(mut self, known: &[&str], none: &str) -> Error {
        let mut before = match known {
            [] => none,
            [_] => ", expected ",
            [_, _] => ", expected ",
            _ => ", expected one of ",
        };
        if known.is_empty() {
            self.0.push_str(before);
        }
        for name in known {
            self.0.push_str(before);
            self.0.push('`');
            self.0.push_str(name);
            self.0.push('`');
            before = if known.len() == 2 { " or " } else { ", " };
        }
        self
    }
}

impl Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

// serde's own way to write these prints numbers of every kind, and the tables for that are a third of a small policy. The words
// are serde's.
impl serde::de::Error for Error {
    fn custom<T: Display>(message: T) -> Error {
        let mut error = Error(String::new());
        error.write(format_args!("{message}"));
        error
    }

    fn invalid_type(found: Unexpected, expected: &dyn Expected) -> Error {
        mismatch("invalid type: ", found).expecting(expected)
    }

    fn invalid_value(found: Unexpected, expected: &dyn Expected) -> Error {
        mismatch("invalid value: ", found).expecting(expected)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Error {
        let mut text = "invalid length ".to_owned();
        decimal::push(&mut text, length as u64);
        Error(text).expecting(expected)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Error {
        Error::of_name("unknown variant", variant).with_known(expected, ", there are no variants")
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Error {
        Error::of_name("unknown field", field).with_known(expected, ", there are no fields")
    }

    fn missing_field(field: &'static str) -> Error {
        Error::of_name("missing field", field)
    }

    fn duplicate_field(field: &'static str) -> Error {
        Error::of_name("duplicate field", field)
    }
}

fn mismatch(what: &str, found: Unexpected) -> Error {
    let mut text = what.to_owned();
    let words = match found {
        Unexpected::Bool(true) => "boolean `true`",
        Unexpected::Bool(false) => "boolean `false`",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "integer `",
        Unexpected::Float(_) => "a number with a fraction",
        Unexpected::Char(_) => "character ",
        Unexpected::Str(_) => "string ",
        Unexpected::Bytes(_) => "bytes",
        Unexpected::Unit => "null",
        Unexpected::Option => "a value that may be absent",
        Unexpected::NewtypeStruct => "a value",
        Unexpected::Seq => "a list",
        Unexpected::Map => "a table",
        Unexpected::Enum => "a choice",
        Unexpected::UnitVariant => "a name alone",
        Unexpected::NewtypeVariant => "a name with a value",
        Unexpected::TupleVariant => "a name with a list",
        Unexpected::StructVariant => "a name with a table",
        Unexpected::Other(other) => other,
    };
    text.push_str(words);
    match found {
        Unexpected::Unsigned(number) => integer(false, number, &mut text),
        Unexpected::Signed(number) => integer(number < 0, number.unsigned_abs(), &mut text),
        Unexpected::Char(letter) => quote(letter.encode_utf8(&mut [0; 4]), &mut text),
        Unexpected::Str(found) => quote(found, &mut text),
        _ => {}
    }
    Error(text)
}

fn integer(negative: bool, number: u64, text: &mut String) {
    if negative {
        text.push('-');
    }
    decimal::push(text, number);
    text.push('`');
}

/// A line of its own it can never begin: control characters are written by their numbers.
fn quote(found: &str, text: &mut String) {
    text.push('"');
    for letter in found.chars() {
        match letter {
            '\0'..=' ' | '\u{7f}'..='\u{9f}' if letter != ' ' => {
                text.push_str("\\u{");
                for shift in [4, 0] {
                    text.push(char::from_digit(u32::from(letter) >> shift & 15, 16).unwrap_or('0'));
                }
                text.push('}');
            }
            _ => {
                if letter == '"' || letter == '\\' {
                    text.push('\\');
                }
                text.push(letter);
            }
        }
    }
    text.push('"');
}
