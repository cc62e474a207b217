//! Goes through a JSON text once, from token to token.

use std::borrow::Cow;

use super::error::Error;
use super::text;

/// Lists and tables within one another.
const DEPTH_MAX: usize = 128;

/// Stands somewhere in a text.
pub(super) struct Reader<'t> {
    pub(super) rest: &'t str,
    /// Which members lead to where it stands. After an error it is the way to what is wrong.
    pub(super) way: Vec<Step<'t>>,
}

/// One member of a table or item of a list.
pub(super) enum Step<'t> {
    Key(Cow<'t, str>),
    Index(usize),
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Reader<'t> {
        Reader { rest: text, way: Vec::new() }
    }

    /// Refuses what follows the document.
    pub(super) fn end(&mut self) -> Result<(), Error> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(Error::new("trailing characters")),
        }
    }

    /// The first byte of the next token. None at the end.
    pub(super) fn peek(&mut self) -> Option<u8> {
        loop {
            match self.rest.as_bytes().first() {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.forward(1),
                next => return next.copied(),
            }
        }
    }

    /// Over so many bytes.
    fn forward(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or_default();
    }

    /// Takes this one byte if it is the next token.
    pub(super) fn take(&mut self, token: u8) -> bool {
        let there = self.peek() == Some(token);
        if there {
            self.forward(1);
        }
        there
    }

    /// Takes a word such as `true` if it is the next token.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        self.peek();
        let rest = self.rest.strip_prefix(word);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Takes a number as it is written.
    pub(super) fn take_number(&mut self) -> Option<&'t str> {
        self.peek();
        let length = text::number_length(self.rest.as_bytes())?;
        let number = self.rest.get(..length);
        self.forward(length);
        number
    }

    /// Takes a string, if that is the next token.
    pub(super) fn take_text(&mut self) -> Result<Option<Cow<'t, str>>, Error> {
        if !self.take(b'"') {
            return Ok(None);
        }
        let Some((text, rest)) = text::unescape(self.rest) else {
            return Err(Error::new("this is no string of JSON"));
        };
        self.rest = rest;
        Ok(Some(text))
    }

    /// Goes one deeper.
    pub(super) fn enter(&mut self, step: Step<'t>) -> Result<(), Error> {
        if self.way.len() == DEPTH_MAX {
            return Err(Error::new("lists and tables stand too deep in one another"));
        }
        self.way.push(step);
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.way.pop();
    }

    /// Behind a member or item: whether another one follows. `close` ends the list or table.
    pub(super) fn another(&mut self, first: bool, close: u8) -> Result<bool, Error> {
        if self.take(close) {
            return Ok(false);
        }
        if first || self.take(b',') { Ok(true) } else { Err(self.malformed()) }
    }

    /// Takes a member's name and the colon behind it.
    pub(super) fn take_key(&mut self) -> Result<Cow<'t, str>, Error> {
        match self.take_text()? {
            Some(key) if self.take(b':') => Ok(key),
            _ => Err(self.malformed()),
        }
    }

    /// Goes over one value, whatever it is.
    pub(super) fn skip(&mut self) -> Result<(), Error> {
        let (table, close) = match self.peek() {
            Some(b'{') => (true, b'}'),
            Some(b'[') => (false, b']'),
            Some(b'"') => return self.take_text().map(drop),
            _ if self.take_word("true") || self.take_word("false") || self.take_word("null") => return Ok(()),
            _ if self.take_number().is_some() => return Ok(()),
            _ => return Err(self.malformed()),
        };
        self.forward(1);
        self.enter(Step::Index(0))?;
        let mut first = true;
        while self.another(first, close)? {
            first = false;
            if table {
                self.take_key()?;
            }
            self.skip()?;
        }
        self.leave();
        Ok(())
    }

    pub(super) fn malformed(&mut self) -> Error {
        Error::new(if self.peek().is_none() { "the text ends too early" } else { "this is no JSON" })
    }
}
