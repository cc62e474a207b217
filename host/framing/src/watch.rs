//! Looks at a connection of HTTP/1.1 as it is read, and holds back what two readers could frame differently.
//!
//! hyper reads heads strictly and chunked bodies nearly so: in the fields behind a body it takes a line end without CR neither for
//! their end nor for a fault, and in the extensions of chunks any control character for text. A reader in front that ends a message
//! there finds one more behind it. So what hyper is given passes here first, and never gets as far as the byte that is wrong.
//!
//! Of heads, no more is read than where they end and what body they announce. Whatever else is wrong with one, hyper ends the
//! connection for it.

use memchr::memchr;

use crate::chunked::{Chunked, Come, Fault};
use crate::glance::{are_bodiless_requests, is_answer_without_chunks};

/// One direction of a connection.
#[derive(Debug)]
pub struct Watch {
    side: Side,
    place: Place,
    head: Head,
    /// A line of a head that is not whole yet; no longer than a head may be.
    line: Vec<u8>,
}

#[derive(Debug)]
enum Side {
    Requests,
    /// To one request at a time. `bodiless`: it was a HEAD.
    Answers {
        bodiless: bool,
    },
}

#[derive(Debug)]
enum Place {
    Head,
    /// So many bytes are left of a body.
    Counted(u64),
    Chunked(Chunked),
    /// Whatever comes is nobody's, or lasts to the end of the connection.
    Unwatched,
    Broken(Fault),
}

/// What the lines of a head have said so far.
#[derive(Debug, Default)]
struct Head {
    /// Empty lines in front of it are none of it (RFC 9112, 2.2).
    begun: bool,
    status: [u8; 3],
    chunked: bool,
    /// Bytes.
    length: u64,
}

impl Watch {
    /// What clients send.
    pub fn requests() -> Watch {
        Watch { side: Side::Requests, place: Place::Head, head: Head::default(), line: Vec::new() }
    }

    /// What upstreams send; nothing is looked at before [`Watch::asked`].
    pub fn answers() -> Watch {
        Watch { side: Side::Answers { bodiless: false }, place: Place::Unwatched, ..Watch::requests() }
    }

    /// The next bytes are the answer to a request. `head`: whose method was HEAD.
    pub fn asked(&mut self, head: bool) {
        if !matches!(self.place, Place::Broken(_)) {
            *self = Watch { side: Side::Answers { bodiless: head }, ..Watch::requests() };
        }
    }

    /// How many of these bytes may be read. Where these are not all, the rest of the connection may not.
    pub fn pass(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            match &mut self.place {
                Place::Head if self.line.is_empty() && !self.head.begun && self.side.is_done_with(rest) => {
                    self.place = self.side.behind();
                    return bytes.len();
                }
                Place::Head => at += self.read_head(rest),
                Place::Counted(left) => {
                    let taken = usize::try_from(*left).map_or(rest.len(), |left| left.min(rest.len()));
                    at += taken;
                    *left -= taken as u64;
                    if *left == 0 {
                        self.place = Place::Head;
                    }
                }
                Place::Chunked(chunked) => match chunked.read(rest) {
                    Come::Within => return bytes.len(),
                    Come::Ended(length) => {
                        at += length;
                        self.place = self.side.behind();
                    }
                    Come::Broken(length, fault) => {
                        self.place = Place::Broken(fault);
                        return at + length;
                    }
                },
                Place::Unwatched => return bytes.len(),
                Place::Broken(_) => return at,
            }
        }
        at
    }

    /// Why nothing more may be read.
    pub fn fault(&self) -> Option<Fault> {
        match self.place {
            Place::Broken(fault) => Some(fault),
            _ => None,
        }
    }

    /// How many bytes belong to it.
    fn read_head(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while let Some(length) = memchr(b'\n', &bytes[at..]) {
            let line = &bytes[at..at + length];
            at += length + 1;
            let ended = if self.line.is_empty() {
                self.head.read(line)
            } else {
                self.line.extend_from_slice(line);
                self.head.read(&std::mem::take(&mut self.line))
            };
            if ended {
                self.place = self.side.body(&std::mem::take(&mut self.head));
                return at;
            }
        }
        self.line.extend_from_slice(&bytes[at..]);
        bytes.len()
    }
}

impl Side {
    /// At a glance: these bytes begin with a head, and no body in them or behind them is to be looked at.
    fn is_done_with(&self, bytes: &[u8]) -> bool {
        match self {
            Side::Requests => are_bodiless_requests(bytes),
            Side::Answers { .. } => is_answer_without_chunks(bytes),
        }
    }

