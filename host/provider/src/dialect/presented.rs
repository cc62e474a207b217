//! Finds the key in a request, in the places where a vendor's clients put it.

use http::HeaderMap;
use http::header;
use http::request::Parts;
use percent_encoding::percent_decode_str;

use crate::key::ProviderKey;
use crate::refusal::Refusal;

const QUERY_NAME: &str = "key";

/// In one of these fields, or as `Authorization: Bearer`.
pub fn by_field<'k>(keys: &'k [ProviderKey], headers: &HeaderMap, names: &[&str]) -> Result<&'k ProviderKey, Refusal> {
    let presented = names.iter().find_map(|name| headers.get(*name)).map(|value| value.as_bytes());
    find(keys, presented.or_else(|| bearer(headers)))
}

/// Or as the member `key` of the query.
pub fn by_field_or_query<'k>(
    keys: &'k [ProviderKey],
    head: &Parts,
    names: &[&str],
) -> Result<&'k ProviderKey, Refusal> {
    match query_value(head.uri.query().unwrap_or_default(), QUERY_NAME) {
        Some(key) => find(keys, Some(key.as_bytes())),
        None => by_field(keys, &head.headers, names),
    }
}

pub fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let field = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, key) = field.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(key)
}

pub fn find<'k>(keys: &'k [ProviderKey], presented: Option<&[u8]>) -> Result<&'k ProviderKey, Refusal> {
    let presented = presented.ok_or(Refusal::MissingKey)?;
    keys.iter().find(|key| key.matches(presented)).ok_or(Refusal::WrongKey)
}

pub fn query_value(query: &str, name: &str) -> Option<String> {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.into_iter().find(|(found, _)| *found == name).map(|(_, value)| decoded(value))
}

/// Percent escapes undone; what is no UTF-8 then is replaced.
pub fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}
