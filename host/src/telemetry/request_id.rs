//! Request ids and W3C trace context: taken from the client where they are valid, and passed on.

use std::cell::RefCell;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName};

pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// A longer id is replaced by one of ours.
pub const REQUEST_ID_BYTES_MAX: usize = 128;

/// Names one exchange in the log, in answers and towards the upstream. Safe to print anywhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestId(String);

impl RequestId {
    /// The client's `x-request-id` if there is one only, of at most 128 letters, digits and `-_.~+/=:@`; else a new one.
    pub fn from_headers(headers: &HeaderMap) -> RequestId {
        let mut values = headers.get_all(X_REQUEST_ID).iter();
        match (values.next().and_then(|value| value.to_str().ok()), values.next()) {
            (Some(id), None) if is_valid(id) => RequestId(id.to_string()),
            _ => RequestId::random(),
        }
    }

    /// 128 random bits in hexadecimal.
    pub fn random() -> RequestId {
        thread_local! {
            static STOCK: RefCell<Stock> = const { RefCell::new(Stock { bytes: [0; STOCK_BYTES], left: 0 }) };
        }
        RequestId(hexadecimal(&STOCK.with_borrow_mut(Stock::take)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A valid `traceparent` (W3C Trace Context, level 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    pub trace_id: [u8; 16],
    pub parent_id: [u8; 8],
    pub sampled: bool,
}

impl TraceParent {
    /// Of a request on its way to the upstream.
    ///
    /// The gateway records no spans of its own, so a valid context goes on as it came: the upstream's spans then hang under
    /// the client's. What is not valid is removed, `tracestate` with it, so that log and upstream agree that there is none.
    pub fn propagate(headers: &mut HeaderMap) -> Option<TraceParent> {
        // Most requests have neither.
        if !headers.keys().any(|name| *name == TRACEPARENT || *name == TRACESTATE) {
            return None;
        }
        let mut values = headers.get_all(TRACEPARENT).iter();
        let parsed = match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok().and_then(TraceParent::parse),
            _ => None,
        };
        if parsed.is_none() {
            headers.remove(TRACEPARENT);
            headers.remove(TRACESTATE);
        }
        parsed
    }

    /// Versions to come are read as far as version 00 goes, as the specification asks.
    pub fn parse(text: &str) -> Option<TraceParent> {
        let mut parts = text.split('-');
        let [version] = bytes::<1>(parts.next()?)?;
        let trace_id = bytes::<16>(parts.next()?)?;
        let parent_id = bytes::<8>(parts.next()?)?;
        let [flags] = bytes::<1>(parts.next()?)?;
        let surplus = parts.next().is_some();
        let valid = version != 0xff && trace_id != [0; 16] && parent_id != [0; 8] && !(version == 0 && surplus);
        valid.then_some(TraceParent { trace_id, parent_id, sampled: flags & 1 == 1 })
    }

    /// 32 hexadecimal digits.
    pub fn trace_id_text(&self) -> String {
        hexadecimal(&self.trace_id)
    }
}

/// Random bytes of one thread, drawn for many ids at once: what the generator does for one draw is most of what it costs.
struct Stock {
    bytes: [u8; STOCK_BYTES],
    left: usize,
}

const STOCK_BYTES: usize = 1024;

impl Stock {
    /// Each byte is given out once.
    fn take(&mut self) -> [u8; 16] {
        if self.left == 0 {
            if aws_lc_rs::rand::fill(&mut self.bytes).is_err() {
                return unrepeated();
            }
            self.left = self.bytes.len();
        }
        self.left = self.left.saturating_sub(16);
        self.bytes.get(self.left..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_else(unrepeated)
    }
}

fn is_valid(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~+/=:@".contains(&byte);
    !id.is_empty() && id.len() <= REQUEST_ID_BYTES_MAX && id.bytes().all(allowed)
}

/// Where the random generator fails: an id has to be one of its own, but nobody has to be unable to guess it.
fn unrepeated() -> [u8; 16] {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let hash = std::hash::RandomState::new().hash_one(count);
    ((u128::from(hash) << 64) | u128::from(count)).to_be_bytes()
}

fn hexadecimal(bytes: &[u8; 16]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 32];
    for (digits, byte) in text.chunks_exact_mut(2).zip(bytes) {
        digits.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 0xf)]]);
    }
    std::str::from_utf8(&text).unwrap_or_default().to_owned()
}

