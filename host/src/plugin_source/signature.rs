//! Detached Ed25519 signatures (RFC 8032) over the bytes of a plugin, and the file that holds them.
//!
//! The file is text: for each signature one line of `ed25519`, the key's fingerprint, and the 64 bytes in base64. Several
//! lines let a plugin be trusted by an old key and by its successor.

use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::config::{Trust, TrustedKey};

/// Of a signature's file, or of the annotation that holds the same.
pub const SIGNATURE_BYTES_MAX: u64 = 4096;

/// Signatures of one plugin.
pub const SIGNATURES_MAX: usize = 16;

/// What stands in a signature's file; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signatures(Vec<Signature>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Signature {
    /// Of the public key.
    fingerprint: String,
    bytes: [u8; 64],
}

#[derive(Debug, Error, PartialEq, Eq)]
pub enum FormatError {
    #[error(
        "line {0} is no signature; it should be `ed25519`, a fingerprint and 64 bytes in base64: sign the plugin again"
    )]
    Line(usize),
    #[error("there is no signature in it: sign the plugin again")]
    Empty,
    #[error("it has over {SIGNATURES_MAX} signatures: leave out those of keys that nobody trusts any more")]
    TooMany,
}

/// Why a plugin may not be used. Each names the remedy.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SignatureError {
    #[error(
        "it has no signature, and `require_signed` wants one: sign it with `sluicegate plugin sign`, and put the .sig beside it \
         or push it along"
    )]
    Missing,
    #[error(
        "it is signed by {signers}, and no key is trusted: if you trust that one, add its public key to `keys` in `[trust]`"
    )]
    NobodyTrusted { signers: String },
    #[error(
        "it is signed by {signers}, and trusted is {trusted}: have it signed by a trusted key, or add the public key to \
         `keys` in `[trust]`"
    )]
    Unknown { signers: String, trusted: String },
    #[error(
        "its signature by key {fingerprint} is not for these bytes: the plugin was changed after it was signed, or the \
         signature belongs to another one; fetch both anew or sign it again"
    )]
    Wrong { fingerprint: String },
}

#[derive(Debug, Error)]
pub enum KeyError {
    #[error("the system gives no random bytes")]
    Random,
    #[error(
        "it holds no private key in PEM, PKCS#8 and without a password: make one with `sluicegate plugin key new` or \
         `openssl genpkey -algorithm ed25519`"
    )]
    NotPem,
    #[error("its private key is not one for Ed25519: make one with `sluicegate plugin key new`")]
    NotEd25519,
    #[error("the key does not sign")]
    Unusable,
}

/// A private key. Has no `Debug`.
pub struct SigningKey(Ed25519KeyPair);

impl Signatures {
    /// Reads the text of a signature's file. Empty lines and those that begin with `#` say nothing.
    pub fn parse(text: &[u8]) -> Result<Signatures, FormatError> {
        let text = String::from_utf8_lossy(text);
        let mut found = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            if found.len() == SIGNATURES_MAX {
                return Err(FormatError::TooMany);
            }
            found.push(Signature::parse(line).ok_or(FormatError::Line(number))?);
        }
        if found.is_empty() { Err(FormatError::Empty) } else { Ok(Signatures(found)) }
    }

    /// One of the signatures must be by a trusted key, and each by a trusted key must be right.
    /// Returns the fingerprint of a key that vouches.
    pub fn verify(&self, wasm: &[u8], trust: &Trust) -> Result<String, SignatureError> {
        if trust.keys.is_empty() {
            return Err(SignatureError::NobodyTrusted { signers: self.signers() });
        }
        let mut vouching = None;
        for signature in &self.0 {
            for key in trust.keys.iter().filter(|key| key.fingerprint() == signature.fingerprint) {
                let right = UnparsedPublicKey::new(&ED25519, &key.0).verify(wasm, &signature.bytes);
                right.map_err(|_| SignatureError::Wrong { fingerprint: signature.fingerprint.clone() })?;
                vouching = Some(signature.fingerprint.clone());
            }
        }
        vouching.ok_or_else(|| {
            let trusted: Vec<String> = trust.keys.iter().map(TrustedKey::fingerprint).collect();
            SignatureError::Unknown { signers: self.signers(), trusted: keys(&trusted) }
        })
    }

    /// These and the other ones; of two by one key the other one.
    pub fn with(mut self, other: Signatures) -> Result<Signatures, FormatError> {
        self.0.retain(|mine| other.0.iter().all(|new| new.fingerprint != mine.fingerprint));
        self.0.extend(other.0);
        if self.0.len() > SIGNATURES_MAX { Err(FormatError::TooMany) } else { Ok(self) }
    }

    /// Who signed, for people; nothing is checked.
    pub fn signers(&self) -> String {
        keys(&self.0.iter().map(|signature| signature.fingerprint.clone()).collect::<Vec<_>>())
    }
}

