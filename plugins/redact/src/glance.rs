//! A short look at an anchor, which rules out most of them: numbers, colons and dashes are everywhere, and hardly ever begin a match.
//!
//! Each kind has anchors of its own, in front of the first of which stand only bytes of a run. An anchor is passed over if no match
//! of its kind can have it for the first one. What the bytes at hand do not decide is not passed over.

use crate::kinds::email;

/// As many digits as no number has that is looked for.
const DIGITS_MAX: usize = 20;
/// A card's fewest.
const LONG: usize = 13;

/// Where to go on if nothing has this anchor. `before` is the byte in front of it, or 0.
#[inline]
pub fn pass_over(bytes: &[u8], anchor: usize, before: u8) -> Option<usize> {
    let (front, behind) = bytes.split_at_checked(anchor)?;
    let (first, rest) = behind.split_first()?;
    let passed = match first {
        b'0'..=b'9' => return number(front, behind, before).map(|digits| anchor + digits),
        b':' => !address(rest, before)?,
        b'-' => !(dashes(rest, before)? || key_with_dash(front)),
        b'_' => !key_with_underscore(front),
        b'K' | b'S' => before != b'A',
        b'z' => before != b'I',
        b'@' => !email::is_local(before),
        _ => false,
    };
    passed.then_some(anchor + 1)
}

/// How many digits to pass over.
fn number(front: &[u8], behind: &[u8], before: u8) -> Option<usize> {
    let digits = digits(behind, DIGITS_MAX);
    let in_capitals = || matches!(front, [.., one, two] if one.is_ascii_uppercase() && two.is_ascii_uppercase());
    if before.is_ascii_alphanumeric() {
        return (!in_capitals()).then_some(digits);
    }
    let next = *behind.get(digits)?;
    let second = *behind.get(digits + 1)?;
    let goes_on = match next {
        b' ' | b'-' => second.is_ascii_digit(),
        // A second full stop makes it an address.
        b'.' if digits <= 3 => {
            let decimals = digits_from(behind, digits + 1);
            *behind.get(digits + 1 + decimals)? == b'.'
        }
        _ => false,
    };
    (!goes_on && digits < LONG && before != b'+').then_some(digits)
}

fn digits(bytes: &[u8], max: usize) -> usize {
    bytes.iter().take(max).take_while(|byte| byte.is_ascii_digit()).count()
}

fn digits_from(bytes: &[u8], from: usize) -> usize {
    digits(bytes.get(from..).unwrap_or_default(), DIGITS_MAX)
}

/// Whether a colon may be the first one of an IPv6 address.
fn address(rest: &[u8], before: u8) -> Option<bool> {
    let next = rest.first()?;
    Some(*next == b':' || before.is_ascii_hexdigit() && next.is_ascii_hexdigit())
}

/// Whether a dash may be the first one of a private key.
fn dashes(rest: &[u8], before: u8) -> Option<bool> {
    Some(*rest.first()? == b'-' && before != b'-')
}

fn key_with_dash(front: &[u8]) -> bool {
    match front {
        [.., b's', b'k'] | [.., b'x', b'o', b'x', _] => true,
        _ => front.ends_with(b"glpat"),
    }
}

fn key_with_underscore(front: &[u8]) -> bool {
    match front {
        [.., b's' | b'r', b'k'] | [.., b'g', b'h', _] | [.., b'h', b'f'] | [.., b's', b'g'] => true,
        _ => front.ends_with(b"npm") || front.ends_with(b"github"),
    }
}
