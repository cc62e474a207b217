//! Gateway keys: what they look like, how they are made, and whose key a client presents.
//!
//! `sg_` id(12) `_` secret(43) checksum(6), 65 characters, digits and letters apart from the underscores:
//!
//! - The prefix lets a secret scanner find keys by pattern, `sg_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}`.
//! - The id is public: it stands in the config, in logs, and names the key when it is revoked.
//! - The secret is 43 characters of 62, 256 bits, from the system's random generator.
//! - The checksum is the CRC-32 (IEEE 802.3) of everything before it, in base 62, most significant digit first. It tells
//!   a scanner a key from a look-alike, and a person a typing error from a revoked key, without a look-up. It protects nothing.
//!
//! Stored is the SHA-256 of the whole key. A secret of 256 random bits needs no slow hash: there is nothing to guess.

#[cfg(test)]
mod tests;
mod text;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};

pub use self::text::{KEY_BYTES, is_id, parse};
use crate::config::GatewayKey;

/// All keys of one generation.
pub struct KeyRing {
    keys: HashMap<String, StoredKey>,
}

struct StoredKey {
    sha256: [u8; 32],
    owner: Arc<KeyOwner>,
    expires: Option<i64>,
    revoked: bool,
}

/// Whose key it is. Nothing here is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyOwner {
    pub key_id: String,
    pub consumer: String,
    pub scopes: Vec<String>,
}

/// Why what was presented opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyFailure {
    #[error("this is no gateway key: wrong prefix, length or checksum")]
    Malformed,
    /// Also where the id is known and the secret differs: nobody learns ids by trying.
    #[error("this key is not known")]
    Unknown,
    #[error("this key has expired")]
    Expired,
    #[error("this key has been revoked")]
    Revoked,
}

impl KeyRing {
    /// A key whose id has not the form of an id is never found, because nobody can present it.
    pub fn new(keys: &BTreeMap<String, GatewayKey>) -> KeyRing {
        let stored = |key: &GatewayKey| StoredKey {
            sha256: key.sha256,
            owner: Arc::new(KeyOwner {
                key_id: key.id.clone(),
                consumer: key.consumer.clone(),
                scopes: key.scopes.clone(),
            }),
            expires: key.expires,
            revoked: key.revoked,
        };
        KeyRing { keys: keys.values().map(|key| (key.id.clone(), stored(key))).collect() }
    }

    /// `now_unix` in seconds. That a key is expired or revoked is told only to who holds it.
    pub fn identify(&self, presented: &[u8], now_unix: i64) -> Result<Arc<KeyOwner>, KeyFailure> {
        let id = parse(presented).ok_or(KeyFailure::Malformed)?;
        // An unknown id is compared as well, so that the time taken does not tell which ids exist.
        let stored = self.keys.get(id);
        let expected = stored.map_or([0; 32], |key| key.sha256);
        let same = verify_slices_are_equal(digest(&SHA256, presented).as_ref(), &expected).is_ok();
        let Some(key) = stored.filter(|_| same) else { return Err(KeyFailure::Unknown) };
        if key.revoked {
            return Err(KeyFailure::Revoked);
        }
        if key.expires.is_some_and(|expires| now_unix >= expires) {
            return Err(KeyFailure::Expired);
        }
        Ok(key.owner.clone())
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("KeyRing").field("keys", &self.keys.len()).finish()
    }
}

/// A key that has just been made. This is the only moment at which the key itself can be read.
pub struct NewKey {
    /// Goes into the config, as the name of the key.
    pub id: String,
    /// Goes to the client, and nowhere else.
    pub key: String,
    pub sha256: [u8; 32],
}

#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the system's random generator gave no bytes, so no key was made; try again")]
pub struct NoRandomness;

/// Makes a key that nobody can guess.
pub fn generate() -> Result<NewKey, NoRandomness> {
    generate_with_id(text::random(text::ID_BYTES)?)
}

/// The same with an id that is known before, for keys that live for moments.
pub fn generate_with_id(id: String) -> Result<NewKey, NoRandomness> {
    let secret = text::random(text::SECRET_BYTES)?;
    let key = text::assemble(&id, &secret);
    let sha256 = hash(key.as_bytes());
    Ok(NewKey { id, key, sha256 })
}

impl NewKey {
    /// What the config stores: `sha256:` and 64 hexadecimal digits.
    pub fn stored(&self) -> String {
        let digits: String = self.sha256.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256:{digits}")
    }
}

impl fmt::Debug for NewKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("NewKey").field("id", &self.id).finish_non_exhaustive()
    }
}

fn hash(key: &[u8]) -> [u8; 32] {
    let mut sha256 = [0; 32];
    sha256.iter_mut().zip(digest(&SHA256, key).as_ref()).for_each(|(to, from)| *to = *from);
    sha256
}