/// Exactly `N` bytes from lower-case hexadecimal digits.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() != N * 2 || !text.bytes().all(lower) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn with_ids(ids: &[&[u8]]) -> HeaderMap {
        ids.iter().map(|id| (X_REQUEST_ID, HeaderValue::from_bytes(id).unwrap())).collect()
    }

    #[test]
    fn a_valid_id_of_the_client_is_kept() {
        let longest = "x".repeat(REQUEST_ID_BYTES_MAX);
        for id in ["a", "7c0e-4a", "Root=1-67891233-abcdef", "a.b_c~d+e/f=:@", longest.as_str()] {
            assert_eq!(RequestId::from_headers(&with_ids(&[id.as_bytes()])).as_str(), id);
        }
    }

    #[test]
    fn an_id_that_is_absent_doubled_too_long_or_strange_is_replaced() {
        let too_long = "x".repeat(REQUEST_ID_BYTES_MAX + 1);
        let cases: [&[&[u8]]; 9] = [
            &[],
            &[b"a", b"b"],
            &[b""],
            &[too_long.as_bytes()],
            &[b"a b"],
            &[b"a\"b"],
            &[b"{jndi}"],
            &[b"\xff\xfe"],
            &["\u{2028}".as_bytes()],
        ];
        for ids in cases {
            let id = RequestId::from_headers(&with_ids(ids));
            assert_eq!(id.as_str().len(), 32, "{ids:?}");
            assert!(id.as_str().bytes().all(|byte| byte.is_ascii_hexdigit()), "{ids:?}");
        }
    }

    #[test]
    fn no_two_new_ids_are_alike() {
        assert_ne!(RequestId::random(), RequestId::random());
        assert_ne!(unrepeated(), unrepeated());
    }

    #[test]
    fn a_valid_trace_context_goes_on_as_it_came() {
        let mut headers = HeaderMap::new();
        headers.insert(TRACEPARENT, HeaderValue::from_static(VALID));
        headers.insert(TRACESTATE, HeaderValue::from_static("vendor=1"));
        let before = headers.clone();
        let context = TraceParent::propagate(&mut headers).unwrap();
        assert_eq!(context.trace_id_text(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert!(context.sampled);
        assert_eq!(headers, before);
    }

    #[test]
    fn an_invalid_or_doubled_trace_context_is_removed_with_its_state() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";
        for invalid in [
            "".to_string(),
            "00".to_string(),
            format!("00-{id}"),
            format!("ff-{id}-01"),
            format!("00-{id}-01-extra"),
            format!("00-{}-01", id.to_uppercase()),
            format!("00-{id}-0g"),
            format!("00-{id}-1"),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01".to_string(),
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01".to_string(),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(TRACEPARENT, HeaderValue::from_str(&invalid).unwrap());
            headers.insert(TRACESTATE, HeaderValue::from_static("vendor=1"));
            assert_eq!(TraceParent::propagate(&mut headers), None, "{invalid}");
            assert!(headers.is_empty(), "{invalid}");
        }
        let mut headers = HeaderMap::new();
        headers.append(TRACEPARENT, HeaderValue::from_static(VALID));
        headers.append(TRACEPARENT, HeaderValue::from_static(VALID));
        assert_eq!(TraceParent::propagate(&mut headers), None);
        assert!(headers.is_empty());
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        let context = TraceParent::parse("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-what-comes").unwrap();
        assert!(!context.sampled);
    }
}
