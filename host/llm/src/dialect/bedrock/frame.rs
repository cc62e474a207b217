//! Frames of `application/vnd.amazon.eventstream`, as they come in pieces.
//!
//! As the Smithy specification "Amazon Event Stream" has them: total length and length of the headers as 32 bits each, the CRC-32
//! of these eight bytes, the headers, the payload, and the CRC-32 of everything in front; all numbers big-endian.

use bytes::{Buf, Bytes, BytesMut};

use crate::error::Broken;
use crate::intake::Decode;

/// Of one frame. The vendor allows more, and a model's events have some hundred bytes.
pub const FRAME_BYTES_MAX: usize = 4 << 20;

const PRELUDE_BYTES: usize = 12;
const CRC_BYTES: usize = 4;

/// One frame: what its headers say it is, and what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frame {
    /// `:message-type`: `event`, `exception` or `error`.
    pub kind: String,
    /// `:event-type`, `:exception-type` or `:error-code`.
    pub name: String,
    /// `:error-message`.
    pub message: String,
    pub payload: Bytes,
}

/// Cuts a stream into frames. Fails for good at the first that is none.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: BytesMut,
}

impl Decode for Decoder {
    type Frame = Frame;

    /// The length of a frame below 16 MiB begins so.
    fn begins_with(first: u8) -> bool {
        first == 0
    }

    fn push(&mut self, bytes: &[u8], frames: &mut Vec<Frame>) -> Result<(), Broken> {
        self.bytes.extend_from_slice(bytes);
        while let Some(lengths) = self.lengths()? {
            if self.bytes.len() < lengths.total {
                break;
            }
            let frame = self.bytes.split_to(lengths.total).freeze();
            frames.push(read(&frame, lengths.headers)?);
        }
        Ok(())
    }

    fn end(&mut self, _frames: &mut Vec<Frame>) -> Result<(), Broken> {
        match self.bytes.is_empty() {
            true => Ok(()),
            false => Err(Broken::new("The stream ended in the middle of a frame.")),
        }
    }
}

impl Decoder {
    /// None before they are all there. They are checked at once, so that no wrong length is waited for.
    fn lengths(&self) -> Result<Option<Lengths>, Broken> {
        let Some((prelude, _)) = self.bytes.split_first_chunk::<PRELUDE_BYTES>() else { return Ok(None) };
        let [total, headers, crc] = [0, 4, 8].map(|at| number(prelude, at));
        if crc32fast::hash(prelude.get(..8).unwrap_or_default()) != crc {
            return Err(Broken::new("The checksum of a frame's lengths is wrong."));
        }
        let (total, headers) = (total as usize, headers as usize);
        if total > FRAME_BYTES_MAX {
            return Err(Broken::new(format!("A frame of the stream is longer than {FRAME_BYTES_MAX} bytes.")));
        }
        if total < PRELUDE_BYTES + CRC_BYTES || headers > total - PRELUDE_BYTES - CRC_BYTES {
            return Err(Broken::new("A frame's lengths contradict each other."));
        }
        Ok(Some(Lengths { total, headers }))
    }
}

struct Lengths {
    total: usize,
    headers: usize,
}

fn number(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..at + 4).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
    u32::from_be_bytes(four.unwrap_or_default())
}

fn read(frame: &Bytes, headers: usize) -> Result<Frame, Broken> {
    let end = frame.len() - CRC_BYTES;
    if crc32fast::hash(frame.get(..end).unwrap_or_default()) != number(frame, end) {
        return Err(Broken::new("The checksum of a frame is wrong."));
    }
    let begin = PRELUDE_BYTES + headers;
    let mut read = Frame { payload: frame.slice(begin..end), ..Frame::default() };
    let mut rest = frame.get(PRELUDE_BYTES..begin).unwrap_or_default();
    while !rest.is_empty() {
        header(&mut rest, &mut read).ok_or_else(|| Broken::new("A header of a frame cannot be read."))?;
    }
    Ok(read)
}

