//! Paths that could mean another path to the upstream are refused here, before a route is looked for.
//!
//! A route may carry authentication, and the route beside it none. If the gateway reads a path in one way and the
//! upstream in another, a client chooses the route whose policies suit it. So a path has to pass [`check`] first, and
//! what passes has one reading:
//!
//! | in the path | what an upstream may make of it | what happens |
//! |---|---|---|
//! | `.` or `..` as a segment, also as `%2e` | resolved against the segments before it | refused |
//! | `//` | one slash | refused; a single slash at the end is part of the path and is kept |
//! | `%2f` | a slash | refused |
//! | `\`, `%5c` | a slash | refused |
//! | `;`, `%3b` | cut off, with what follows in the segment | refused |
//! | `%25` followed by two hexadecimal digits | decoded twice | refused |
//! | `%00` to `%1f`, `%7f`, control characters | cut off, or a new line | refused |
//! | `%` without two hexadecimal digits after it | anything | refused |
//! | any other escape, such as `%41` or `%40` | the character that it stands for | the router compares decoded segments |
//!
//! The upstream gets the path as the client sent it, byte for byte, apart from a prefix that the route strips ([`strip_prefix`]).

use std::borrow::Cow;

/// Why a path is refused. The sentence is for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathProblem {
    #[error("The path does not start with a slash; send an absolute path.")]
    NotAbsolute,
    #[error("The path holds an empty segment (`//`); send single slashes.")]
    EmptySegment,
    #[error("The path holds a `.` or `..` segment, plain or encoded; send the path that it resolves to.")]
    DotSegment,
    #[error("The path holds an encoded slash (`%2f`); upstreams do not agree on what that means.")]
    EncodedSlash,
    #[error("The path holds a backslash, plain or as `%5c`; send slashes.")]
    Backslash,
    #[error("The path holds a semicolon, plain or as `%3b`; some upstreams cut the segment off there.")]
    Semicolon,
    #[error("The path is encoded twice (`%25` before two hexadecimal digits); encode it once.")]
    EncodedTwice,
    #[error("The path holds a control character.")]
    ControlCharacter,
    #[error("The path holds a percent sign without two hexadecimal digits after it; encode it as `%25`.")]
    BrokenEscape,
}

/// Whether `path`, as sent and without its query, has one reading only.
pub fn check(path: &str) -> Result<(), PathProblem> {
    if is_plain(path.as_bytes()) {
        return Ok(());
    }
    let Some(segments) = path.strip_prefix('/') else {
        return Err(PathProblem::NotAbsolute);
    };
    let mut rest = segments.split('/').peekable();
    while let Some(segment) = rest.next() {
        let last = rest.peek().is_none();
        if segment.is_empty() && !last {
            return Err(PathProblem::EmptySegment);
        }
        check_segment(segment)?;
    }
    Ok(())
}

/// What is left of `path` without `prefix`, or None if it does not begin with these whole segments. Both start with a
/// slash, or the prefix is empty. Segments are compared decoded, as the router does, and the rest is as sent; it is never
/// empty, because a request always has a path.
pub fn strip_prefix<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    let mut rest = path;
    for wanted in prefix.split('/').filter(|segment| !segment.is_empty()) {
        let tail = rest.strip_prefix('/')?;
        let end = tail.find('/').unwrap_or(tail.len());
        let (segment, after) = tail.split_at_checked(end)?;
        if decode(segment) != decode(wanted) {
            return None;
        }
        rest = after;
    }
    Some(if rest.is_empty() { "/" } else { rest })
}

/// The bytes that a segment stands for. A broken escape is kept as it is.
pub fn decode(text: &str) -> Cow<'_, [u8]> {
    if !text.contains('%') {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        match escaped_byte(rest) {
            Some(escaped) => {
                decoded.push(escaped);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                decoded.push(byte);
                rest = after;
            }
        }
    }
    Cow::Owned(decoded)
}

/// The usual path, told in one pass: it has nothing in it that needs a closer look.
fn is_plain(path: &[u8]) -> bool {
    let Some((b'/', rest)) = path.split_first() else { return false };
    let mut before = b'/';
    rest.iter().all(|byte| {
        let begins_segment = std::mem::replace(&mut before, *byte) == b'/';
        match byte {
            b'/' | b'.' => !begins_segment,
            b'%' | b'\\' | b';' => false,
            byte => !byte.is_ascii_control(),
        }
    })
}

