//! Private keys in PEM (RFC 7468), also within a text of JSON. They are long, so their bytes are dropped as they pass.

use crate::ahead::{Ahead, More};
use crate::kinds::Found;

/// Of the label between `BEGIN` or `END` and the dashes.
const LABEL_MAX: usize = 40;
/// Behind the first line. A key of 16,384 bits in PEM has about 13 KiB.
pub const BYTES_MAX: u16 = 16 << 10;

/// Matches the first line.
pub fn find(ahead: Ahead, before: u8) -> Found {
    if before == b'-' {
        return Ok(None);
    }
    let Some((label, length)) = line(ahead, b"-----BEGIN ")? else { return Ok(None) };
    let label = label.strip_suffix(b" BLOCK").unwrap_or(label);
    Ok(label.ends_with(b"PRIVATE KEY").then_some(length))
}

/// The label between the dashes, and the length of all.
fn line<'a>(ahead: Ahead<'a>, begin: &[u8]) -> Result<Option<(&'a [u8], usize)>, More> {
    if !ahead.has(0, begin)? {
        return Ok(None);
    }
    let length =
        ahead.run(begin.len(), LABEL_MAX, |byte| byte.is_ascii_uppercase() || matches!(byte, b' ' | b'0'..=b'9'))?;
    let end = begin.len() + length;
    Ok(ahead.has(end, b"-----")?.then(|| (ahead.slice(begin.len(), end), end + 5)))
}

/// How far the key goes on.
#[derive(Debug, PartialEq, Eq)]
pub enum Rest {
    /// Over so many bytes, and then it has ended.
    Over(usize),
    /// Over so many bytes; behind them stands what only the next piece decides.
    On(usize),
}

/// Looks for the end of a key behind its first line: its last line, a byte that no key has, or `left` bytes.
pub fn rest(bytes: &[u8], left: u16, end: bool) -> Rest {
    let mut place = 0;
    while place < usize::from(left) {
        let ahead = Ahead::new(bytes.get(place..).unwrap_or_default(), end);
        match step(ahead) {
            Ok(Step::Part(length)) => place += length,
            Ok(Step::LastLine(length)) => return Rest::Over(place + length),
            Ok(Step::Foreign) => return Rest::Over(place),
            Err(More) => return Rest::On(place),
        }
    }
    Rest::Over(place)
}

enum Step {
    Part(usize),
    LastLine(usize),
    Foreign,
}

fn step(ahead: Ahead) -> Result<Step, More> {
    Ok(match ahead.at(0)? {
        b'-' => match line(ahead, b"-----END ")? {
            Some((_, length)) => Step::LastLine(length),
            None => Step::Part(1),
        },
        // Line breaks and slashes as JSON may write them; any other escape stays whole.
        b'\\' if matches!(ahead.at(1)?, b'n' | b'r' | b't' | b'/') => Step::Part(2),
        b'+' | b'/' | b'=' | b':' | b',' | b' ' | b'\t' | b'\r' | b'\n' => Step::Part(1),
        byte if byte.is_ascii_alphanumeric() => Step::Part(1),
        _ => Step::Foreign,
    })
}
