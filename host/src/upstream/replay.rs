//! What is kept of a request's head, so that it can go out once more.

use http::{HeaderName, HeaderValue, Method, Request, Uri, Version, request};

/// Its fields are kept as text, in one piece of memory: a copy of the map costs four times as much, and hardly any is asked for.
pub(super) struct Replay {
    method: Method,
    uri: Uri,
    version: Version,
    /// `NAME:VALUE` or, where the value is a secret, the name, a tab and the value. No field has a line end in it.
    lines: Vec<u8>,
}

const OPEN: u8 = b':';
const SECRET: u8 = b'\t';

/// What the fields of most requests need.
const LINES_BYTES: usize = 512;

impl Replay {
    pub(super) fn of(head: &request::Parts) -> Replay {
        let mut lines = Vec::with_capacity(LINES_BYTES);
        for (name, value) in &head.headers {
            lines.extend_from_slice(name.as_str().as_bytes());
            lines.push(if value.is_sensitive() { SECRET } else { OPEN });
            lines.extend_from_slice(value.as_bytes());
            lines.push(b'\n');
        }
        Replay { method: head.method.clone(), uri: head.uri.clone(), version: head.version, lines }
    }

    pub(super) fn with<B>(self, body: B) -> Request<B> {
        let mut request = Request::new(body);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.version_mut() = self.version;
        *request.headers_mut() = self.lines.split(|byte| *byte == b'\n').filter_map(field).collect();
        request
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
    fn what_is_sent_again_is_the_same_in_the_order_of_its_values_and_its_secrets_stay_secrets() {
        let mut first = Request::new(());
        *first.method_mut() = Method::PUT;
        *first.uri_mut() = Uri::from_static("/a?b");
        let fields =
            [("accept", &b"x"[..]), ("x-time", b"12:30\t:"), ("accept", b"y"), ("x-none", b""), ("x-old", b"\xff")];
        for (name, value) in fields {
            first.headers_mut().append(name, HeaderValue::from_bytes(value).unwrap());
        }
        let mut secret = HeaderValue::from_static("Bearer a:b");
        secret.set_sensitive(true);
        first.headers_mut().insert("authorization", secret);
        let (head, ()) = first.into_parts();
        let again = Replay::of(&head).with("body");
        assert_eq!((again.method(), again.uri(), again.headers()), (&head.method, &head.uri, &head.headers));
        let of_name = |name: &str| again.headers().get_all(name).iter().cloned().collect::<Vec<_>>();
        assert_eq!(of_name("accept"), ["x", "y"]);
        assert!(of_name("authorization")[0].is_sensitive() && !of_name("accept")[0].is_sensitive());
    }
}
