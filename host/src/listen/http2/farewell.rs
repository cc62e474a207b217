//! Whether a client has said that it goes, read off the frames that it sends: h2 ends such a connection without a word to anybody
//! above it.

use super::seen::FRAME_HEAD_BYTES;

/// RFC 9113, 3.4.
const PREFACE_BYTES: usize = 24;
/// The type of its frame (RFC 9113, 6.8).
const GOAWAY: u8 = 7;

/// Where in what a client sends we are.
pub(super) struct Farewell {
    /// Of the next frame, as far as it has come.
    head: [u8; FRAME_HEAD_BYTES],
    length: usize,
    /// Of the preface or a payload.
    rest: usize,
}

impl Farewell {
    pub(super) fn new() -> Farewell {
        Farewell { head: [0; FRAME_HEAD_BYTES], length: 0, rest: PREFACE_BYTES }
    }

    /// Whether it is said in these bytes, which come behind those of the call before.
    pub(super) fn is_in(&mut self, mut bytes: &[u8]) -> bool {
        let mut said = false;
        while !bytes.is_empty() {
            let skipped = self.rest.min(bytes.len());
            self.rest -= skipped;
            bytes = &bytes[skipped..];
            let (taken, behind) = bytes.split_at(bytes.len().min(FRAME_HEAD_BYTES - self.length));
            self.head[self.length..self.length + taken.len()].copy_from_slice(taken);
            self.length += taken.len();
            bytes = behind;
            if self.length == FRAME_HEAD_BYTES {
                let [a, b, c, kind, ..] = self.head;
                said |= kind == GOAWAY;
                self.rest = u32::from_be_bytes([0, a, b, c]) as usize;
                self.length = 0;
            }
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        [&[0, 0, payload.len() as u8, kind, 0, 0, 0, 0, 0], payload].concat()
    }

    #[test]
    fn a_farewell_is_heard_wherever_its_bytes_are_cut() {
        let before = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(4, &[]), frame(0, &[GOAWAY; 30])].concat();
        assert!(!Farewell::new().is_in(&before));
        let all = [before, frame(GOAWAY, &[0; 8]), frame(6, &[0; 8])].concat();
        for pieces in [1, 2, 7, all.len()] {
            let mut farewell = Farewell::new();
            let said = all.chunks(pieces).filter(|bytes| farewell.is_in(bytes)).count();
            assert_eq!(said, 1, "{pieces}");
        }
    }
}
