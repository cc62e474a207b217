//! Texts that others wrote, on a terminal: none of them moves its cursor.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_move_the_cursor_is_escaped() {
        assert_eq!(plain("a\x1b[2J\r\nb\u{202e}c é"), "a\\u{1b}[2J\\r\\nb\\u{202e}c é");
    }
}
