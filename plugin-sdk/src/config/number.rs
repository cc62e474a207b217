//! Whole numbers.

use serde::de::Visitor;

use super::error::Error;

/// One that serde asks for by an integer type.
pub(super) enum Number {
    Natural(u64),
    Negative(i64),
}

impl Number {
    /// None if it has a fraction or an exponent, or is too large. `-0` is no whole number: none has a sign and no value.
    pub(super) fn parse(text: &str) -> Option<Number> {
        match text.parse() {
            Ok(number) => Some(Number::Natural(number)),
            Err(_) => text.parse().ok().filter(|number| *number < 0).map(Number::Negative),
        }
    }

    pub(super) fn visit<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Number::Natural(number) => visitor.visit_u64(number),
            Number::Negative(number) => visitor.visit_i64(number),
        }
    }
}
