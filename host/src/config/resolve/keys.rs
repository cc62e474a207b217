//! Gateway keys.

use std::collections::BTreeMap;

use super::Context;
use crate::config::diagnostic::Mistake;
use crate::config::model::{GatewayKey, digest_from_hex};
use crate::config::raw::RawKey;
use crate::config::raw::spot::Span;

pub fn keys(raw: Vec<RawKey>, context: &mut Context<'_>) -> BTreeMap<String, GatewayKey> {
    let mut keys = BTreeMap::new();
    let mut ids: BTreeMap<String, Span> = BTreeMap::new();
    let mut hashes: BTreeMap<[u8; 32], Span> = BTreeMap::new();
    for key in raw {
        if let Some(first) = ids.get(&key.id.0) {
            let found =
                context.report.add(Mistake::Relation, &key.id.span, format!("two keys have the id `{}`", key.id.0));
            found.also(first, "first here").help("give one of them another id");
        }
        ids.entry(key.id.0.clone()).or_insert(key.id.span.clone());
        let Some(sha256) = key.hash.strip_prefix("sha256:").and_then(digest_from_hex) else { continue };
        if let Some(first) = hashes.get(&sha256) {
            let found = context.report.add(Mistake::Relation, &key.hash.span, "two keys have the same hash");
            found.also(first, "first here").help("remove one of them: it would not be clear whose key it is");
        }
        hashes.entry(sha256).or_insert(key.hash.span.clone());
        let expires = key.expires.and_then(|text| text.parse::<jiff::Timestamp>().ok()).map(|time| time.as_second());
        let scopes = key.scopes.into_iter().map(|scope| scope.0).collect();
        let consumer = key.consumer.0;
        let id = key.id.value.0;
        keys.insert(id.clone(), GatewayKey { id, sha256, consumer, scopes, expires, revoked: key.revoked });
    }
    keys
}
