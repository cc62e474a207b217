//! Headers of the PROXY protocol.

use super::fuzz;
use crate::proxy_header::{HEADER_BYTES_MAX, Said, parse};

#[test]
fn fuzzed_proxy_headers_say_the_same_however_much_is_there_and_take_nothing_behind_them() {
    let mut said = 0;
    fuzz("proxy-headers", |_, bytes, _| {
        let whole = parse(bytes);
        for length in 0..=bytes.len().min(HEADER_BYTES_MAX + 20) {
            match parse(&bytes[..length]) {
                Said::Incomplete => {}
                decided => assert_eq!(decided, whole, "{length} bytes"),
            }
        }
        if let Said::For(_, length) | Said::ForItself(length) = whole {
            said += 1;
            assert!(length <= bytes.len() && length <= HEADER_BYTES_MAX);
            assert_eq!(parse(&bytes[..length]), whole, "what stands behind it says nothing");
            assert_eq!(parse(&bytes[..length - 1]), Said::Incomplete, "no byte too many is taken");
        }
        // Whoever waits for more must not wait for ever.
        assert!(whole != Said::Incomplete || bytes.len() < HEADER_BYTES_MAX);
    });
    assert!(said > 50, "{said}");
}
