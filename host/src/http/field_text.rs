//! Fields of a head as text, for whoever may have to send them once more.

use http::{HeaderMap, HeaderName, HeaderValue};

/// In one piece of memory: a copy of the map costs four times as much, and hardly any is asked for.
pub struct FieldText {
    /// `NAME:VALUE` or, where the value is a secret, the name, a tab and the value. No field has a line end in it.
    lines: Vec<u8>,
}

const OPEN: u8 = b':';
const SECRET: u8 = b'\t';

/// What the fields of most requests need.
const LINES_BYTES: usize = 512;

impl FieldText {
    pub fn of(headers: &HeaderMap) -> FieldText {
        let mut lines = Vec::with_capacity(LINES_BYTES);
        for (name, value) in headers {
            lines.extend_from_slice(name.as_str().as_bytes());
            lines.push(if value.is_sensitive() { SECRET } else { OPEN });
            lines.extend_from_slice(value.as_bytes());
            lines.push(b'\n');
        }
        FieldText { lines }
    }

    /// The same fields, in the order of their values, and what was a secret is one.
    pub fn fields(&self) -> HeaderMap {
        self.lines.split(|byte| *byte == b'\n').filter_map(field).collect()
    }
}

/// None for what follows the last line, which is nothing.
fn field(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let end = line.iter().position(|byte| matches!(*byte, OPEN | SECRET))?;
    let (name, value) = line.split_at_checked(end)?;
    let (mark, value) = value.split_first()?;
    let mut value = HeaderValue::from_bytes(value).ok()?;
    value.set_sensitive(*mark == SECRET);
    Some((HeaderName::from_bytes(name).ok()?, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stay_the_same_in_the_order_of_their_values_and_secrets_stay_secrets() {
        let mut headers = HeaderMap::new();
        let fields =
            [("accept", &b"x"[..]), ("x-time", b"12:30\t:"), ("accept", b"y"), ("x-none", b""), ("x-old", b"\xff")];
        for (name, value) in fields {
            headers.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        let mut secret = HeaderValue::from_static("Bearer a:b");
        secret.set_sensitive(true);
        headers.insert("authorization", secret);
        let text = FieldText::of(&headers);
        for again in [text.fields(), text.fields()] {
            assert_eq!(again, headers);
            let of_name = |name: &str| again.get_all(name).iter().cloned().collect::<Vec<_>>();
            assert_eq!(of_name("accept"), ["x", "y"]);
            assert!(of_name("authorization")[0].is_sensitive() && !of_name("accept")[0].is_sensitive());
        }
    }
}
