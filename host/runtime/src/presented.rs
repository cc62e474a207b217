//! What a client presents to prove who it is, taken out of the request so that plugins and upstreams do not see it.

use std::fmt;

use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Header fields and query members that carry credentials.
///
/// The host moves them here before the first plugin runs.
/// A capability names a place and gets an answer about it; only the grant `credentials-in-clear` gives the value itself.
#[derive(Clone, Default)]
pub struct Presented {
    headers: HeaderMap,
    query: Vec<QueryMember>,
    /// Fields that a plugin has set for the upstream; they go there whatever the route forwards.
    set_for_upstream: Vec<HeaderName>,
}

/// One `name=value` of a query.
#[derive(Clone)]
pub struct QueryMember {
    /// Percent-decoded, with U+FFFD for what is not UTF-8.
    name: String,
    value: String,
    /// As the client wrote it, without `&`, so that it can be put back unchanged.
    raw: String,
}

impl Presented {
    pub fn new() -> Presented {
        Presented::default()
    }

    /// Adds a field after those of the same name.
    pub fn add_header(&mut self, name: HeaderName, mut value: HeaderValue) {
        value.set_sensitive(true);
        self.headers.append(name, value);
    }

    /// Adds a query member as the client wrote it, without `&`.
    pub fn add_query(&mut self, raw: &str) {
        self.query.push(QueryMember::parse(raw));
    }

    /// Replaces a field, for the upstream to see.
    pub fn set_header(&mut self, name: HeaderName, mut value: HeaderValue) {
        value.set_sensitive(true);
        if !self.set_for_upstream.contains(&name) {
            self.set_for_upstream.push(name.clone());
        }
        self.headers.insert(name, value);
    }

    /// What stands behind `scheme` in the first `authorization` field of that scheme, in whatever case it is written.
    pub fn authorization(&self, scheme: &str) -> Option<&[u8]> {
        self.headers.get_all(AUTHORIZATION).iter().find_map(|value| {
            let (presented, rest) = value.as_bytes().split_at_checked(scheme.len())?;
            let separated = rest.first() == Some(&b' ') && presented.eq_ignore_ascii_case(scheme.as_bytes());
            separated.then(|| rest.trim_ascii()).filter(|credentials| !credentials.is_empty())
        })
    }

    /// The first field of that name.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.get(name).map(HeaderValue::as_bytes)
    }

    /// The first query member of that name, percent-decoded; a `+` stays a `+`.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|member| member.name == name).map(|member| member.value.as_str())
    }

    /// The first cookie of that name.
    pub fn cookie(&self, name: &str) -> Option<&[u8]> {
        self.headers.get_all(COOKIE).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b';')).find_map(
            |pair| {
                let equals = pair.iter().position(|byte| *byte == b'=')?;
                let (presented, value) = pair.split_at_checked(equals)?;
                (presented.trim_ascii() == name.as_bytes()).then(|| value.get(1..).unwrap_or_default().trim_ascii())
            },
        )
    }

    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    pub fn query_members(&self) -> &[QueryMember] {
        &self.query
    }

    /// Whether a plugin has set this field for the upstream.
    pub fn is_set_for_upstream(&self, name: &HeaderName) -> bool {
        self.set_for_upstream.contains(name)
    }

    /// How many fields plugins have set for the upstream.
    pub fn fields_for_upstream(&self) -> usize {
        self.set_for_upstream.len()
    }

    pub fn is_empty(&self) -> bool {
        self.headers.is_empty() && self.query.is_empty()
    }
}

/// Names only: the values are secrets.
impl fmt::Debug for Presented {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&str> = self.headers.keys().map(HeaderName::as_str).collect();
        let query: Vec<&str> = self.query.iter().map(QueryMember::name).collect();
        formatter.debug_struct("Presented").field("headers", &headers).field("query", &query).finish()
    }
}

