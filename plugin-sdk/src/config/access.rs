//! The reader as serde sees it.
//!
//! Each method asks for the one form that is wanted, so that a policy contains the code for the forms that its config has.

use serde::de::{Deserializer, Expected, Visitor};

use super::error::Error;
use super::items::{Items, Members};
use super::number::Number;
use super::reader::{Reader, Step};

impl Reader<'_> {
    /// What stands here is not what is wanted.
    fn mismatch(&mut self, expected: &dyn Expected) -> Error {
        let found = match self.peek() {
            Some(b'{') => "a table",
            Some(b'[') => "a list",
            Some(b'"') => match self.take_text() {
                Ok(text) => return Error::text(&text.unwrap_or_default(), expected),
                Err(error) => return error,
            },
            _ if self.take_word("true") => "boolean `true`",
            _ if self.take_word("false") => "boolean `false`",
            _ if self.take_word("null") => "null",
            _ => match self.take_number() {
                Some(number) => return Error::number(number, expected),
                None => return self.malformed(),
            },
        };
        Error::found(found, expected)
    }

    fn integer(&mut self, expected: &dyn Expected) -> Result<Number, Error> {
        let rest = self.rest;
        if let Some(number) = self.take_number().and_then(Number::parse) {
            return Ok(number);
        }
        self.rest = rest;
        Err(self.mismatch(expected))
    }

    fn text(&mut self, expected: &dyn Expected) -> Result<String, Error> {
        match self.take_text()? {
            Some(text) => Ok(text.into_owned()),
            None => Err(self.mismatch(expected)),
        }
    }

    /// Goes into a list or table.
    fn open(&mut self, token: u8, expected: &dyn Expected) -> Result<(), Error> {
        if self.take(token) { Ok(()) } else { Err(self.mismatch(expected)) }
    }
}

macro_rules! integers {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.integer(&visitor)?.visit(visitor)
        })*
    };
}

macro_rules! parsed {
    ($($method:ident $visit:ident $type:ty;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            let rest = self.rest;
            if let Some(number) = self.take_number().and_then(|number| number.parse::<$type>().ok()) {
                return visitor.$visit(number);
            }
            self.rest = rest;
            Err(self.mismatch(&visitor))
        })*
    };
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.peek() {
            Some(b'{') => self.deserialize_map(visitor),
            Some(b'[') => self.deserialize_seq(visitor),
            Some(b'"') => self.deserialize_str(visitor),
            Some(b't' | b'f') => self.deserialize_bool(visitor),
            Some(b'n') if self.take_word("null") => visitor.visit_unit(),
            _ => {
                let rest = self.rest;
                if let Some(number) = self.take_number().and_then(Number::parse) {
                    return number.visit(visitor);
                }
                self.rest = rest;
                self.deserialize_f64(visitor)
            }
        }
    }

    integers! {
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
    }

    parsed! {
        deserialize_u128 visit_u128 u128;
        deserialize_i128 visit_i128 i128;
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let rest = self.rest;
        match self.take_number().and_then(|number| number.parse::<f64>().ok()) {
            Some(number) if number.is_finite() => visitor.visit_f64(number),
            Some(_) => Err(Error::new("the number is too large")),
            None => {
                self.rest = rest;
                Err(self.mismatch(&visitor))
            }
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.take_word("true") {
            visitor.visit_bool(true)
        } else if self.take_word("false") {
            visitor.visit_bool(false)
        } else {
            Err(self.mismatch(&visitor))
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let text = self.text(&visitor)?;
        visitor.visit_string(text)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.peek() == Some(b'[') { self.deserialize_seq(visitor) } else { self.deserialize_str(visitor) }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.take_word("null") { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    /// An empty table, since a config is a table also where there is nothing to say.
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.take(b'{') {
            if self.take(b'}') {
                return visitor.visit_unit();
            }
            let name = self.take_key()?;
            self.enter(Step::Key(name))?;
            return Err(Error::new("there is no such name, nor any other: remove it"));
        }
        if self.take_word("null") { visitor.visit_unit() } else { Err(self.mismatch(&visitor)) }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.open(b'[', &visitor)?;
        let mut items = Items::new(self);
        let value = visitor.visit_seq(&mut items)?;
        items.end()?;
        Ok(value)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.open(b'{', &visitor)?;
        visitor.visit_map(Members::new(self))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.peek() {
            Some(b'"' | b'{') => visitor.visit_enum(self),
            _ => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.skip()?;
        visitor.visit_unit()
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }
}
