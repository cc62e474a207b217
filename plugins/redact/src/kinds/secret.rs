//! Keys that say by their first characters who has issued them.

use crate::ahead::Ahead;
use crate::kinds::Found;

/// Of what stands behind a prefix. No issuer's keys come near it.
const BYTES_MAX: usize = 512;

/// A prefix, and the fewest key bytes behind it that make a key.
const PREFIXES: [(&str, usize); 21] = [
    ("sk-", 20),
    ("sk_live_", 16),
    ("sk_test_", 16),
    ("rk_live_", 16),
    ("ghp_", 36),
    ("gho_", 36),
    ("ghu_", 36),
    ("ghs_", 36),
    ("ghr_", 36),
    ("github_pat_", 22),
    ("glpat-", 20),
    ("xoxa-", 10),
    ("xoxb-", 10),
    ("xoxe-", 10),
    ("xoxp-", 10),
    ("xoxr-", 10),
    ("xoxs-", 10),
    ("npm_", 36),
    ("hf_", 30),
    ("sg_", 20),
    ("AIza", 35),
];
/// Of access keys of AWS, behind which exactly so many capitals and digits stand.
const AWS: [&str; 2] = ["AKIA", "ASIA"];
const AWS_BYTES: usize = 16;

/// One of these stands in each prefix, with only letters in front of it.
pub const ANCHORS: [u8; 5] = [b'-', b'_', b'K', b'S', b'z'];

pub fn begins(byte: u8) -> bool {
    matches!(byte, b'A' | b'g' | b'h' | b'n' | b'r' | b's' | b'x')
}

fn is_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

pub fn find(ahead: Ahead, before: u8) -> Found {
    if is_key(before) {
        return Ok(None);
    }
    for prefix in AWS {
        if ahead.has(0, prefix.as_bytes())? {
            let is_part = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
            let length = ahead.run(prefix.len(), AWS_BYTES, is_part)?;
            let ends = !is_key(ahead.at(prefix.len() + length)?);
            return Ok((length == AWS_BYTES && ends).then_some(prefix.len() + length));
        }
    }
    for (prefix, bytes_min) in PREFIXES {
        if ahead.has(0, prefix.as_bytes())? {
            let length = ahead.run(prefix.len(), BYTES_MAX, is_key)?;
            if length >= bytes_min {
                return Ok(Some(prefix.len() + length));
            }
        }
    }
    Ok(None)
}