impl QueryMember {
    /// Parses `name=value` or `name`.
    pub fn parse(raw: &str) -> QueryMember {
        let (name, value) = raw.split_once('=').unwrap_or((raw, ""));
        QueryMember { name: decode_to_text(name), value: decode_to_text(value), raw: raw.to_owned() }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// As the client wrote it.
    pub fn raw(&self) -> &str {
        &self.raw
    }
}

impl fmt::Debug for QueryMember {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}=[secret]", self.name)
    }
}

/// Undoes `%XX` (RFC 3986, 2.1); a `%` without two hexadecimal digits stays as it is.
pub fn percent_decode(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let pair = (first == b'%').then(|| Some((hex_digit(*behind.first()?)?, hex_digit(*behind.get(1)?)?))).flatten();
        match pair {
            Some((high, low)) => {
                decoded.push(high << 4 | low);
                rest = behind.get(2..).unwrap_or_default();
            }
            None => {
                decoded.push(first);
                rest = behind;
            }
        }
    }
    decoded
}

fn hex_digit(byte: u8) -> Option<u8> {
    (byte as char).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn decode_to_text(text: &str) -> String {
    String::from_utf8_lossy(&percent_decode(text)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_header(name: &'static str, value: &'static [u8]) -> Presented {
        let mut presented = Presented::new();
        presented.add_header(HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap());
        presented
    }

    #[test]
    fn a_scheme_is_compared_without_case_and_must_end_with_a_space() {
        let presented = with_header("authorization", b"bEARER  sg_abc ");
        assert_eq!(presented.authorization("Bearer"), Some(&b"sg_abc"[..]));
        assert_eq!(presented.authorization("Bear"), None);
        assert_eq!(presented.authorization("Basic"), None);
        assert_eq!(with_header("authorization", b"Bearer").authorization("Bearer"), None);
        assert_eq!(with_header("authorization", b"Bearer  ").authorization("Bearer"), None);
    }

    #[test]
    fn a_cookie_is_found_among_others_and_in_a_second_field() {
        let mut presented = with_header("cookie", b"a=1; session=x=y;empty=; bare");
        presented.add_header(COOKIE, HeaderValue::from_static("late=\"quoted\""));
        assert_eq!(presented.cookie("session"), Some(&b"x=y"[..]));
        assert_eq!(presented.cookie("empty"), Some(&b""[..]));
        assert_eq!(presented.cookie("late"), Some(&b"\"quoted\""[..]));
        assert_eq!(presented.cookie("bare"), None);
        assert_eq!(presented.cookie("ession"), None);
    }

    #[test]
    fn a_query_member_is_decoded_and_its_spelling_is_kept() {
        let mut presented = Presented::new();
        presented.add_query("%6Bey=a%2Fb+c%zz");
        assert_eq!(presented.query("key"), Some("a/b+c%zz"));
        assert_eq!(presented.query_members()[0].raw(), "%6Bey=a%2Fb+c%zz");
        presented.add_query("flag");
        assert_eq!(presented.query("flag"), Some(""));
        assert_eq!(presented.query("none"), None);
    }

    #[test]
    fn header_values_are_bytes_and_need_not_be_text() {
        let presented = with_header("x-api-key", b"\xff\xfe");
        assert_eq!(presented.header("X-API-Key"), Some(&b"\xff\xfe"[..]));
    }

    #[test]
    fn debug_output_shows_names_and_no_value() {
        let mut presented = with_header("authorization", b"Bearer hidden-value");
        presented.add_query("key=hidden-value");
        let shown = format!("{presented:?} {:?} {:?}", presented.headers(), presented.query_members());
        assert!(shown.contains("authorization") && shown.contains("key"), "{shown}");
        assert!(!shown.contains("hidden-value"), "{shown}");
    }

    #[test]
    fn percent_decoding_leaves_what_is_not_an_escape() {
        for (text, decoded) in [("", ""), ("%", "%"), ("%4", "%4"), ("%41%", "A%"), ("%%41", "%A"), ("%g1", "%g1")] {
            assert_eq!(percent_decode(text), decoded.as_bytes(), "{text}");
        }
    }
}
