//! Takes out of a text what nobody may see: the gateway's secrets, and what the client presents.

use std::sync::{Mutex, MutexGuard, PoisonError};

use sluicegate_runtime::{Presented, Shown};

use crate::http::credential;
use crate::secrets::Redaction;

/// Stands where a credential stood.
pub(super) const HIDDEN: &str = "[hidden]";
/// Bytes shown of one value.
pub(super) const VALUE_BYTES_MAX: usize = 256;
/// Bytes shown of why a call failed or rejected.
const MESSAGE_BYTES_MAX: usize = 2048;
/// Credentials of one exchange that are looked for, whole and in parts.
const PRESENTED_MAX: usize = 1024;

pub(super) struct Veil {
    redaction: Redaction,
    presented: Mutex<Texts>,
}

/// The longest first.
#[derive(Default)]
struct Texts(Vec<String>);

impl Veil {
    pub(super) fn new(redaction: Redaction, presented: &Presented) -> Veil {
        let veil = Veil { redaction, presented: Mutex::default() };
        veil.learn(presented);
        veil
    }

    /// From here on these are hidden, too: a plugin may have set others than the client.
    pub(super) fn learn(&self, presented: &Presented) {
        self.learn_texts(credential::texts(presented));
    }

    /// The value of a field that carries credentials, and what in it is one by itself.
    pub(super) fn learn_field(&self, value: &[u8]) {
        self.learn_texts(credential::texts_of_field(value));
    }

    fn learn_texts(&self, new: Vec<String>) {
        let mut texts = self.texts();
        for text in new {
            if texts.0.len() >= PRESENTED_MAX || texts.0.contains(&text) {
                continue;
            }
            let place = texts.0.partition_point(|known| known.len() >= text.len());
            texts.0.insert(place, text);
        }
    }

    pub(super) fn text(&self, text: &str) -> String {
        self.cut(text, VALUE_BYTES_MAX)
    }

    pub(super) fn message(&self, text: &str) -> String {
        self.cut(text, MESSAGE_BYTES_MAX)
    }

    /// Shortened, but only once nothing is in it that must not be.
    fn cut(&self, text: &str, bytes_max: usize) -> String {
        let mut text = self.redaction.redact(text).into_owned();
        for presented in &self.texts().0 {
            if text.contains(presented.as_str()) {
                text = text.replace(presented.as_str(), HIDDEN);
            }
        }
        if text.len() > bytes_max {
            text.truncate(text.floor_char_boundary(bytes_max));
            text.push('…');
        }
        text
    }

    fn texts(&self) -> MutexGuard<'_, Texts> {
        self.presented.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn shown(&self, value: &Shown) -> Option<String> {
        match value {
            Shown::Nothing => None,
            Shown::Text(text) => Some(self.text(text)),
            Shown::Hidden(_) => Some(HIDDEN.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header};

    use super::*;
    use crate::secrets::Secret;

    fn veil() -> Veil {
        let mut presented = Presented::new();
        presented.add_header(header::AUTHORIZATION, HeaderValue::from_static("Bearer sg_abc.def"));
        presented.add_header(header::COOKIE, HeaderValue::from_static("session=0123456789; theme=dark"));
        presented.add_query("key=in%2Fquery");
        Veil::new(Redaction::new(), &presented)
    }

    #[test]
    fn what_the_client_presents_is_hidden_wherever_a_plugin_puts_it() {
        let text = "for sg_abc.def: Bearer sg_abc.def and 0123456789, in/query, in%2Fquery, dark";
        assert_eq!(veil().text(text), "for [hidden]: [hidden] and [hidden], [hidden], [hidden], dark");
    }

    #[test]
    fn a_value_is_cut_behind_a_secret_and_never_within_it() {
        let redaction = Redaction::new();
        let secret = Secret::new(b"the-gateways-own-secret".to_vec(), "test").unwrap();
        let _registered = redaction.register(vec![secret]).unwrap();
        let veil = Veil::new(redaction, &Presented::new());
        let shown = veil.text(&format!("{}the-gateways-own-secret", "x".repeat(VALUE_BYTES_MAX - 10)));
        assert!(!shown.contains("the-gate") && shown.contains("[redacted]"), "{shown}");
        let long = veil.text(&"é".repeat(VALUE_BYTES_MAX));
        assert!(long.len() <= VALUE_BYTES_MAX + "…".len() && long.ends_with('…'), "{long}");
    }
}
