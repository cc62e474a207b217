//! Values of header fields that a plugin writes: side by side in one allocation, so that each is cheap to make, to copy and to drop.

use bytes::BytesMut;
use http::HeaderValue;

use crate::bindings::host::edits::EditError;
use crate::fields;

/// Bytes of one allocation, which lasts as long as any of its values.
const BLOCK_BYTES: usize = 1024;
/// Bytes of a value that shares one.
const SHARED_BYTES_MAX: usize = 128;

/// Room for the values that one instance writes.
#[derive(Default)]
pub(crate) struct Values(BytesMut);

impl Values {
    /// Errors: it is no value of a field.
    pub(crate) fn parse(&mut self, value: &[u8]) -> Result<HeaderValue, EditError> {
        if value.len() > SHARED_BYTES_MAX {
            return fields::parse_value(value);
        }
        if self.0.capacity() < value.len() {
            self.0.reserve(BLOCK_BYTES);
        }
        self.0.extend_from_slice(value);
        HeaderValue::from_maybe_shared(self.0.split().freeze()).map_err(|_| EditError::InvalidValue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_keeps_its_bytes_whatever_comes_after_it() {
        let mut values = Values::default();
        let texts: Vec<String> = (0..300).map(|length| "v".repeat(length)).collect();
        let parsed: Vec<HeaderValue> = texts.iter().map(|text| values.parse(text.as_bytes()).unwrap()).collect();
        assert!(parsed.iter().zip(&texts).all(|(value, text)| value == text));
    }

    #[test]
    fn what_is_no_value_is_refused_and_the_next_is_taken() {
        let mut values = Values::default();
        for bytes in [&b"a\nb"[..], b"\0", &[b'\r'; 200]] {
            assert_eq!(values.parse(bytes), Err(EditError::InvalidValue));
        }
        assert_eq!(values.parse(b"tab\tand \xff").unwrap(), HeaderValue::from_bytes(b"tab\tand \xff").unwrap());
    }
}