impl fmt::Display for Signatures {
    /// The text of the file.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Signature { fingerprint, bytes } in &self.0 {
            writeln!(formatter, "ed25519 {fingerprint} {}", STANDARD.encode(bytes))?;
        }
        Ok(())
    }
}

impl Signature {
    fn parse(line: &str) -> Option<Signature> {
        let mut words = line.split_ascii_whitespace();
        let (Some("ed25519"), Some(fingerprint), Some(bytes), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return None;
        };
        let is_fingerprint =
            fingerprint.len() == 16 && fingerprint.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let bytes = STANDARD.decode(bytes).ok()?.try_into().ok()?;
        is_fingerprint.then(|| Signature { fingerprint: fingerprint.to_owned(), bytes })
    }
}

/// `key a` or `keys a, b`.
fn keys(fingerprints: &[String]) -> String {
    format!("{} {}", if fingerprints.len() == 1 { "key" } else { "keys" }, fingerprints.join(", "))
}

impl SigningKey {
    /// A new key, and what a file keeps of it.
    pub fn generate() -> Result<(SigningKey, Zeroizing<String>), KeyError> {
        let key = Ed25519KeyPair::generate().map_err(|_| KeyError::Random)?;
        let document = key.to_pkcs8v1().map_err(|_| KeyError::Unusable)?;
        let body = Zeroizing::new(STANDARD.encode(document.as_ref()));
        // 48 bytes are 64 characters, which is one line of PEM (RFC 7468).
        let pem = Zeroizing::new(format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", *body));
        Ok((SigningKey(key), pem))
    }

    /// A PKCS#8 private key in PEM, as `openssl genpkey -algorithm ed25519` writes it, too.
    pub fn from_pem(pem: &[u8]) -> Result<SigningKey, KeyError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| KeyError::NotPem)?;
        Ed25519KeyPair::from_pkcs8(der.secret_pkcs8_der()).map(SigningKey).map_err(|_| KeyError::NotEd25519)
    }

    pub fn public(&self) -> Result<TrustedKey, KeyError> {
        self.0.public_key().as_ref().try_into().map(TrustedKey).map_err(|_| KeyError::Unusable)
    }

    pub fn sign(&self, wasm: &[u8]) -> Result<Signatures, KeyError> {
        let signature = self.0.try_sign(wasm).map_err(|_| KeyError::Unusable)?;
        let bytes = signature.as_ref().try_into().map_err(|_| KeyError::Unusable)?;
        Ok(Signatures(vec![Signature { fingerprint: self.public()?.fingerprint(), bytes }]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8032 7.1, test 3: the private key as `openssl` writes it, the public one, the message and its signature.
    const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
                       MC4CAQAwBQYDK2VwBCIEIMWqjfQ/n4N77bdELzHct7Fm04U1B28JS4XOOi4LRFj3\n\
                       -----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025";
    const MESSAGE: &[u8] = &[0xaf, 0x82];
    const SIGNATURE: &str = "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac\
                             18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a";

    fn trust(keys: &[&SigningKey]) -> Trust {
        Trust { keys: keys.iter().map(|key| key.public().unwrap()).collect(), require_signed: true }
    }

    fn new_key() -> SigningKey {
        SigningKey::generate().unwrap().0
    }

    #[test]
    fn keys_and_signatures_are_those_of_the_standard() {
        let key = SigningKey::from_pem(PEM.as_bytes()).unwrap();
        assert_eq!(crate::config::hex(&key.public().unwrap().0), PUBLIC);
        let signatures = key.sign(MESSAGE).unwrap();
        assert_eq!(crate::config::hex(&signatures.0[0].bytes), SIGNATURE);
        assert_eq!(signatures.verify(MESSAGE, &trust(&[&key])), Ok(key.public().unwrap().fingerprint()));
    }

    #[test]
    fn a_new_key_comes_back_from_its_file() {
        let (key, pem) = SigningKey::generate().unwrap();
        assert_eq!(pem.lines().map(str::len).collect::<Vec<_>>(), [27, 64, 25]);
        assert_eq!(SigningKey::from_pem(pem.as_bytes()).unwrap().public().unwrap(), key.public().unwrap());
        assert_ne!(new_key().public().unwrap(), key.public().unwrap());
    }

    #[test]
    fn what_is_no_key_is_told_how_to_become_one() {
        let of_another_kind = rcgen::KeyPair::generate().unwrap().serialize_pem();
        for (pem, remedy) in [
            ("", "openssl genpkey -algorithm ed25519"),
            ("-----BEGIN PRIVATE KEY-----\nAAAA", "openssl genpkey"),
            (&PEM.replace("PRIVATE", "ENCRYPTED PRIVATE"), "without a password"),
            (&of_another_kind, "not one for Ed25519"),
        ] {
            let error = SigningKey::from_pem(pem.as_bytes()).err().unwrap().to_string();
            assert!(error.contains(remedy), "{error}");
        }
    }

    #[test]
    fn a_signature_is_for_one_content_and_by_a_trusted_key() {
        let (mine, other) = (new_key(), new_key());
        let signatures = mine.sign(b"plugin").unwrap();
        assert!(signatures.verify(b"plugin", &trust(&[&other, &mine])).is_ok());
        let wrong = signatures.verify(b"plugin!", &trust(&[&mine])).unwrap_err();
        assert!(wrong.to_string().contains("is not for these bytes"), "{wrong}");
        let unknown = signatures.verify(b"plugin", &trust(&[&other])).unwrap_err().to_string();
        let fingerprint = |key: &SigningKey| key.public().unwrap().fingerprint();
        assert!(unknown.contains(&format!("signed by key {}", fingerprint(&mine))), "{unknown}");
        assert!(unknown.contains(&format!("trusted is key {}", fingerprint(&other))), "{unknown}");
        let nobody = signatures.verify(b"plugin", &Trust::default()).unwrap_err().to_string();
        assert!(nobody.contains("no key is trusted") && nobody.contains("[trust]"), "{nobody}");
    }

    #[test]
    fn a_key_is_rotated_by_two_signatures_in_one_file() {
        let (old, new) = (new_key(), new_key());
        let both = old.sign(b"plugin").unwrap().with(new.sign(b"plugin").unwrap()).unwrap();
        let both = Signatures::parse(both.to_string().as_bytes()).unwrap();
        for trusted in [&[&old][..], &[&new], &[&old, &new]] {
            assert!(both.verify(b"plugin", &trust(trusted)).is_ok());
        }
        // A right signature does not make up for a wrong one by a trusted key.
        let half = old.sign(b"another").unwrap().with(new.sign(b"plugin").unwrap()).unwrap();
        assert!(half.verify(b"plugin", &trust(&[&old, &new])).is_err());
        assert!(half.verify(b"plugin", &trust(&[&new])).is_ok());
        assert_eq!(both.clone().with(new.sign(b"plugin").unwrap()).unwrap().0.len(), 2);
    }

    #[test]
    fn another_keys_signature_under_a_trusted_fingerprint_is_wrong() {
        let (trusted, forger) = (new_key(), new_key());
        let mut forged = forger.sign(b"plugin").unwrap();
        forged.0[0].fingerprint = trusted.public().unwrap().fingerprint();
        assert!(matches!(forged.verify(b"plugin", &trust(&[&trusted])), Err(SignatureError::Wrong { .. })));
    }

    #[test]
    fn what_is_no_signature_is_refused_with_its_line() {
        let line = new_key().sign(b"plugin").unwrap().to_string();
        for (text, error) in [
            (String::new(), FormatError::Empty),
            ("# nothing\n\n".to_owned(), FormatError::Empty),
            (format!("{line}rsa x y\n"), FormatError::Line(2)),
            (line.replace("ed25519 ", "ed25519 A"), FormatError::Line(1)),
            (line.replace("==", "="), FormatError::Line(1)),
            (format!("\n{} more", line.trim_end()), FormatError::Line(2)),
            (line.repeat(SIGNATURES_MAX + 1), FormatError::TooMany),
        ] {
            assert_eq!(Signatures::parse(text.as_bytes()).unwrap_err(), error, "{text}");
        }
        assert!(Signatures::parse(format!("# by hand\n\n{}", line.repeat(SIGNATURES_MAX)).as_bytes()).is_ok());
        assert!(Signatures::parse(&[0xff, 0]).is_err());
    }

    #[test]
    fn there_are_only_so_many_signatures() {
        let many =
            (0..SIGNATURES_MAX).map(|_| new_key().sign(b"x").unwrap()).reduce(|a, b| a.with(b).unwrap()).unwrap();
        assert!((many.to_string().len() as u64) < SIGNATURE_BYTES_MAX);
        assert_eq!(many.with(new_key().sign(b"x").unwrap()), Err(FormatError::TooMany));
    }
}
