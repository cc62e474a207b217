//! Texts by number: a file or a function has many places.

use std::collections::HashMap;

use super::{TEXT_BYTES_MAX, TEXTS_MAX};

#[derive(Default)]
pub(super) struct Texts {
    numbers: HashMap<String, u32>,
    pub(super) list: Vec<String>,
}

impl Texts {
    /// One that there is no room for has a number that no text has.
    pub(super) fn number(&mut self, text: &str) -> u32 {
        let text = &text[..text.floor_char_boundary(TEXT_BYTES_MAX.min(text.len()))];
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        if self.list.len() >= TEXTS_MAX {
            return u32::MAX;
        }
        let number = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        self.list.push(text.to_owned());
        self.numbers.insert(text.to_owned(), number);
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_as_many_and_as_long_as_there_is_room_for() {
        let mut texts = Texts::default();
        let long = "é".repeat(TEXT_BYTES_MAX);
        assert_eq!((texts.number(&long), texts.list[0].len()), (0, TEXT_BYTES_MAX));
        for number in 1..TEXTS_MAX {
            assert_eq!(texts.number(&number.to_string()), number as u32);
        }
        assert_eq!((texts.number("one more"), texts.number("1")), (u32::MAX, 1));
        assert_eq!(texts.list.len(), TEXTS_MAX);
    }
}
