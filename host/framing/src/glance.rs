//! Finds out at a glance, of most heads, that no body comes behind them that must be looked at. A head that is not told so is read
//! line by line.

/// Places that are looked at together.
const PLACES: usize = 16;
/// From the end of a line to the farthest byte that is looked at behind it.
const REACH: usize = 9;

/// What stands first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// A line, not the first one, that may be a `transfer-encoding`; of a request, also a `content-length`.
    Body,
    /// An empty line behind CRLF, if it counts.
    End,
    Nothing,
}

/// Whether these bytes are whole heads of requests without a body.
pub(crate) fn are_bodiless_requests(bytes: &[u8]) -> bool {
    bytes.ends_with(b"\r\n\r\n") && first(bytes, true) == Found::Nothing
}

/// Whether these bytes begin with the whole head of an answer whose body is not chunked.
pub(crate) fn is_answer_without_chunks(bytes: &[u8]) -> bool {
    let is_final = bytes.starts_with(b"HTTP/1.1 ") && bytes.get(9).is_some_and(|digit| *digit != b'1');
    is_final && first(bytes, false) == Found::End
}

fn first(bytes: &[u8], of_requests: bool) -> Found {
    let Some(places) = bytes.len().checked_sub(REACH).filter(|places| *places >= PLACES) else { return Found::Body };
    let length_counts = if of_requests { u8::MAX } else { 0 };
    let mut at = 0;
    loop {
        let Some(bytes) = bytes.get(at..).and_then(|bytes| bytes.first_chunk::<{ PLACES + REACH }>()) else {
            return Found::Body;
        };
        // Without a branch, so that the compiler takes them together.
        let is = |byte: u8, other: u8| if byte == other { u8::MAX } else { 0 };
        let (mut bodies, mut ends) = ([0; PLACES], [0; PLACES]);
        for place in 0..PLACES {
            let line = is(bytes[place], b'\n');
            let coding = is(bytes[place + 1] | 0x20, b't') & is(bytes[place + 6] | 0x20, b'f');
            let length = is(bytes[place + 1] | 0x20, b'c') & is(bytes[place + REACH] | 0x20, b'l') & length_counts;
            bodies[place] = line & (coding | length);
            ends[place] = line & is(bytes[place + 2], b'\n');
        }
        if u128::from_ne_bytes(bodies) != 0 {
            return Found::Body;
        }
        if !of_requests && u128::from_ne_bytes(ends) != 0 {
            return Found::End;
        }
        if at + PLACES == places {
            return Found::Nothing;
        }
        // The last ones overlap.
        at = (at + PLACES).min(places - PLACES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_without_a_body_is_told_and_one_that_announces_a_body_is_not_wherever_it_does() {
        for fields in 0..40 {
            let before: String = (0..fields).map(|number| format!("x{}: y\r\n", "-".repeat(number))).collect();
            let head = |line: &str| format!("GET / HTTP/1.1\r\nhost: example.org\r\n{before}{line}accept: */*\r\n\r\n");
            assert!(are_bodiless_requests(head("").as_bytes()), "{fields} fields");
            assert!(are_bodiless_requests(head("te: trailers\r\ncookie: a=b\r\n").as_bytes()), "{fields} fields");
            let answer = |line: &str| {
                head(line).replace("GET / HTTP/1.1", "HTTP/1.1 200 OK") + "\r\n\r\n transfer-encoding: chunked"
            };
            assert!(is_answer_without_chunks(answer("content-length: 5\r\n").as_bytes()), "{fields} fields");
            for line in [
                "transfer-encoding: chunked\r\n",
                "Transfer-Encoding:chunked\r\n",
                "TRANSFER-ENCODING: gzip, chunked\r\n",
            ] {
                assert!(!are_bodiless_requests(head(line).as_bytes()), "{fields} fields, then {line}");
                assert!(!is_answer_without_chunks(answer(line).as_bytes()), "{fields} fields, then {line}");
            }
            assert!(!are_bodiless_requests(head("Content-LENGTH: 5\r\n").as_bytes()), "{fields} fields");
        }
    }

    #[test]
    fn what_is_not_whole_or_is_not_the_last_head_is_not_told() {
        let head = "HTTP/1.1 200 OK\r\nserver: an upstream\r\ndate: today\r\n";
        for answer in [
            head.to_owned(),
            format!("\n{head}\r\n"),
            format!("{head}\r\n").replace("200", "103"),
            "HTTP/1.1 200 OK\r\n\r\n".to_owned(),
        ] {
            assert!(!is_answer_without_chunks(answer.as_bytes()), "{answer:?}");
        }
        assert!(!are_bodiless_requests(b"GET / HTTP/1.1\r\nhost: example.org\r\naccept: */*\r\n\r\nGET / HTT"));
    }
}
