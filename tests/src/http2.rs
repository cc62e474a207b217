//! Clients of HTTP/2: a proper one, one that sees streams, and one that writes its frames itself.

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use http::{Request, response};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::Reply;
use crate::gateway::PATIENCE;
use crate::raw::Raw;

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Types of frames (RFC 9113, 6).
pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

/// Flags.
pub const END_STREAM: u8 = 1;
pub const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;

pub type Client = SendRequest<Full<Bytes>>;

/// In clear text, with prior knowledge.
pub async fn connect(address: SocketAddr) -> Client {
    over(TcpStream::connect(address).await.expect("the gateway accepts")).await
}

pub async fn over(io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Client {
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(io)).await.expect("a connection");
    tokio::spawn(connection);
    sender
}

/// The whole answer, or why there is none.
pub async fn ask(client: &mut Client, request: Request<Full<Bytes>>) -> Result<Reply, hyper::Error> {
    client.ready().await?;
    let (head, mut body) = client.send_request(request).await?.into_parts();
    let (mut whole, mut complete) = (Vec::new(), true);
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => whole.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new())),
            Err(_) => {
                complete = false;
                break;
            }
        }
    }
    Ok(Reply { status: head.status, headers: head.headers, body: whole.into(), complete })
}

pub fn get(uri: &str) -> Request<Full<Bytes>> {
    Request::get(uri).body(Full::default()).expect("a valid request")
}

/// One frame.
#[derive(Debug, Clone)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    pub fn new(kind: u8, flags: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Frame {
        Frame { kind, flags, stream, payload: payload.into() }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).expect("a short frame").to_be_bytes();
        let mut bytes = length[1..].to_vec();
        bytes.extend([self.kind, self.flags]);
        bytes.extend(self.stream.to_be_bytes());
        bytes.extend(&self.payload);
        bytes
    }

    /// The error code of RST_STREAM and GOAWAY.
    pub fn error(&self) -> u32 {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().expect("four bytes"))
    }
}

/// A block of fields in HPACK, each a literal without indexing.
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    let text = |block: &mut Vec<u8>, text: &str| {
        // An integer with a prefix of 7 bits (RFC 7541, 5.1).
        match text.len() {
            short @ 0..127 => block.push(short as u8),
            long => {
                block.push(127);
                let mut rest = long - 127;
                while rest >= 128 {
                    block.push((rest % 128) as u8 | 128);
                    rest /= 128;
                }
                block.push(rest as u8);
            }
        }
        block.extend(text.as_bytes());
    };
    for (name, value) in fields {
        block.push(0);
        text(&mut block, name);
        text(&mut block, value);
    }
    block
}

/// The fields of a GET of this path.
pub fn get_block(path: &str) -> Vec<u8> {
    block(&[(":method", "GET"), (":scheme", "http"), (":authority", "x"), (":path", path)])
}

/// A connection whose client writes frames as it likes. It has sent its preface and these settings.
pub async fn frames(address: SocketAddr, settings: &[(u16, u32)]) -> Raw {
    let mut raw = Raw::connect(address).await;
    let payload: Vec<u8> =
        settings.iter().flat_map(|(name, value)| [&name.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect();
    raw.write([PREFACE, &Frame::new(SETTINGS, 0, 0, payload).bytes()].concat()).await;
    raw
}

/// The next frame; none when the other side has closed.
pub async fn next_frame(raw: &mut Raw) -> Option<Frame> {
    let head = raw.try_read_exact(9).await?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
    let stream = u32::from_be_bytes(head[5..9].try_into().expect("four bytes"));
    let payload = raw.try_read_exact(length).await?;
    Some(Frame { kind: head[3], flags: head[4], stream, payload })
}

/// The next frame that is one of these, or none.
pub async fn wait_for(raw: &mut Raw, wanted: impl Fn(&Frame) -> bool) -> Option<Frame> {
    loop {
        let frame = next_frame(raw).await?;
        if wanted(&frame) {
            return Some(frame);
        }
    }
}

/// A client that sees streams as h2 has them: their resets, and other protocols on them.
pub struct Streams(h2::client::SendRequest<Bytes>);

/// A stream on which the client has asked for another protocol (RFC 8441), and what it was answered.
pub struct Extended {
    pub head: response::Parts,
    pub sending: h2::SendStream<Bytes>,
    body: h2::RecvStream,
    /// And not yet asked for.
    read: Vec<u8>,
}

/// Asks for another protocol.
pub fn extended(protocol: &'static str) -> Request<()> {
    let request = Request::connect("http://x/talk").extension(h2::ext::Protocol::from_static(protocol));
    request.body(()).expect("a valid request")
}

impl Streams {
    /// Once the gateway has said that it knows such requests.
    pub async fn connect(address: SocketAddr) -> Streams {
        let stream = TcpStream::connect(address).await.expect("the gateway accepts");
        let (sender, connection) = h2::client::handshake(stream).await.expect("a connection");
        tokio::spawn(connection);
        let started = Instant::now();
        while !sender.is_extended_connect_protocol_enabled() {
            assert!(started.elapsed() < PATIENCE, "the gateway does not say that it knows extended CONNECT");
            tokio::task::yield_now().await;
        }
        Streams(sender)
    }

    pub async fn extended(&mut self, protocol: &'static str, fields: &[(&'static str, &str)]) -> Extended {
        let mut request = extended(protocol);
        for (name, value) in fields {
            request.headers_mut().insert(*name, value.parse().expect("a valid value"));
        }
        self.ask(request, "").await
    }

    /// The request stays open. `early` is sent behind its head.
    pub async fn ask(&mut self, request: Request<()>, early: &'static str) -> Extended {
        let mut sender = self.0.clone().ready().await.expect("the connection is open");
        let (answer, mut sending) = sender.send_request(request, false).expect("a valid request");
        if !early.is_empty() {
            sending.send_data(early.into(), false).expect("the stream is open");
        }
        let (head, body) = answer.await.expect("an answer").into_parts();
        Extended { head, sending, body, read: Vec::new() }
    }
}

impl Extended {
    pub fn send(&mut self, bytes: impl Into<Bytes>) {
        self.sending.send_data(bytes.into(), false).expect("the stream is open");
    }

    /// So many bytes, or as many as come before the stream ends.
    pub async fn read(&mut self, count: usize) -> Vec<u8> {
        while self.read.len() < count
            && let Some(piece) = self.next().await
        {
            self.read.extend(piece.expect("the stream is open"));
        }
        let rest = self.read.split_off(count.min(self.read.len()));
        std::mem::replace(&mut self.read, rest)
    }

    /// None at an end in good order.
    pub async fn next(&mut self) -> Option<Result<Bytes, h2::Error>> {
        loop {
            match timeout(PATIENCE, self.body.data()).await.expect("something happens")? {
                // What carries the end alone.
                Ok(piece) if piece.is_empty() => {}
                Ok(piece) => {
                    self.body.flow_control().release_capacity(piece.len()).expect("no more than what came");
                    return Some(Ok(piece));
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
