//! Escapes of JSON (RFC 8259, 7): nothing matches within one, so that none is cut.

use crate::ahead::{Ahead, More};

/// The length of the escape at a backslash; 1 if it begins none.
pub fn length(ahead: Ahead) -> Result<usize, More> {
    match ahead.at(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(2),
        b'u' => Ok(match ahead.run(2, 4, |byte| byte.is_ascii_hexdigit())? {
            4 => 6,
            _ => 1,
        }),
        _ => Ok(1),
    }
}
