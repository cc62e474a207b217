//! The text of a key: put together, taken apart, checked. Pure, so that it can be fuzzed.

use flate2::Crc;

use super::NoRandomness;

pub const PREFIX: &str = "sg_";
pub const ID_BYTES: usize = 12;
pub const SECRET_BYTES: usize = 43;
pub const CHECKSUM_BYTES: usize = 6;
/// Length of a whole key.
pub const KEY_BYTES: usize = PREFIX.len() + ID_BYTES + 1 + SECRET_BYTES + CHECKSUM_BYTES;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The public id in what a client presents, if that has the form of a key and its checksum is right.
pub fn parse(presented: &[u8]) -> Option<&str> {
    if presented.len() != KEY_BYTES {
        return None;
    }
    let (checked, checksum) = presented.split_at_checked(KEY_BYTES - CHECKSUM_BYTES)?;
    let (id, rest) = checked.strip_prefix(PREFIX.as_bytes())?.split_at_checked(ID_BYTES)?;
    let secret = rest.strip_prefix(b"_")?;
    let well_formed = id.iter().chain(secret).all(u8::is_ascii_alphanumeric);
    if !well_formed || checksum != checksum_of(checked) {
        return None;
    }
    std::str::from_utf8(id).ok()
}

/// Whether a text has the form of an id. A key under any other id could never be presented.
pub fn is_id(text: &str) -> bool {
    text.len() == ID_BYTES && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

pub(super) fn assemble(id: &str, secret: &str) -> String {
    let mut key = format!("{PREFIX}{id}_{secret}");
    let checksum = checksum_of(key.as_bytes());
    key.extend(checksum.map(char::from));
    key
}

/// So many digits of base 62, each as likely as the others.
pub(super) fn random(digits: usize) -> Result<String, NoRandomness> {
    let mut text = String::with_capacity(digits);
    while text.len() < digits {
        let mut bytes = [0; 64];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| NoRandomness)?;
        // 248 is the largest multiple of 62 in a byte: what lies above would make the first digits likelier.
        let fair = bytes.iter().filter(|byte| **byte < 248).filter_map(|byte| DIGITS.get(usize::from(byte % 62)));
        text.extend(fair.take(digits - text.len()).map(|digit| char::from(*digit)));
    }
    Ok(text)
}

/// 62 to the sixth is more than 2 to the 32nd, so a CRC-32 always fits.
fn checksum_of(checked: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut crc = Crc::new();
    crc.update(checked);
    let mut rest = crc.sum();
    let mut checksum = [b'0'; CHECKSUM_BYTES];
    for place in checksum.iter_mut().rev() {
        *place = DIGITS.get((rest % 62) as usize).copied().unwrap_or(b'0');
        rest /= 62;
    }
    checksum
}
