//! Lists and tables, item by item.

use serde::de::{DeserializeSeed, MapAccess, SeqAccess};

use super::error::Error;
use super::key::Key;
use super::reader::{Reader, Step};

/// The items of a list.
pub(super) struct Items<'r, 'de> {
    reader: &'r mut Reader<'de>,
    next: usize,
    ended: bool,
}

impl<'r, 'de> Items<'r, 'de> {
    /// The reader stands behind the opening bracket.
    pub(super) fn new(reader: &'r mut Reader<'de>) -> Items<'r, 'de> {
        Items { reader, next: 0, ended: false }
    }

    /// Behind the last item that somebody wanted.
    pub(super) fn end(self) -> Result<(), Error> {
        let Items { reader, ended, .. } = self;
        match ended || reader.take(b']') {
            true => Ok(()),
            false => Err(Error::new("the list holds more items than are expected")),
        }
    }
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
pub(super) struct Members<'r, 'de> {
    reader: &'r mut Reader<'de>,
    first: bool,
}

impl<'r, 'de> Members<'r, 'de> {
    /// The reader stands behind the opening brace.
    pub(super) fn new(reader: &'r mut Reader<'de>) -> Members<'r, 'de> {
        Members { reader, first: true }
    }
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
