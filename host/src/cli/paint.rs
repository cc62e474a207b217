//! Colours, where a terminal shows them.

use std::ffi::OsStr;

/// Colours as terminals number them (ECMA-48).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colour {
    Red,
    BoldRed,
    Green,
    Yellow,
    Cyan,
    Dim,
    Bold,
}

/// Wraps texts in the codes of a terminal, or leaves them as they are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint {
    on: bool,
}

impl Paint {
    /// Whoever has set `NO_COLOR` sees none.
    pub(super) fn new(is_terminal: bool) -> Paint {
        Paint::unless(is_terminal, std::env::var_os("NO_COLOR").as_deref())
    }

    fn unless(is_terminal: bool, no_colour: Option<&OsStr>) -> Paint {
        Paint { on: is_terminal && no_colour.is_none_or(OsStr::is_empty) }
    }

    #[cfg(test)]
    pub(super) fn always(on: bool) -> Paint {
        Paint { on }
    }

    pub(super) fn good(self, text: &str) -> String {
        self.paint(Colour::Green, text)
    }

    pub(super) fn bad(self, text: &str) -> String {
        self.paint(Colour::BoldRed, text)
    }

    /// What is neither.
    pub(super) fn plain(self, text: &str) -> String {
        self.paint(Colour::Cyan, text)
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.paint(Colour::Bold, text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.paint(Colour::Dim, text)
    }

    pub(super) fn paint(self, colour: Colour, text: &str) -> String {
        let code = match colour {
            Colour::Bold => "1",
            Colour::Dim => "2",
            Colour::Red => "31",
            Colour::BoldRed => "1;31",
            Colour::Green => "32",
            Colour::Yellow => "33",
            Colour::Cyan => "36",
        };
        if self.on && !text.trim().is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_shows_colours_unless_no_color_says_anything() {
        let shown =
            |is_terminal, no_colour: Option<&str>| Paint::unless(is_terminal, no_colour.map(OsStr::new)).bad("x");
        for no_colour in [None, Some("")] {
            assert_eq!((shown(true, no_colour), shown(false, no_colour)), ("\x1b[1;31mx\x1b[0m".into(), "x".into()));
        }
        assert_eq!(shown(true, Some("1")), "x");
    }
}
