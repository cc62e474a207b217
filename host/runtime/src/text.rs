//! A text of a guest where it stands in its memory: read as UTF-8 only where that makes a difference.

use std::fmt;

use wasmtime::{Result, format_err};

/// Not known to be UTF-8 yet. What it is compared with is, so that whoever finds it there need not look.
#[derive(Clone, Copy)]
pub(crate) struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    pub(crate) fn of(bytes: &'a [u8]) -> Text<'a> {
        Text(bytes)
    }

    pub(crate) fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// Errors: it is not UTF-8, which ends the guest.
    pub(crate) fn as_str(self) -> Result<&'a str> {
        std::str::from_utf8(self.0).map_err(|error| format_err!("a text is not UTF-8: {error}"))
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Text<'a> {
        Text(text.as_bytes())
    }
}

/// For a trace.
impl fmt::Display for Text<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&String::from_utf8_lossy(self.0))
    }
}