    /// What comes behind this head.
    fn body(&self, head: &Head) -> Place {
        match (self, head.status) {
            (Side::Requests, _) if head.chunked => Place::Chunked(Chunked::default()),
            (Side::Requests, _) if head.length > 0 => Place::Counted(head.length),
            (Side::Requests, _) => Place::Head,
            (Side::Answers { .. }, [b'1', b'0', b'1'] | [b'2', b'0', b'4'] | [b'3', b'0', b'4']) => Place::Unwatched,
            (Side::Answers { .. }, [b'1', ..]) => Place::Head,
            (Side::Answers { bodiless: false }, _) if head.chunked => Place::Chunked(Chunked::default()),
            (Side::Answers { .. }, _) => Place::Unwatched,
        }
    }

    /// What comes behind a body, or in its place.
    fn behind(&self) -> Place {
        match self {
            Side::Requests => Place::Head,
            Side::Answers { .. } => Place::Unwatched,
        }
    }
}

impl Head {
    /// Reads a line without its LF. Whether the head has ended with it.
    fn read(&mut self, line: &[u8]) -> bool {
        match line {
            [] | [b'\r'] => return self.begun,
            // `HTTP/1.1 200`.
            _ if !self.begun => {
                self.begun = true;
                self.status = line.get(9..12).and_then(|status| status.try_into().ok()).unwrap_or_default();
            }
            [b't' | b'T', ..] => {
                if let Some(codings) = value(line, "transfer-encoding") {
                    let last = codings.rsplit(|byte| *byte == b',').next().unwrap_or_default();
                    self.chunked = last.trim_ascii().eq_ignore_ascii_case(b"chunked");
                }
            }
            [b'c' | b'C', ..] => {
                let length =
                    value(line, "content-length").and_then(|length| std::str::from_utf8(length).ok()?.parse().ok());
                self.length = length.unwrap_or(self.length);
            }
            _ => {}
        }
        false
    }
}

/// Of a field of this name.
fn value<'a>(line: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let (found, value) = line.split_at_checked(name.len())?;
    let value = value.strip_prefix(b":").filter(|_| found.eq_ignore_ascii_case(name.as_bytes()))?;
    Some(value.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNKED: &str = "transfer-encoding: chunked\r\n\r\n";

    /// How much passes, whole and byte by byte.
    fn passed(watch: impl Fn() -> Watch, text: &str) -> usize {
        let whole = watch().pass(text.as_bytes());
        let mut watch = watch();
        let single = text.as_bytes().iter().take_while(|byte| watch.pass(&[**byte]) == 1).count();
        assert_eq!(single, whole, "{text:?}");
        assert_eq!(watch.fault().is_some(), whole < text.len(), "{text:?}");
        whole
    }

    #[test]
    fn requests_pass_whatever_their_bodies_hold() {
        for text in [
            "GET / HTTP/1.1\r\nhost: x\r\n\r\nGET / HTTP/1.1\n\n\r\nPOST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n\n\nGET / ",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2\r\n\n\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nx: transfer-encoding: chunked\r\n\r\nGET / HTTP/1.1\r\n\r\n\n",
        ] {
            assert_eq!(passed(Watch::requests, text), text.len(), "{text:?}");
        }
    }

    #[test]
    fn what_is_wrong_behind_a_chunked_body_does_not_pass_wherever_the_request_stands() {
        for in_front in [
            "",
            "\r\n",
            "GET / HTTP/1.1\r\nhost: x\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc",
            "POST / HTTP/1.1\nTransfer-Encoding:\tgzip,\tChunked\r\n\r\n1\r\na\r\n0\r\na: b\r\n\r\n",
        ] {
            let good = format!("{in_front}POST / HTTP/1.1\r\nTRANSFER-encoding:chunked \r\n\r\n1\r\na\r\n0\r\nsum: 1");
            let text = format!("{good}\n\nGET / HTTP/1.1\r\n\r\n");
            assert_eq!(passed(Watch::requests, &text), good.len(), "{text:?}");
        }
    }

    #[test]
    fn the_body_of_an_answer_is_looked_at_if_it_has_one() {
        let asked = |head| {
            move || {
                let mut watch = Watch::answers();
                assert_eq!(watch.pass(b"0\r\n\n"), 4);
                watch.asked(head);
                watch
            }
        };
        let bad = "0\r\n\n\r\n\r\n";
        for (head, start, is_body) in [
            (false, "HTTP/1.1 200 OK\r\n", true),
            (false, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103\r\nlink: a\r\n\r\nHTTP/1.1 404\r\n", true),
            (true, "HTTP/1.1 200 OK\r\n", false),
            (false, "HTTP/1.1 101 Switching Protocols\r\n", false),
            (false, "HTTP/1.1 204 No Content\r\n", false),
            (false, "HTTP/1.1 304 Not Modified\r\n", false),
            (false, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", false),
        ] {
            let good = format!("{start}{CHUNKED}");
            let expected = if is_body { good.len() + 3 } else { good.len() + bad.len() };
            assert_eq!(passed(asked(head), &format!("{good}{bad}")), expected, "{start:?}");
        }
    }
}
