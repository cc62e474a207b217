//! International bank account numbers (ISO 13616): in one piece, or in groups of four with a space between them.

use crate::ahead::Ahead;
use crate::kinds::Found;

/// The shortest that a country has; ISO 13616 allows no more than the second.
const CHARACTERS_MIN: usize = 15;
const CHARACTERS_MAX: usize = 34;
const GROUP: usize = 4;

pub fn find(ahead: Ahead, before: u8) -> Found {
    if before.is_ascii_alphanumeric() {
        return Ok(None);
    }
    let head = [ahead.at(0)?, ahead.at(1)?, ahead.at(2)?, ahead.at(3)?];
    let [country @ .., first, second] = head;
    if !country.iter().all(u8::is_ascii_uppercase) || !first.is_ascii_digit() || !second.is_ascii_digit() {
        return Ok(None);
    }
    // Country and check digits are counted as if they stood at the end (ISO 7064, MOD 97-10).
    let tail = head.iter().fold(0, |remainder, byte| append(remainder, *byte));
    let spaced = ahead.at(GROUP)? == b' ';
    let (mut place, mut characters, mut remainder) = (GROUP, GROUP, 0);
    let mut found = None;
    loop {
        let next = ahead.at(place)?;
        let group_is_full = spaced && characters.is_multiple_of(GROUP);
        let space_is_due = group_is_full && ahead.at(place - 1)? != b' ';
        if is_part(next) && !space_is_due {
            if characters == CHARACTERS_MAX {
                return Ok(found);
            }
            characters += 1;
            remainder = append(remainder, next);
            place += 1;
            continue;
        }
        if next.is_ascii_alphanumeric() {
            return Ok(found);
        }
        if characters >= CHARACTERS_MIN && (remainder % 97 * 1_000_000 + tail) % 97 == 1 {
            found = Some(place);
        }
        if !(group_is_full && next == b' ' && is_part(ahead.at(place + 1)?)) {
            return Ok(found);
        }
        place += 1;
    }
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

/// What has the same remainder by 97 as the number with a character behind it; letters count from 10.
fn append(number: u32, byte: u8) -> u32 {
    match byte {
        b'0'..=b'9' => number % 97 * 10 + u32::from(byte - b'0'),
        _ => number % 97 * 100 + u32::from(byte - b'A') + 10,
    }
}
