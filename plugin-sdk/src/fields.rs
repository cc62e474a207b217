//! The contract's rules about header fields, to check a config by.

/// Fields that the host owns: framing, connection, and where the request goes.
const OWNED: [&str; 11] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// Fields that carry what one side presents to the other. A route may name more.
const CREDENTIALS: [&str; 7] =
    ["authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "api-key", "x-goog-api-key"];

/// Whether this is a field name (RFC 9110, 5.1).
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// Whether the host takes this as a field's value: anything but control characters other than a tab.
pub fn is_value(value: &[u8]) -> bool {
    value.iter().all(|byte| !byte.is_ascii_control() || *byte == b'\t')
}

/// Whether the field is the host's own, which no plugin can change.
pub fn is_owned(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    OWNED.contains(&name.as_str()) || name.starts_with("x-sluicegate-")
}

/// Whether the field carries credentials on every route, so that it does not exist for a plugin without the grant
/// `credentials-in-clear`.
pub fn is_credential(name: &str) -> bool {
    CREDENTIALS.contains(&name.to_ascii_lowercase().as_str())
}
