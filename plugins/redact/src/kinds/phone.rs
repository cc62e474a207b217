//! International phone numbers: a plus sign and 8 to 15 digits (ITU-T E.164).

use crate::ahead::Ahead;
use crate::kinds::Found;
use crate::kinds::digits::{self, Step};

/// Shorter ones exist, and so do many short numbers with a plus sign that are none.
const DIGITS_MIN: usize = 8;
const DIGITS_MAX: usize = 15;

pub fn find(ahead: Ahead, before: u8) -> Found {
    // Country codes do not begin with 0.
    if before.is_ascii_alphanumeric() || !(b'1'..=b'9').contains(&ahead.at(1)?) {
        return Ok(None);
    }
    let mut found = None;
    digits::walk(ahead, 1, DIGITS_MAX, |step| {
        if let Step::End { length, digits } = step
            && digits >= DIGITS_MIN
        {
            found = Some(length);
        }
    })?;
    Ok(found)
}
