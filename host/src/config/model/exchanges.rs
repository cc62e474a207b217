//! A file of exchanges that a plugin is tried on, as meant.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use serde_json::Value;

use super::{Expect, Isolation, PluginLimits, TestExchange};
use crate::config::Place;

/// What stands in front of a key's name in a field, and behind it: `${key:acme}`.
const KEY_BEGIN: &str = "${key:";
const KEY_END: &str = "}";

/// What a chain entry would say of the plugin, and the exchanges.
#[derive(Debug, Clone)]
pub struct Exchanges {
    /// None: what the component imports.
    pub grants: Option<BTreeSet<String>>,
    /// None: `request`, if the plugin can be frozen.
    pub isolation: Option<Isolation>,
    pub limits: PluginLimits,
    pub keys: Vec<TrialKey>,
    /// At least one.
    pub trials: Vec<Arc<Trial>>,
}

/// A gateway key that is made for one run.
#[derive(Debug, Clone)]
pub struct TrialKey {
    /// How fields refer to it.
    pub name: String,
    /// The public part, which plugins see.
    pub id: String,
    pub consumer: String,
    pub scopes: Vec<String>,
    pub revoked: bool,
}

/// One exchange, and the config with which the plugin meets it.
#[derive(Debug, Clone)]
pub struct Trial {
    pub exchange: TestExchange,
    /// One JSON object.
    pub config: Value,
    /// None: what comes of it is only shown.
    pub expect: Option<Expect>,
    /// Of the exchange and of the values in its config.
    pub place: Place,
}

impl TestExchange {
    /// The same with each `${key:NAME}` in a field of its request replaced by that key.
    pub fn with_keys(&self, keys: &BTreeMap<String, String>) -> TestExchange {
        let mut exchange = self.clone();
        exchange.request.headers = HeaderMap::with_capacity(self.request.headers.len());
        for (name, value) in &self.request.headers {
            let text = value.to_str().ok().and_then(|text| with_keys(text, keys));
            let value = text.and_then(|text| HeaderValue::try_from(text).ok()).unwrap_or_else(|| value.clone());
            exchange.request.headers.append(name, value);
        }
        exchange
    }
}

/// The names of the keys in a field's value.
pub fn key_names(text: &str) -> impl Iterator<Item = &str> {
    text.split(KEY_BEGIN).skip(1).map(|rest| rest.split_once(KEY_END).map_or(rest, |(name, _)| name))
}

/// None if there is no key in it.
fn with_keys(text: &str, keys: &BTreeMap<String, String>) -> Option<String> {
    let mut names = key_names(text).peekable();
    names.peek()?;
    Some(names.fold(text.to_owned(), |text, name| match keys.get(name) {
        Some(key) => text.replace(&format!("{KEY_BEGIN}{name}{KEY_END}"), key),
        None => text,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_in_a_text_is_replaced_and_all_else_stays() {
        let keys = BTreeMap::from([("a".to_owned(), "sg_a".to_owned()), ("b".to_owned(), "sg_b".to_owned())]);
        for (text, replaced) in [
            ("Bearer ${key:a}", Some("Bearer sg_a")),
            ("${key:a} ${key:b}, ${key:a}", Some("sg_a sg_b, sg_a")),
            ("${key:c}", Some("${key:c}")),
            ("${key:a", Some("${key:a")),
            ("$key:a", None),
        ] {
            assert_eq!(with_keys(text, &keys).as_deref(), replaced, "{text}");
        }
        assert_eq!(key_names("${key:a} x ${key:b} ${key:c").collect::<Vec<_>>(), ["a", "b", "c"]);
    }
}
