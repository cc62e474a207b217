//! What one piece of a body leaves to the next one, and how it is kept in the notes.

use crate::media::Media;

/// What is known at the place from which the next piece is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    pub media: Media,
    /// The byte in front, if it can belong to a match or forbid one; else 0.
    pub before: u8,
    /// No number of JSON can begin here.
    pub in_text: bool,
    /// If not 0, this is within a private key, which ends after so many bytes at the latest.
    pub key_left: u16,
    /// Bytes that have come and not gone on.
    pub held: Vec<u8>,
}

/// A request may still be on its way when the answer comes, so each has a state. The default is no byte long, and is not written.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Notes {
    pub request: State,
    pub reply: State,
}

const PLAIN: u8 = 1;
const OTHER: u8 = 2;
const IN_TEXT: u8 = 4;
/// Flags, the byte before, bytes left of a key.
const HEAD: usize = 4;

impl Notes {
    pub fn read(bytes: &[u8]) -> Notes {
        let Some((length, rest)) = bytes.split_first_chunk() else { return Notes::default() };
        let (request, reply) = rest.split_at(usize::from(u16::from_le_bytes(*length)).min(rest.len()));
        Notes { request: State::read(request), reply: State::read(reply) }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; 2];
        self.request.write(&mut bytes);
        let length = (bytes.len() - 2) as u16;
        self.reply.write(&mut bytes);
        match bytes.len() {
            2 => Vec::new(),
            _ => {
                bytes[..2].copy_from_slice(&length.to_le_bytes());
                bytes
            }
        }
    }
}

impl State {
    fn read(bytes: &[u8]) -> State {
        let Some((&[flags, before, low, high], held)) = bytes.split_first_chunk::<HEAD>() else {
            return State::default();
        };
        let media = match flags & (PLAIN | OTHER) {
            PLAIN => Media::Plain,
            OTHER => Media::Other,
            _ => Media::Json,
        };
        let (in_text, key_left) = (flags & IN_TEXT != 0, u16::from_le_bytes([low, high]));
        State { media, before, in_text, key_left, held: held.to_vec() }
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        if *self == State::default() {
            return;
        }
        let media = match self.media {
            Media::Json => 0,
            Media::Plain => PLAIN,
            Media::Other => OTHER,
        };
        let [low, high] = self.key_left.to_le_bytes();
        bytes.extend([media | if self.in_text { IN_TEXT } else { 0 }, self.before, low, high]);
        bytes.extend_from_slice(&self.held);
    }
}
