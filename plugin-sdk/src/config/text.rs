//! Strings and numbers of JSON (RFC 8259).

use std::borrow::Cow;

/// How many bytes of a text's beginning are a number, if it begins with one.
pub(super) fn number_length(text: &[u8]) -> Option<usize> {
    let begin = usize::from(text.first() == Some(&b'-'));
    // Behind a zero no further digit belongs to it.
    let mut end = if text.get(begin) == Some(&b'0') { begin + 1 } else { after_digits(text, begin)? };
    if text.get(end) == Some(&b'.') {
        end = after_digits(text, end + 1)?;
    }
    if matches!(text.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
        end = after_digits(text, end + 1 + sign)?;
    }
    Some(end)
}

/// Where the digits that begin at `from` end. None if there are none.
fn after_digits(text: &[u8], from: usize) -> Option<usize> {
    let mut end = from;
    while text.get(end).is_some_and(u8::is_ascii_digit) {
        end += 1;
    }
    (end > from).then_some(end)
}

/// `text` begins behind a quote: what stands up to the next one, and what follows that. None if it is no string of JSON.
pub(super) fn unescape(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut whole = String::new();
    let mut rest = text;
    loop {
        let special = rest.bytes().position(|byte| byte == b'"' || byte == b'\\' || byte < b' ')?;
        let plain = rest.get(..special)?;
        let mark = *rest.as_bytes().get(special)?;
        rest = rest.get(special + 1..)?;
        if mark == b'"' {
            if whole.is_empty() {
                return Some((Cow::Borrowed(plain), rest));
            }
            whole.push_str(plain);
            return Some((Cow::Owned(whole), rest));
        }
        if mark != b'\\' {
            return None;
        }
        whole.push_str(plain);
        let escape = *rest.as_bytes().first()?;
        rest = rest.get(1..)?;
        whole.push(match escape {
            b'"' | b'\\' | b'/' => char::from(escape),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => numbered(&mut rest)?,
            _ => return None,
        });
    }
}

/// What stands behind `\u`, which may be the first of two halves (RFC 8259, 7).
fn numbered(rest: &mut &str) -> Option<char> {
    let first = unit(rest)?;
    if !(0xd800..0xdc00).contains(&first) {
        return char::from_u32(first);
    }
    *rest = rest.strip_prefix("\\u")?;
    let low = unit(rest)?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    char::from_u32(0x10000 + ((first - 0xd800) << 10) + low)
}

fn unit(rest: &mut &str) -> Option<u32> {
    let digits = rest.get(..4)?;
    *rest = rest.get(4..)?;
    digits.bytes().try_fold(0, |value, digit| Some(value << 4 | char::from(digit).to_digit(16)?))
}
