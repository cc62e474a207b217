//! Edits of header fields by plugins: which are allowed, and how many.

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::bindings::host::edits::EditError;
use crate::bindings::host::types::Field;

/// Fields of one head.
pub(crate) const FIELDS_MAX: usize = 256;
/// Bytes of all names and values of one head.
pub(crate) const FIELD_BYTES_MAX: usize = 128 << 10;

/// Request fields that carry what the client presents, on every route.
pub const CREDENTIAL_FIELDS: [&str; 6] =
    ["authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-goog-api-key"];

/// Fields that belong to the host: framing, connection, and its own names.
const HOST_FIELDS: [&str; 11] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "via",
];

/// The host's own namespace.
const HOST_PREFIX: &str = "x-sluicegate-";

pub(crate) fn is_host_field(name: &HeaderName) -> bool {
    HOST_FIELDS.contains(&name.as_str()) || name.as_str().starts_with(HOST_PREFIX)
}

pub(crate) fn parse_name(name: &str) -> Result<HeaderName, EditError> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| EditError::InvalidName)
}

pub(crate) fn parse_value(value: &[u8]) -> Result<HeaderValue, EditError> {
    HeaderValue::from_bytes(value).map_err(|_| EditError::InvalidValue)
}

/// What an edit does with the values that stand there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edit {
    Set,
    Append,
}

pub(crate) fn write(
    headers: &mut HeaderMap,
    edit: Edit,
    name: &HeaderName,
    value: HeaderValue,
) -> Result<(), EditError> {
    let fits = headers.len() < FIELDS_MAX || (edit == Edit::Set && headers.contains_key(name));
    if !fits || bytes(headers) + name.as_str().len() + value.len() > FIELD_BYTES_MAX {
        return Err(EditError::TooMany);
    }
    match edit {
        Edit::Set => drop(headers.insert(name, value)),
        Edit::Append => drop(headers.append(name, value)),
    }
    Ok(())
}

/// Bytes of all names and values.
fn bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

/// A copy for a guest.
pub(crate) fn list(headers: &HeaderMap, shown: impl Fn(&HeaderName) -> bool) -> Vec<Field> {
    headers
        .iter()
        .filter(|(name, _)| shown(name))
        .map(|(name, value)| Field { name: name.as_str().to_owned(), value: value.as_bytes().to_vec() })
        .collect()
}
