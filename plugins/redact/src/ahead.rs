//! A look at the bytes from one place on, which knows that more may come.

/// What has come so far does not decide it.
#[derive(Debug, PartialEq, Eq)]
pub struct More;

/// The bytes from a place where something may begin.
#[derive(Clone, Copy)]
pub struct Ahead<'a> {
    bytes: &'a [u8],
    /// Nothing comes behind them.
    end: bool,
}

impl<'a> Ahead<'a> {
    pub fn new(bytes: &'a [u8], end: bool) -> Ahead<'a> {
        Ahead { bytes, end }
    }

    /// Behind the end of the body there is a zero byte, which belongs to nothing.
    #[inline]
    pub fn at(&self, index: usize) -> Result<u8, More> {
        match self.bytes.get(index) {
            Some(byte) => Ok(*byte),
            None if self.end => Ok(0),
            None => Err(More),
        }
    }

    /// What has come of this range, which the caller has looked at.
    pub fn slice(&self, from: usize, to: usize) -> &'a [u8] {
        self.bytes.get(from..to).unwrap_or_default()
    }

    /// How many bytes from `from` on belong to a class, at most `max`.
    #[inline]
    pub fn run(&self, from: usize, max: usize, class: impl Fn(u8) -> bool) -> Result<usize, More> {
        let rest = self.bytes.get(from..).unwrap_or_default();
        let count = rest.iter().take(max).take_while(|byte| class(**byte)).count();
        if count == rest.len() && count < max && !self.end { Err(More) } else { Ok(count) }
    }

    /// Whether this text stands at `from`.
    pub fn has(&self, from: usize, text: &[u8]) -> Result<bool, More> {
        for (offset, byte) in text.iter().enumerate() {
            if self.at(from + offset)? != *byte {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// As [`has`](Ahead::has), for text in lower case that may stand in capitals.
    pub fn has_in_any_case(&self, text: &[u8]) -> Result<bool, More> {
        for (offset, byte) in text.iter().enumerate() {
            if self.at(offset)?.to_ascii_lowercase() != *byte {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
