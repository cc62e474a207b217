//! The key that the provider asks of its clients.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};

const RANDOM_BYTES: usize = 24;

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
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(ProviderKey(format!("provider-{digits}")))
    }

    /// The key itself, for the client that is to present it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub(crate) fn matches(&self, presented: &[u8]) -> bool {
        let own = self.0.as_bytes();
        let difference = own.iter().zip(presented).fold(0, |difference, (ours, theirs)| difference | (ours ^ theirs));
        own.len() == presented.len() && difference == 0
    }
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
}