/// Takes a header off the rest.
fn header(rest: &mut &[u8], frame: &mut Frame) -> Option<()> {
    let length = usize::from(rest.try_get_u8().ok()?);
    let name = take(rest, length)?;
    let length = match rest.try_get_u8().ok()? {
        // True and false.
        0 | 1 => 0,
        2 => 1,
        3 => 2,
        4 => 4,
        5 | 8 => 8,
        9 => 16,
        6 => usize::from(rest.try_get_u16().ok()?),
        7 => {
            let length = usize::from(rest.try_get_u16().ok()?);
            let value = std::str::from_utf8(take(rest, length)?).ok()?;
            match name {
                b":message-type" => frame.kind = value.to_owned(),
                b":event-type" | b":exception-type" | b":error-code" => frame.name = value.to_owned(),
                b":error-message" => frame.message = value.to_owned(),
                _ => {}
            }
            return Some(());
        }
        _ => return None,
    };
    take(rest, length).map(|_| ())
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A frame with headers of text.
    pub fn frame(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
        let mut encoded = Vec::new();
        for (name, value) in headers {
            encoded.push(name.len() as u8);
            encoded.extend(name.as_bytes());
            encoded.push(7);
            encoded.extend((value.len() as u16).to_be_bytes());
            encoded.extend(value.as_bytes());
        }
        encode(&encoded, payload)
    }

    fn encode(headers: &[u8], payload: &[u8]) -> Vec<u8> {
        let total = PRELUDE_BYTES + headers.len() + payload.len() + CRC_BYTES;
        let mut frame = Vec::new();
        frame.extend((total as u32).to_be_bytes());
        frame.extend((headers.len() as u32).to_be_bytes());
        frame.extend(crc32fast::hash(&frame).to_be_bytes());
        frame.extend(headers);
        frame.extend(payload);
        frame.extend(crc32fast::hash(&frame).to_be_bytes());
        frame
    }

    fn decode(bytes: &[u8]) -> Result<Vec<Frame>, String> {
        let (mut decoder, mut frames) = (Decoder::default(), Vec::new());
        decoder.push(bytes, &mut frames).map_err(|broken| broken.message)?;
        Ok(frames)
    }

    #[test]
    fn the_published_examples_are_read() {
        // The first case of the Smithy specification's test vectors has no header and no payload.
        let empty = [0, 0, 0, 0x10, 0, 0, 0, 0, 0x05, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff];
        assert_eq!(decode(&empty), Ok(vec![Frame::default()]));
    }

    #[test]
    fn headers_of_every_type_are_passed_over() {
        let mut headers = Vec::new();
        for (kind, length) in [(0u8, 0usize), (1, 0), (2, 1), (3, 2), (4, 4), (5, 8), (8, 8), (9, 16)] {
            headers.extend([1, b'a', kind]);
            headers.extend(vec![0; length]);
        }
        headers.extend([1, b'b', 6, 0, 2, 1, 2]);
        headers.extend(b"\x0b:event-type\x07\x00\x01x");
        let found = decode(&encode(&headers, b"{}")).unwrap();
        assert_eq!((found[0].name.as_str(), &found[0].payload[..]), ("x", &b"{}"[..]));
        for cut in 1..headers.len() {
            let _any = decode(&encode(&headers[..cut], b""));
        }
        assert_eq!(decode(&encode(&[1, b'a', 10], b"")), Err("A header of a frame cannot be read.".to_owned()));
    }

    #[test]
    fn what_is_wrong_with_a_frame_is_said_at_once() {
        let good = frame(&[(":message-type", "event")], b"{}");
        let sums = ["The checksum of a frame's lengths is wrong.", "The checksum of a frame is wrong."];
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert_eq!(decode(&bad), Err(sums[usize::from(at >= PRELUDE_BYTES)].to_owned()), "{at}");
        }
        for (total, headers, sentence) in [
            (5 << 20, 0, "A frame of the stream is longer than 4194304 bytes."),
            (15, 0, "A frame's lengths contradict each other."),
            (20, 5, "A frame's lengths contradict each other."),
        ] {
            let mut prelude = [u32::to_be_bytes(total), u32::to_be_bytes(headers)].concat();
            prelude.extend(crc32fast::hash(&prelude).to_be_bytes());
            assert_eq!(decode(&prelude), Err(sentence.to_owned()));
        }
    }
}
