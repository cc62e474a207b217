//! Email addresses: `local@domain`, with the characters that addresses have in practice.

use crate::ahead::Ahead;
use crate::kinds::Found;

/// RFC 5321, 4.5.3.1.1.
const LOCAL_MAX: usize = 64;
/// RFC 1035, 2.3.4, in text.
const DOMAIN_MAX: usize = 253;

/// The local part is a whole run of such bytes.
pub fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'%' | b'+' | b'-')
}

pub fn find(ahead: Ahead, before: u8) -> Found {
    if is_local(before) {
        return Ok(None);
    }
    let local = ahead.run(0, LOCAL_MAX + 1, is_local)?;
    if local == 0 || local > LOCAL_MAX || ahead.at(local)? != b'@' {
        return Ok(None);
    }
    let domain = local + 1;
    let length = ahead.run(domain, DOMAIN_MAX, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))?;
    Ok(domain_end(ahead.slice(domain, domain + length)).map(|end| domain + end))
}

/// Behind the last label of two letters or more that has a dot and something else in front of it.
fn domain_end(domain: &[u8]) -> Option<usize> {
    (1..domain.len()).rev().filter(|place| domain.get(*place) == Some(&b'.')).find_map(|dot| {
        let behind = domain.get(dot + 1..)?;
        let letters = behind.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        (letters >= 2).then_some(dot + 1 + letters)
    })
}
