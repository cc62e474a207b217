//! The reader as serde sees it.
//!
//! Each method asks for the one form that is wanted, so that a policy contains the code for the forms that its config has.

use serde::de::{DeserializeSeed, Deserializer, Expected, MapAccess, SeqAccess, Visitor};

use super::error::Error;
use super::key::Key;
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

    /// Behind the last item that somebody wanted.
    fn close(&mut self, token: u8) -> Result<(), Error> {
        if self.take(token) { Ok(()) } else { Err(Error::new("the list holds more items than are expected")) }
    }
}

enum Number {
    Natural(u64),
    Negative(i64),
}

impl Number {
    /// None if it has a fraction or an exponent, or is too large.
    fn parse(text: &str) -> Option<Number> {
        match text.parse() {
            Ok(number) => Some(Number::Natural(number)),
            Err(_) => text.parse().ok().map(Number::Negative),
        }
    }

    fn visit<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Number::Natural(number) => visitor.visit_u64(number),
            Number::Negative(number) => visitor.visit_i64(number),
        }
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
        deserialize_f32 visit_f64 f64;
        deserialize_f64 visit_f64 f64;
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
        let mut items = Items { reader: self, next: 0, ended: false };
        let value = visitor.visit_seq(&mut items)?;
        if !items.ended {
            items.reader.close(b']')?;
        }
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
        visitor.visit_map(Members { reader: self, first: true })
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

/// The items of a list.
struct Items<'r, 'de> {
    reader: &'r mut Reader<'de>,
    next: usize,
    ended: bool,
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        if self.ended || !self.reader.another(self.next == 0, b']')? {
            self.ended = true;
            return Ok(None);
        }
        self.reader.enter(Step::Index(self.next))?;
        self.next += 1;
        let item = seed.deserialize(&mut *self.reader)?;
        self.reader.leave();
        Ok(Some(item))
    }
}

/// The members of a table.
struct Members<'r, 'de> {
    reader: &'r mut Reader<'de>,
    first: bool,
}

impl<'de> MapAccess<'de> for Members<'_, 'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        if !self.reader.another(self.first, b'}')? {
            return Ok(None);
        }
        self.first = false;
        let key = self.reader.take_key()?;
        self.reader.enter(Step::Key(key))?;
        let Some(Step::Key(key)) = self.reader.way.last() else { return Ok(None) };
        seed.deserialize(Key(key)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        let value = seed.deserialize(&mut *self.reader)?;
        self.reader.leave();
        Ok(value)
    }
}
