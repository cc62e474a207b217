//! Seals what a model has thought, so that a client that hands it back changed is found out.
//!
//! A seal is base64 of an HMAC-SHA256 (RFC 2104) and of the text itself. The key is a constant: a seal of one provider holds for
//! all of them, as an answer is the same from all. It shows that nothing was changed, and hides nothing.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const KEY: &[u8] = b"sluicegate-provider: a seal is to be checked, not to be kept secret";

const TAG_BYTES: usize = 32;

pub fn seal(text: &str) -> String {
    STANDARD.encode([hmac::sign(&key(), text.as_bytes()).as_ref(), text.as_bytes()].concat())
}

/// The text that was sealed, if nobody has changed the seal.
pub fn open(seal: &str) -> Option<String> {
    let bytes = STANDARD.decode(seal).ok()?;
    let (tag, text) = bytes.split_at_checked(TAG_BYTES)?;
    hmac::verify(&key(), text, tag).ok()?;
    String::from_utf8(text.to_vec()).ok()
}

fn key() -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, KEY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_opens_to_its_text_and_not_at_all_when_it_was_changed() {
        let sealed = seal("thought ö");
        assert_eq!(open(&sealed), Some("thought ö".into()));
        assert_eq!(open(&seal("")), Some(String::new()));
        let mut bytes = STANDARD.decode(&sealed).unwrap();
        for place in 0..bytes.len() {
            bytes[place] ^= 1;
            assert_eq!(open(&STANDARD.encode(&bytes)), None, "{place}");
            bytes[place] ^= 1;
        }
        assert_eq!((open(""), open("%"), open("AAAA")), (None, None, None));
    }
}
