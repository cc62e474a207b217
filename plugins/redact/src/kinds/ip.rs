//! Addresses of IPv4 in four decimal parts, and of IPv6 in every form of RFC 4291, 2.2.

use std::net::Ipv6Addr;

use crate::ahead::{Ahead, More};
use crate::kinds::Found;

/// An IPv6 address that ends as one of IPv4 does.
const V6_MAX: usize = 45;
/// Of an address that leaves out its first or last group, and one behind it.
const V6_COLONS_MAX: usize = 9;
const V4_PARTS: usize = 4;

pub fn begins(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || byte == b':'
}

pub fn find(ahead: Ahead, before: u8) -> Found {
    if before.is_ascii_alphanumeric() || before == b'.' {
        return Ok(None);
    }
    match v6(ahead)? {
        None if ahead.at(0)?.is_ascii_digit() => v4(ahead),
        found => Ok(found),
    }
}

fn v6(ahead: Ahead) -> Found {
    // What most words and numbers fail at: a colon within the first five bytes.
    let group = ahead.run(0, 5, |byte| byte.is_ascii_hexdigit())?;
    if group > 4 || ahead.at(group)? != b':' {
        return Ok(None);
    }
    let run = ahead.run(0, V6_MAX + 1, |byte| begins(byte) || byte == b'.')?;
    if run > V6_MAX || ahead.at(run)?.is_ascii_alphanumeric() {
        return Ok(None);
    }
    let bytes = ahead.slice(0, run);
    if bytes.iter().filter(|byte| **byte == b':').count() > V6_COLONS_MAX {
        return Ok(None);
    }
    let text = str::from_utf8(bytes).unwrap_or_default();
    let text = text.trim_end_matches('.');
    let whole = [Some(text), text.strip_suffix(':')];
    // Two colons alone are an address, too, and hardly ever meant as one.
    let is_address = |text: &&str| text.bytes().any(|byte| byte != b':') && text.parse::<Ipv6Addr>().is_ok();
    Ok(whole.into_iter().flatten().find(is_address).map(str::len))
}

fn v4(ahead: Ahead) -> Found {
    let mut place = 0;
    for part in 1..=V4_PARTS {
        let Some(length) = octet(ahead, place)? else { return Ok(None) };
        place += length;
        if part < V4_PARTS {
            if ahead.at(place)? != b'.' {
                return Ok(None);
            }
            place += 1;
        }
    }
    let next = ahead.at(place)?;
    let goes_on = next.is_ascii_alphanumeric() || next == b'.' && ahead.at(place + 1)?.is_ascii_digit();
    Ok((!goes_on).then_some(place))
}

/// The length of a number up to 255 without leading zeros.
fn octet(ahead: Ahead, from: usize) -> Result<Option<usize>, More> {
    let length = ahead.run(from, 4, |byte| byte.is_ascii_digit())?;
    let digits = ahead.slice(from, from + length);
    let value = digits.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
    let fits = match length {
        1 => true,
        2 | 3 => digits.first() != Some(&b'0') && value <= 255,
        _ => false,
    };
    Ok(fits.then_some(length))
}
