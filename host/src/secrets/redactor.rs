//! Finds live secrets in texts and replaces them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aho_corasick::{AhoCorasick, BuildError, MatchKind};
use arc_swap::ArcSwap;

use super::Secret;
use super::forms::forms;

/// Stands where a secret stood.
pub const REDACTED: &str = "[redacted]";

/// The secrets known at one moment, ready for searching.
#[derive(Default)]
pub struct Redactor {
    /// None while there is no secret.
    searcher: Option<AhoCorasick>,
    longest_form_bytes: usize,
}

impl Redactor {
    /// An error means that there are more forms than a search can hold, which takes thousands of megabytes of secrets.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Result<Redactor, BuildError> {
        let forms: Vec<_> = secrets.into_iter().flat_map(|secret| forms(secret.expose())).collect();
        let longest_form_bytes = forms.iter().map(|form| form.len()).max().unwrap_or(0);
        if longest_form_bytes == 0 {
            return Ok(Redactor::default());
        }
        // Leftmost-longest: where one secret begins with another one, the longer disappears whole.
        let searcher = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(forms.iter().map(|form| form.as_slice()))?;
        Ok(Redactor { searcher: Some(searcher), longest_form_bytes })
    }

    /// The text with every occurrence of a secret, in any form, replaced by [`REDACTED`].
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.redact_bytes(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            // Secrets are ASCII, so that cutting them out leaves valid text.
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    pub fn redact_bytes<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        let mut found = self.searcher.iter().flat_map(|searcher| searcher.find_iter(text)).peekable();
        if found.peek().is_none() {
            return Cow::Borrowed(text);
        }
        let mut redacted = Vec::with_capacity(text.len());
        let mut copied = 0;
        for secret in found {
            redacted.extend_from_slice(text.get(copied..secret.start()).unwrap_or_default());
            redacted.extend_from_slice(REDACTED.as_bytes());
            copied = secret.end();
        }
        redacted.extend_from_slice(text.get(copied..).unwrap_or_default());
        Cow::Owned(redacted)
    }

    /// How much of `text` can be redacted and let go although more follows: no secret reaches over that point.
    pub(super) fn settled_bytes(&self, text: &[u8]) -> usize {
        let at = text.len().saturating_sub(self.longest_form_bytes.saturating_sub(1));
        let mut found = self.searcher.iter().flat_map(|searcher| searcher.find_iter(text));
        found.find(|secret| secret.start() < at && secret.end() > at).map_or(at, |secret| secret.start())
    }
}

/// The shared place where live secrets are registered; clones share them.
///
/// Searching never waits for a change.
#[derive(Clone, Default)]
pub struct Redaction(Arc<Shared>);

#[derive(Default)]
struct Shared {
    current: ArcSwap<Redactor>,
    registered: Mutex<Registry>,
}

#[derive(Default)]
struct Registry {
    next_id: u64,
    secrets: BTreeMap<u64, Vec<Secret>>,
}

/// Secrets stay known as long as this lives: a generation holds one for its credentials.
#[must_use = "the secrets are forgotten when this is dropped"]
pub struct Registered {
    id: u64,
    shared: Arc<Shared>,
}

impl Redaction {
    pub fn new() -> Redaction {
        Redaction::default()
    }

    /// Makes `secrets` known to every writer and every text at once.
    pub fn register(&self, secrets: Vec<Secret>) -> Result<Registered, BuildError> {
        let mut registry = self.0.registered.lock().unwrap_or_else(PoisonError::into_inner);
        let id = registry.next_id;
        registry.next_id += 1;
        registry.secrets.insert(id, secrets);
        match registry.build() {
            Ok(redactor) => {
                self.0.current.store(Arc::new(redactor));
                Ok(Registered { id, shared: Arc::clone(&self.0) })
            }
            Err(error) => {
                registry.secrets.remove(&id);
                Err(error)
            }
        }
    }

    pub fn current(&self) -> Arc<Redactor> {
        self.0.current.load_full()
    }

    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.0.current.load().redact(text)
    }
}

impl Registry {
    fn build(&self) -> Result<Redactor, BuildError> {
        Redactor::new(self.secrets.values().flatten())
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut registry = self.shared.registered.lock().unwrap_or_else(PoisonError::into_inner);
        registry.secrets.remove(&self.id);
        // Fewer secrets than before fit; if not, the old redactor stays and knows too much, which does no harm.
        if let Ok(redactor) = registry.build() {
            self.shared.current.store(Arc::new(redactor));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes().to_vec(), "test").unwrap()
    }

    #[test]
    fn a_secret_disappears_in_every_form() {
        let redactor = Redactor::new(&[secret("sk-\"a/b\\c+d")]).unwrap();
        for text in [
            r#"sk-"a/b\c+d"#,
            r#"{"key":"sk-\"a/b\\c+d"}"#,
            r#"{"key":"sk-\"a\/b\\c+d"}"#,
            "?key=sk-%22a%2Fb%5Cc%2Bd&x",
            "?key=sk-%22a%2fb%5cc%2bd&x",
            "Basic dXNlcjpzay0iYS9iXGMrZA==",
        ] {
            let redacted = redactor.redact(text);
            assert!(redacted.contains(REDACTED), "{redacted}");
            assert!(!redacted.contains("sk-") && !redacted.contains("sk0iYS9iXGMr"), "{redacted}");
        }
        assert!(matches!(redactor.redact("an innocent text"), Cow::Borrowed("an innocent text")));
    }

    #[test]
    fn the_longer_of_two_secrets_disappears_whole() {
        let redactor = Redactor::new(&[secret("abcdef"), secret("abcdefghi")]).unwrap();
        assert_eq!(redactor.redact("abcdefghi abcdef abcdefgh"), "[redacted] [redacted] [redacted]gh");
    }

    #[test]
    fn a_secret_in_an_error_chain_disappears() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot call the provider")]
        struct Outer(#[source] std::io::Error);
        let outer = Outer(std::io::Error::other("401 for key sk-live-value"));
        let redactor = Redactor::new(&[secret("sk-live-value")]).unwrap();
        assert_eq!(
            redactor.redact(&format!("{:#}", anyhow::Error::new(outer))),
            "cannot call the provider: 401 for key [redacted]"
        );
    }

    #[test]
    fn a_secret_is_known_as_long_as_it_is_registered() {
        let redaction = Redaction::new();
        let old = redaction.register(vec![secret("old-secret")]).unwrap();
        let new = redaction.register(vec![secret("new-secret"), secret("admin-token")]).unwrap();
        let text = "old-secret new-secret admin-token";
        assert_eq!(redaction.redact(text), "[redacted] [redacted] [redacted]");
        drop(old);
        assert_eq!(redaction.clone().redact(text), "old-secret [redacted] [redacted]");
        drop(new);
        assert_eq!(redaction.redact(text), text);
    }
}
