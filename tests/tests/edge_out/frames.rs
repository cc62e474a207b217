//! The upstream's end of HTTP/2, frame by frame (RFC 9113, 4.1), for what a proper server would never do.

use sluicegate_tests::{Notes, Raw, RawUpstream};

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
pub const GOAWAY: u8 = 7;

pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

pub const NO_ERROR: u32 = 0;
pub const INTERNAL_ERROR: u32 = 2;
pub const REFUSED_STREAM: u32 = 7;

/// `:status: 200` (RFC 7541, appendix A, 8).
pub const STATUS_200: &[u8] = &[0x88];

pub struct Frames {
    raw: Raw,
    /// Has been closed by the gateway.
    pub ended: bool,
}

impl Frames {
    async fn open(mut raw: Raw) -> Frames {
        raw.read_until("SM\r\n\r\n").await;
        let mut frames = Frames { raw, ended: false };
        frames.write(SETTINGS, 0, 0, &[]).await;
        frames
    }

    pub async fn write(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).expect("a short frame").to_be_bytes();
        let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
        self.ended |= !self.raw.try_write([&head, payload].concat()).await;
    }

    pub async fn reset(&mut self, stream: u32, code: u32) {
        self.write(RST_STREAM, 0, stream, &code.to_be_bytes()).await;
    }

    /// Takes no stream behind `last`.
    pub async fn go_away(&mut self, last: u32, code: u32) {
        self.write(GOAWAY, 0, 0, &[last.to_be_bytes(), code.to_be_bytes()].concat()).await;
    }

    /// The stream of the next request; what else comes is answered or passed over. None at the end of the connection.
    pub async fn request(&mut self) -> Option<u32> {
        loop {
            let (kind, _, stream, _) = self.next().await?;
            if kind == HEADERS {
                return Some(stream);
            }
        }
    }

    /// The next frame that is about a stream: its kind, and which. None at the end of the connection.
    pub async fn about_a_stream(&mut self) -> Option<(u8, u32)> {
        loop {
            let (kind, _, stream, _) = self.next().await?;
            if stream != 0 {
                return Some((kind, stream));
            }
        }
    }

    /// Of a request's body, at least so many bytes, or all of it.
    pub async fn body(&mut self, of: u32, bytes_min: usize) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        while body.len() < bytes_min {
            let (kind, flags, stream, payload) = self.next().await?;
            if (kind, stream) == (DATA, of) {
                body.extend(payload);
                if flags & END_STREAM != 0 {
                    break;
                }
            }
        }
        Some(body)
    }

    async fn next(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        loop {
            let head = self.raw.try_read_exact(9).await?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff;
            let payload = self.raw.try_read_exact(length).await?;
            match (head[3], head[4]) {
                (SETTINGS, flags) if flags & ACK == 0 => self.write(SETTINGS, ACK, 0, &[]).await,
                (kind, flags) => return Some((kind, flags, stream, payload)),
            }
        }
    }

    /// So many frames with the same bytes, at once.
    pub async fn pieces(&mut self, stream: u32, count: usize, bytes: &[u8]) {
        let length = u8::try_from(bytes.len()).expect("a small piece");
        let piece = [&[0, 0, length, DATA, 0], &stream.to_be_bytes()[..], bytes].concat();
        self.ended |= !self.raw.try_write(piece.repeat(count)).await;
    }

    /// `ok` as the whole answer.
    pub async fn answer(&mut self, stream: u32) {
        self.write(HEADERS, END_HEADERS, stream, STATUS_200).await;
        self.write(DATA, END_STREAM, stream, b"ok").await;
    }
}

/// A field as HPACK writes it when nothing is indexed (RFC 7541, 6.2.2).
pub fn field(name: &str, value: &str) -> Vec<u8> {
    let length = |text: &str| u8::try_from(text.len()).expect("a short text");
    [&[0, length(name)], name.as_bytes(), &[length(value)], value.as_bytes()].concat()
}

/// Each connection by a script. The notes have `connection` for each, and what the script adds.
pub async fn upstream<F: Future<Output = ()> + Send + 'static>(
    script: impl Fn(Frames, Notes) -> F + Clone + Send + Sync + 'static,
) -> RawUpstream {
    RawUpstream::start(move |raw, notes| {
        let script = script.clone();
        async move { script(Frames::open(raw).await, notes).await }
    })
    .await
}
