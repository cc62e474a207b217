//! Numbers as people write them: groups of digits with one space or dash between them.

use crate::ahead::{Ahead, More};

pub enum Step {
    Digit(u8),
    /// The number could end in front of this place.
    End {
        length: usize,
        digits: usize,
    },
}

/// Walks from `from`, where a digit stands, as far as there are no more than `digits_max` digits.
pub fn walk(ahead: Ahead, from: usize, digits_max: usize, mut each: impl FnMut(Step)) -> Result<(), More> {
    let (mut place, mut digits) = (from, 0);
    loop {
        let next = ahead.at(place)?;
        if next.is_ascii_digit() {
            if digits == digits_max {
                return Ok(());
            }
            digits += 1;
            each(Step::Digit(next - b'0'));
            place += 1;
            continue;
        }
        let goes_on = matches!(next, b' ' | b'-' | b'.') && ahead.at(place + 1)?.is_ascii_digit();
        // Neither a part of a word nor one of a decimal number.
        if next.is_ascii_alphanumeric() || next == b'.' && goes_on {
            return Ok(());
        }
        each(Step::End { length: place, digits });
        if !goes_on {
            return Ok(());
        }
        place += 1;
    }
}
