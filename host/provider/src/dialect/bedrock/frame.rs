//! Frames of `application/vnd.amazon.eventstream`: lengths and their CRC, headers, a payload, and a CRC of all.
//!
//! As the Smithy specification "Amazon Event Stream" has them: total length and length of the headers as 32 bits each, the CRC-32
//! of these eight bytes, the headers, the payload, and the CRC-32 of everything in front; all numbers big-endian.

use bytes::{BufMut, Bytes, BytesMut};

const PRELUDE_BYTES: usize = 8;
const CRC_BYTES: usize = 4;

/// The type of a header whose value is text.
const TEXT: u8 = 7;

/// An event; its name is the member of the stream's union that it stands for.
pub fn event(name: &str, json: &[u8]) -> Bytes {
    let headers = [(":event-type", name), (":content-type", "application/json"), (":message-type", "event")];
    frame(&headers, json)
}

/// An error as the last thing of a stream.
pub fn exception(name: &str, json: &[u8]) -> Bytes {
    let headers = [(":exception-type", name), (":content-type", "application/json"), (":message-type", "exception")];
    frame(&headers, json)
}

fn frame(headers: &[(&str, &str)], payload: &[u8]) -> Bytes {
    let mut encoded = BytesMut::new();
    for (name, value) in headers {
        // Names and values are the provider's own words, far below these sizes.
        encoded.put_u8(name.len() as u8);
        encoded.put_slice(name.as_bytes());
        encoded.put_u8(TEXT);
        encoded.put_u16(value.len() as u16);
        encoded.put_slice(value.as_bytes());
    }
    let total = PRELUDE_BYTES + CRC_BYTES + encoded.len() + payload.len() + CRC_BYTES;
    let mut frame = BytesMut::with_capacity(total);
    frame.put_u32(total as u32);
    frame.put_u32(encoded.len() as u32);
    frame.put_u32(crc32fast::hash(&frame));
    frame.put_slice(&encoded);
    frame.put_slice(payload);
    frame.put_u32(crc32fast::hash(&frame));
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_that_of_the_published_example() {
        // The first case of the Smithy specification's test vectors has no header and no payload.
        let expected = [0, 0, 0, 0x10, 0, 0, 0, 0, 0x05, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff];
        assert_eq!(frame(&[], b"")[..], expected);
    }

    #[test]
    fn lengths_and_sums_cover_headers_and_payload() {
        let frame = event("messageStart", b"{}");
        let number = |at: usize| u32::from_be_bytes(frame[at..at + 4].try_into().unwrap());
        assert_eq!(number(0) as usize, frame.len());
        assert_eq!(number(8), crc32fast::hash(&frame[..8]));
        assert_eq!(number(frame.len() - 4), crc32fast::hash(&frame[..frame.len() - 4]));
        let headers = number(4) as usize;
        assert_eq!(&frame[12 + headers..frame.len() - 4], b"{}");
        assert_eq!(&frame[12..27], b"\x0b:event-type\x07\x00\x0c");
    }
}
