//! The keys that the provider asks of its clients.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};

use aws_lc_rs::digest::{SHA256, digest};

const RANDOM_BYTES: usize = 24;
const ID_DIGITS: usize = 12;

/// The letters of AWS's access key ids.
const ACCESS_LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const ACCESS_LETTERS_COUNT: usize = 16;

/// Compared without regard to where a wrong one differs; not shown by `Debug`.
#[derive(Clone)]
pub struct ProviderKey(String);

impl ProviderKey {
    /// Any text that fits into a header field; leading and trailing spaces never arrive, so a key has none.
    pub fn new(key: impl Into<String>) -> ProviderKey {
        ProviderKey(key.into())
    }

    /// `provider-` and 48 hexadecimal digits from the system's random source.
    ///
    /// Fails where `/dev/urandom` cannot be read.
    pub fn random() -> io::Result<ProviderKey> {
        let mut bytes = [0_u8; RANDOM_BYTES];
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        Ok(ProviderKey(format!("provider-{}", hexadecimal(&bytes))))
    }

    /// The key itself, for the client that is to present it. For AWS's signatures it is the secret access key.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Twelve hexadecimal digits that name the key and do not give it away, as in [`crate::InvoiceLine::key`].
    pub fn id(&self) -> String {
        let mut id = hexadecimal(self.digest().as_ref());
        id.truncate(ID_DIGITS);
        id
    }

    /// What AWS's clients call the access key id: `AKIA` and sixteen letters and digits.
    pub fn access_key_id(&self) -> String {
        let digest = self.digest();
        let letter = |byte: &u8| char::from(ACCESS_LETTERS[usize::from(byte % 32)]);
        let letters = digest.as_ref().iter().rev().take(ACCESS_LETTERS_COUNT).map(letter);
        "AKIA".chars().chain(letters).collect()
    }

    pub(crate) fn matches(&self, presented: &[u8]) -> bool {
        let own = self.0.as_bytes();
        let difference = own.iter().zip(presented).fold(0, |difference, (ours, theirs)| difference | (ours ^ theirs));
        own.len() == presented.len() && difference == 0
    }

    fn digest(&self) -> aws_lc_rs::digest::Digest {
        digest(&SHA256, self.0.as_bytes())
    }
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl fmt::Debug for ProviderKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ProviderKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_key_matches() {
        let key = ProviderKey::new("abc");
        assert!(key.matches(b"abc"));
        for wrong in ["", "a", "ab", "abd", "abcd", "ABC"] {
            assert!(!key.matches(wrong.as_bytes()), "{wrong}");
        }
    }

    #[test]
    fn random_keys_differ_and_do_not_show_in_debug_output() {
        let (one, other) = (ProviderKey::random().unwrap(), ProviderKey::random().unwrap());
        assert_ne!(one.expose(), other.expose());
        assert_eq!(one.expose().len(), "provider-".len() + 2 * RANDOM_BYTES);
        assert_eq!(format!("{one:?}"), "ProviderKey(…)");
    }

    #[test]
    fn names_of_a_key_do_not_hold_it() {
        let key = ProviderKey::new("abc");
        // The digest of `abc` as FIPS 180-2 publishes it begins so.
        assert_eq!(key.id(), "ba7816bf8f01");
        let access = key.access_key_id();
        assert!(access.starts_with("AKIA") && access.len() == 20, "{access}");
        assert_ne!(access, ProviderKey::new("abd").access_key_id());
    }
}
