//! The forms in which a secret can turn up in a text: plain, base64, percent-encoded, escaped for JSON.

use zeroize::Zeroizing;

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64_URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// All distinct forms of one secret.
pub(super) fn forms(secret: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    let mut forms = vec![secret.to_vec()];
    for alphabet in [BASE64, BASE64_URL] {
        // A secret inside a longer text, such as `user:secret`, begins at one of three places in a group of three bytes.
        forms.extend((0..3).map(|offset| base64_inside(secret, offset, alphabet)));
    }
    for digits in [b"0123456789ABCDEF", b"0123456789abcdef"] {
        // RFC 3986 leaves the unreserved characters; others escape less, or all.
        for keep in [is_unreserved, is_kept_in_query, is_kept_in_userinfo] {
            forms.push(percent_encode(secret, digits, keep));
        }
    }
    forms.push(json_escape(secret, false));
    forms.push(json_escape(secret, true));
    forms.sort_unstable();
    forms.dedup();
    forms.into_iter().map(Zeroizing::new).collect()
}

/// The characters that `secret` alone decides when it stands `offset` bytes behind the begin of a group.
///
/// Those at the edges also depend on the neighbours; they carry at most 4 bits of the secret each.
fn base64_inside(secret: &[u8], offset: usize, alphabet: &[u8; 64]) -> Vec<u8> {
    let bits = (offset + secret.len()) * 8;
    let bit = |at: usize| -> u8 {
        let byte = (at / 8).checked_sub(offset).and_then(|index| secret.get(index)).copied().unwrap_or(0);
        byte >> (7 - at % 8) & 1
    };
    let first = (offset * 8).div_ceil(6);
    (first..bits / 6)
        .filter_map(|group| {
            let index = (group * 6..group * 6 + 6).fold(0u8, |index, at| index << 1 | bit(at));
            alphabet.get(usize::from(index)).copied()
        })
        .collect()
}

fn percent_encode(secret: &[u8], digits: &[u8; 16], keep: fn(u8) -> bool) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(secret.len() * 3);
    for &byte in secret {
        if keep(byte) {
            encoded.push(byte);
        } else {
            let digit = |value: u8| digits.get(usize::from(value)).copied().unwrap_or(b'0');
            encoded.extend([b'%', digit(byte >> 4), digit(byte & 0x0f)]);
        }
    }
    encoded
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// What form encoders leave: `*` instead of `~`.
fn is_kept_in_query(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'*')
}

/// RFC 3986, 3.2.1 and `encodeURI`: the sub-delimiters stay, too.
fn is_kept_in_userinfo(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':')
}

fn json_escape(secret: &[u8], slash: bool) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(secret.len() * 2);
    for &byte in secret {
        if matches!(byte, b'"' | b'\\') || (slash && byte == b'/') {
            escaped.push(b'\\');
        }
        escaped.push(byte);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(secret: &[u8], form: &[u8]) -> bool {
        forms(secret).iter().any(|known| known.as_slice() == form)
    }

    #[test]
    fn base64_is_known_at_each_place_in_a_group() {
        // `c2VjcmV0IQ==`, `eHNlY3JldCE=` (behind `x`) and `eHhzZWNyZXQh` (behind `xx`) hold `secret!`.
        assert!(has(b"secret!", b"c2VjcmV0I"));
        assert!(has(b"secret!", b"NlY3JldC"));
        assert!(has(b"secret!", b"zZWNyZXQh"));
    }

    #[test]
    fn both_alphabets_are_known() {
        assert!(has(b"~~~???", b"fn5+Pz8/"));
        assert!(has(b"~~~???", b"fn5-Pz8_"));
    }

    #[test]
    fn escapes_are_known_in_either_case() {
        assert!(has(b"a/b+c=\"\\", b"a%2Fb%2Bc%3D%22%5C"));
        assert!(has(b"a/b+c=\"\\", b"a%2fb%2bc%3d%22%5c"));
        assert!(has(b"a/b+c=\"\\", b"a%2Fb+c=%22%5C"));
        assert!(has(b"a/b+c=\"\\", br#"a/b+c=\"\\"#));
        assert!(has(b"a/b+c=\"\\", br#"a\/b+c=\"\\"#));
    }
}
