//! Enums: a name alone, or a table with one name and what belongs to it.

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, VariantAccess, Visitor};

use super::error::Error;
use super::key::Key;
use super::reader::{Reader, Step};

impl<'r, 'de> EnumAccess<'de> for &'r mut Reader<'de> {
    type Error = Error;
    type Variant = Content<'r, 'de>;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Content<'r, 'de>), Error> {
        if let Some(name) = self.take_text()? {
            let variant = seed.deserialize(Key(&name))?;
            return Ok((variant, Content { reader: self, there: false }));
        }
        if !self.take(b'{') {
            return Err(self.malformed());
        }
        if self.peek() == Some(b'}') {
            return Err(Error::new("the table is empty, where one name is expected"));
        }
        let name = self.take_key()?;
        let variant = seed.deserialize(Key(&name))?;
        self.enter(Step::Key(name))?;
        Ok((variant, Content { reader: self, there: true }))
    }
}

/// What belongs to the name.
pub(super) struct Content<'r, 'de> {
    reader: &'r mut Reader<'de>,
    there: bool,
}

impl<'de> Content<'_, 'de> {
    fn begin(&self) -> Result<(), Error> {
        match self.there {
            true => Ok(()),
            false => Err(Error::new("this name alone is not enough: write a table with the name and its value")),
        }
    }

    fn end(&mut self) -> Result<(), Error> {
        self.reader.leave();
        match self.reader.take(b'}') {
            true => Ok(()),
            false => Err(Error::new("the table holds several names, where one is expected")),
        }
    }
}

impl<'de> VariantAccess<'de> for Content<'_, 'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        match self.there {
            true => Err(Error::new("this name has no value: write it alone, as text")),
            false => Ok(()),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(mut self, seed: T) -> Result<T::Value, Error> {
        self.begin()?;
        let value = seed.deserialize(&mut *self.reader)?;
        self.end()?;
        Ok(value)
    }

    fn tuple_variant<V: Visitor<'de>>(mut self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.begin()?;
        let value = self.reader.deserialize_seq(visitor)?;
        self.end()?;
        Ok(value)
    }

    fn struct_variant<V: Visitor<'de>>(mut self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        self.begin()?;
        let value = self.reader.deserialize_map(visitor)?;
        self.end()?;
        Ok(value)
    }
}
