//! Secrets of the gateway: read by name, held apart, sent towards one origin only, and kept out of every text.

mod credentials;
mod forms;
mod redactor;
mod writer;

use std::fmt;

use thiserror::Error;
use zeroize::Zeroizing;

use crate::config::SecretSource;

pub use credentials::{Credentials, InjectError};
pub use redactor::{REDACTED, Redaction, Redactor, Registered};
pub use writer::{LINE_BYTES_MAX, RedactingMakeWriter, RedactingWriter};

/// A shorter secret would be found by chance in innocent texts, and by guessing everywhere else.
pub const SECRET_BYTES_MIN: usize = 6;

pub const SECRET_BYTES_MAX: usize = 16 * 1024;

/// Visible ASCII characters, at least [`SECRET_BYTES_MIN`] and at most [`SECRET_BYTES_MAX`]; wiped when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

/// Why a secret cannot be used. Names the source, never the value.
#[derive(Debug, Error)]
pub enum SecretError {
    #[error("environment variable {name} is not set; set it, or change `${{env:{name}}}` in the configuration")]
    NotSet { name: String },
    #[error("cannot read {source_name}: {error}; check the path and its permissions")]
    Unreadable { source_name: String, error: std::io::Error },
    #[error("{source_name} is empty; put the secret there")]
    Empty { source_name: String },
    #[error(
        "{source_name} holds {bytes} bytes; a secret has at least {SECRET_BYTES_MIN}, else it cannot be kept out of logs"
    )]
    TooShort { source_name: String, bytes: usize },
    #[error(
        "{source_name} is longer than {SECRET_BYTES_MAX} bytes; a secret is not, so check that it is the right one"
    )]
    TooLong { source_name: String },
    #[error(
        "{source_name} holds a space, a control character, or a byte outside ASCII at byte {position}; \
             a secret is one word of visible ASCII characters"
    )]
    NotVisible { source_name: String, position: usize },
}

impl Secret {
    /// Checks `bytes`; `source_name` says in an error where they come from.
    pub fn new(bytes: Vec<u8>, source_name: &str) -> Result<Secret, SecretError> {
        let bytes = Zeroizing::new(bytes);
        let source_name = || source_name.to_owned();
        if bytes.is_empty() {
            return Err(SecretError::Empty { source_name: source_name() });
        }
        if bytes.len() > SECRET_BYTES_MAX {
            return Err(SecretError::TooLong { source_name: source_name() });
        }
        if let Some(position) = bytes.iter().position(|byte| !byte.is_ascii_graphic()) {
            return Err(SecretError::NotVisible { source_name: source_name(), position });
        }
        if bytes.len() < SECRET_BYTES_MIN {
            return Err(SecretError::TooShort { source_name: source_name(), bytes: bytes.len() });
        }
        Ok(Secret(bytes))
    }

    /// Reads an environment variable, or a file without its final line end.
    pub fn read(source: &SecretSource) -> Result<Secret, SecretError> {
        match source {
            SecretSource::Env(name) => {
                let value = std::env::var_os(name).ok_or_else(|| SecretError::NotSet { name: name.clone() })?;
                Secret::new(value.into_encoded_bytes(), &format!("environment variable {name}"))
            }
            SecretSource::File(path) => {
                let source_name = format!("file {}", path.display());
                let bytes = read_bounded(path)
                    .map_err(|error| SecretError::Unreadable { source_name: source_name.clone(), error })?;
                Secret::new(bytes, &source_name)
            }
        }
    }

    /// Whether `presented` is this secret; takes equally long wherever they differ.
    pub fn matches(&self, presented: &[u8]) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(&self.0, presented).is_ok()
    }

    /// Only where the secret is sent or looked for; to compare it there is [`Secret::matches`].
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[secret]")
    }
}

/// Reads no more than is needed to see that a file is too long, whatever the path leads to.
fn read_bounded(path: &std::path::Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    // Room for all, so that no half-filled copy is left behind by a growing vector.
    let mut bytes = Vec::with_capacity(SECRET_BYTES_MAX + 3);
    std::fs::File::open(path)?.take(SECRET_BYTES_MAX as u64 + 3).read_to_end(&mut bytes)?;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, content: &[u8]) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("sluicegate-secret-{}-{name}", std::process::id()));
        std::fs::write(&path, content).unwrap();
        path
    }

    fn read(name: &str, content: &[u8]) -> Result<Secret, SecretError> {
        let path = file(name, content);
        let secret = Secret::read(&SecretSource::File(path.clone()));
        std::fs::remove_file(path).unwrap();
        secret
    }

    #[test]
    fn a_final_line_end_is_not_part_of_a_secret() {
        for content in [&b"sk-value"[..], b"sk-value\n", b"sk-value\r\n"] {
            assert_eq!(read("newline", content).unwrap().expose(), b"sk-value");
        }
        assert!(matches!(read("newlines", b"sk-value\n\n"), Err(SecretError::NotVisible { position: 8, .. })));
    }

    #[test]
    fn what_cannot_be_a_secret_is_refused_without_showing_it() {
        for (content, sentence) in [
            (&b""[..], "is empty; put the secret there"),
            (b"\n", "is empty; put the secret there"),
            (b"abc77", "holds 5 bytes; a secret has at least 6, else it cannot be kept out of logs"),
            (b"abc77 def", "at byte 5; a secret is one word of visible ASCII characters"),
            ("abc77\u{e4}".as_bytes(), "at byte 5; a secret is one word of visible ASCII characters"),
            (
                &[b'7'; SECRET_BYTES_MAX + 1],
                "is longer than 16384 bytes; a secret is not, so check that it is the right one",
            ),
        ] {
            let error = read("refused", content).unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(error.to_string().starts_with("file /") && text.contains(sentence), "{text}");
            assert!(!text.contains("abc77") && !text.contains("777"), "{text}");
        }
        assert!(read("longest", &[b'7'; SECRET_BYTES_MAX]).is_ok());
    }

    #[test]
    fn a_missing_source_is_named() {
        let error = Secret::read(&SecretSource::Env("SLUICEGATE_NO_SUCH_VARIABLE".into())).unwrap_err();
        assert_eq!(
            error.to_string(),
            "environment variable SLUICEGATE_NO_SUCH_VARIABLE is not set; \
             set it, or change `${env:SLUICEGATE_NO_SUCH_VARIABLE}` in the configuration"
        );
        let error = Secret::read(&SecretSource::File("/no/such/secret".into())).unwrap_err();
        assert!(error.to_string().starts_with("cannot read file /no/such/secret: "), "{error}");
    }

    #[test]
    fn a_secret_matches_itself_alone() {
        let secret = Secret::new(b"admin-token".to_vec(), "test").unwrap();
        assert!(secret.matches(b"admin-token"));
        for other in [&b"admin-tokem"[..], b"admin-toke", b"admin-token2", b""] {
            assert!(!secret.matches(other));
        }
    }

    #[test]
    fn debug_output_hides_the_value() {
        assert_eq!(format!("{:?}", Secret::new(b"sk-value".to_vec(), "test").unwrap()), "[secret]");
    }
}