fn check_segment(segment: &str) -> Result<(), PathProblem> {
    let mut rest = segment.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let (meant, next) = if byte == b'%' {
            let escaped = escaped_byte(rest).ok_or(PathProblem::BrokenEscape)?;
            (escaped, after.get(2..).unwrap_or_default())
        } else {
            (byte, after)
        };
        match meant {
            b'/' => return Err(PathProblem::EncodedSlash),
            b'\\' => return Err(PathProblem::Backslash),
            b';' => return Err(PathProblem::Semicolon),
            b'%' if matches!(next, [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit()) => {
                return Err(PathProblem::EncodedTwice);
            }
            byte if byte.is_ascii_control() => return Err(PathProblem::ControlCharacter),
            _ => {}
        }
        rest = next;
    }
    match decode(segment).as_ref() {
        b"." | b".." => Err(PathProblem::DotSegment),
        _ => Ok(()),
    }
}

/// The byte that `%xx` at the front of `bytes` stands for.
fn escaped_byte(bytes: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = bytes else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(*high)? << 4 | digit(*low)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_one_reading_passes() {
        for path in [
            "/",
            "/v1/chat/completions",
            "/v1/",
            "/a.b/..c/...",
            "/v1beta/models/gemini-pro:generateContent",
            "/%41%20%40",
            "/100%25",
            "/100%25off",
            "/caf%C3%A9/café",
            "/a+b=c&d,e@f!g$h'(i)*~_-",
        ] {
            // `%25of` is no escape decoded twice: `o` is no hexadecimal digit.
            assert_eq!(check(path), Ok(()), "{path}");
        }
    }

    #[test]
    fn a_path_that_could_mean_another_is_refused() {
        use PathProblem::*;
        for (path, problem) in [
            ("", NotAbsolute),
            ("*", NotAbsolute),
            ("v1", NotAbsolute),
            ("//", EmptySegment),
            ("//v1", EmptySegment),
            ("/v1//chat", EmptySegment),
            ("/v1/.", DotSegment),
            ("/v1/./chat", DotSegment),
            ("/public/../admin", DotSegment),
            ("/..", DotSegment),
            ("/%2e%2e/admin", DotSegment),
            ("/.%2E/admin", DotSegment),
            ("/%2e", DotSegment),
            ("/a%2fb", EncodedSlash),
            ("/a%2Fb", EncodedSlash),
            ("/..%2fadmin", EncodedSlash),
            ("/a\\b", Backslash),
            ("/..%5cadmin", Backslash),
            ("/admin;x", Semicolon),
            ("/..;/admin", Semicolon),
            ("/admin%3bx", Semicolon),
            ("/%252e%252e/admin", EncodedTwice),
            ("/a%252fb", EncodedTwice),
            ("/admin%00", ControlCharacter),
            ("/a%0d%0ab", ControlCharacter),
            ("/a%7f", ControlCharacter),
            ("/a\tb", ControlCharacter),
            ("/a%", BrokenEscape),
            ("/a%2", BrokenEscape),
            ("/a%zz", BrokenEscape),
            ("/a%+2", BrokenEscape),
        ] {
            assert_eq!(check(path), Err(problem), "{path}");
        }
    }

    #[test]
    fn a_prefix_is_stripped_by_whole_decoded_segments_and_the_rest_stays_as_sent() {
        for (path, prefix, rest) in [
            ("/v1/chat", "/v1", Some("/chat")),
            ("/v1/", "/v1", Some("/")),
            ("/v1", "/v1", Some("/")),
            ("/v1/a%20b", "", Some("/v1/a%20b")),
            ("/%761/a%41", "/v1", Some("/a%41")),
            ("/a%20b/c", "/a b", Some("/c")),
            ("/v1/team/x", "/v1/team", Some("/x")),
            ("/v10", "/v1", None),
            ("/v", "/v1", None),
            ("/v1", "/v1/team", None),
        ] {
            assert_eq!(strip_prefix(path, prefix), rest, "{path} {prefix}");
        }
    }

    #[test]
    fn escapes_are_decoded_once() {
        assert_eq!(decode("a%41%2").as_ref(), b"aA%2");
        assert_eq!(decode("%2541").as_ref(), b"%41");
        assert_eq!(decode("plain").as_ref(), b"plain");
    }
}
