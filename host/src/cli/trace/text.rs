//! Texts of a trace on a terminal: nothing that a client or a plugin wrote moves its cursor.

use serde_json::Value;

/// Colours as terminals number them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colour {
    Red,
    Green,
    Yellow,
    Cyan,
    Dim,
    Bold,
}

impl Colour {
    /// Nothing around it unless `on`.
    pub(super) fn paint(self, text: &str, on: bool) -> String {
        let code = match self {
            Colour::Bold => 1,
            Colour::Dim => 2,
            Colour::Red => 31,
            Colour::Green => 32,
            Colour::Yellow => 33,
            Colour::Cyan => 36,
        };
        if on && !text.trim().is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// With control characters, and those that turn the direction of a line, as escapes.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        let turns = matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        match letter.is_control() || turns {
            true => plain.extend(letter.escape_debug()),
            false => plain.push(letter),
        }
    }
    plain
}

/// A member that is a text, fit for a terminal; empty where there is none.
pub(super) fn word(value: &Value, name: &str) -> String {
    plain(value[name].as_str().unwrap_or_default())
}

pub(super) fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_default()
}

/// Microseconds as milliseconds, in a column.
pub(super) fn milliseconds(microseconds: u64) -> String {
    format!("{}.{:03}", microseconds / 1000, microseconds % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_move_the_cursor_is_escaped() {
        assert_eq!(plain("a\x1b[2J\r\nb\u{202e}c é"), "a\\u{1b}[2J\\r\\nb\\u{202e}c é");
    }

    #[test]
    fn times_have_three_digits_behind_the_point() {
        assert_eq!([0, 7, 1_250, 61_000_000].map(milliseconds), ["0.000", "0.007", "1.250", "61000.000"]);
    }
}
