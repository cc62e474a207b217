//! Payment cards: 13 to 19 digits with the check digit of Luhn (ISO/IEC 7812-1, annex B).

use crate::ahead::{Ahead, More};
use crate::kinds::digits::{self, Step};

const DIGITS_MIN: usize = 13;
const DIGITS_MAX: usize = 19;

#[derive(Debug, PartialEq, Eq)]
pub struct Card {
    pub length: usize,
    /// It has digits alone, so it could be a number of JSON.
    pub plain: bool,
}

/// Issuers of cards have numbers that begin with 2 to 6; times in milliseconds begin with 1.
pub fn begins(byte: u8) -> bool {
    (b'2'..=b'6').contains(&byte)
}

pub fn find(ahead: Ahead, before: u8) -> Result<Option<Card>, More> {
    // Behind a full stop stand the decimals of a number.
    if before.is_ascii_alphanumeric() || before == b'.' {
        return Ok(None);
    }
    // Sums of the digits so far: with the last one as it is, and with the last one doubled.
    let (mut sum, mut doubled) = (0_u32, 0_u32);
    let mut card = None;
    digits::walk(ahead, 0, DIGITS_MAX, |step| match step {
        Step::Digit(digit) => {
            let digit = u32::from(digit);
            let twice = if digit > 4 { 2 * digit - 9 } else { 2 * digit };
            (sum, doubled) = (doubled + digit, sum + twice);
        }
        Step::End { length, digits } => {
            if digits >= DIGITS_MIN && sum % 10 == 0 {
                card = Some(Card { length, plain: length == digits });
            }
        }
    })?;
    Ok(card)
}
