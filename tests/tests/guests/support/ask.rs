//! A client that can wait in the middle of a request or an answer, and leave.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A request, to be sent whole or in parts.
pub struct Ask {
    method: &'static str,
    path: String,
    fields: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

/// An exchange under way.
pub struct Talk {
    stream: TcpStream,
    heard: Vec<u8>,
}

/// What came back, as far as it came.
#[derive(Debug)]
pub struct Heard {
    /// 0 when not even a head came.
    pub status: u16,
    pub fields: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
    /// The body came to its end as HTTP demands.
    pub complete: bool,
}

impl Ask {
    pub fn get(path: &str) -> Ask {
        Ask { method: "GET", ..Ask::to(path) }
    }

    /// A POST.
    pub fn to(path: &str) -> Ask {
        Ask { method: "POST", path: path.to_owned(), fields: Vec::new(), body: Vec::new() }
    }

    pub fn field(mut self, name: &str, value: impl Into<Vec<u8>>) -> Ask {
        self.fields.push((name.to_owned(), value.into()));
        self
    }

    pub fn body(mut self, body: &str) -> Ask {
        self.body = body.as_bytes().to_vec();
        self
    }

    pub async fn send(self, address: SocketAddr) -> Heard {
        let length = self.body.len().to_string();
        let body = self.body.clone();
        let mut talk = self.field("content-length", length).open(address).await;
        talk.say(&body).await;
        talk.hear_out().await
    }

    /// Sends the head alone.
    pub async fn open(self, address: SocketAddr) -> Talk {
        let mut head = format!("{} {} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n", self.method, self.path).into_bytes();
        for (name, value) in &self.fields {
            head.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        head.extend_from_slice(b"\r\n");
        let mut talk =
            Talk { stream: TcpStream::connect(address).await.expect("the gateway accepts"), heard: Vec::new() };
        talk.say(&head).await;
        talk
    }
}

impl Talk {
    /// Whoever answers early may hang up early: that is no error here.
    pub async fn say(&mut self, bytes: &[u8]) {
        drop(self.stream.write_all(bytes).await);
    }

    pub async fn say_chunk(&mut self, bytes: &[u8]) {
        let framed = [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
        self.say(&framed).await;
    }

    /// Waits until this has been heard.
    pub async fn hear(&mut self, wanted: &str) {
        while !self.heard.windows(wanted.len()).any(|window| window == wanted.as_bytes()) {
            let count = self.stream.read_buf(&mut self.heard).await.expect("an answer");
            assert!(count > 0, "no {wanted:?} in {:?}", String::from_utf8_lossy(&self.heard));
        }
    }

    /// Everything, to the end of the connection.
    pub async fn hear_out(mut self) -> Heard {
        // A connection that is reset has come to its end, too.
        while self.stream.read_buf(&mut self.heard).await.is_ok_and(|count| count > 0) {}
        Heard::parse(&self.heard)
    }
}

impl Heard {
    fn parse(bytes: &[u8]) -> Heard {
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            return Heard { status: 0, fields: Vec::new(), body: Vec::new(), complete: false };
        };
        let mut lines = bytes[..end].split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let status = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
        let fields: Vec<(String, Vec<u8>)> = lines
            .filter_map(|line| {
                let colon = line.iter().position(|byte| *byte == b':')?;
                Some((String::from_utf8_lossy(&line[..colon]).to_lowercase(), line[colon + 1..].trim_ascii().to_vec()))
            })
            .collect();
        let rest = &bytes[end + 4..];
        let length = fields.iter().find(|(name, _)| name == "content-length");
        let (body, complete) = match length {
            Some((_, length)) => {
                let length: usize = String::from_utf8_lossy(length).parse().expect("a length");
                (rest.to_vec(), rest.len() == length)
            }
            None => dechunk(rest),
        };
        let status = status.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Heard { status, fields, body, complete }
    }

    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}

fn dechunk(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(&String::from_utf8_lossy(&rest[..end]), 16).expect("a chunk's size");
        if size == 0 {
            return (body, true);
        }
        let Some(chunk) = rest.get(end + 2..end + 2 + size) else { break };
        body.extend_from_slice(chunk);
        rest = rest.get(end + 2 + size + 2..).unwrap_or_default();
    }
    (body, false)
}
