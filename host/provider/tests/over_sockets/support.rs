//! A client of its own over a plain socket: it shows status, fields, chunk borders and whether the answer was whole.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use sluicegate_provider::{Invoice, Provider, ProviderKey, ProviderOptions, Received};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub const KEY: &str = "provider-key-of-the-tests";

/// No test waits longer for what it expects.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Running {
    pub address: SocketAddr,
    pub received: Received,
    pub invoice: Invoice,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Running {
    pub async fn start() -> Running {
        Running::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut ProviderOptions)) -> Running {
        let mut options = ProviderOptions::new(ProviderKey::new(KEY));
        change(&mut options);
        let provider = Provider::bind("127.0.0.1:0".parse().unwrap(), options).await.unwrap();
        let (address, received, invoice) = (provider.address(), provider.received(), provider.invoice());
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(provider.serve(async move { drop(stopped.await) }));
        Running { address, received, invoice, stop, serving }
    }

    /// Sends the signal to stop; the task ends when the provider has drained.
    pub fn stop(self) -> JoinHandle<()> {
        drop(self.stop);
        self.serving
    }

    pub async fn chat(&self, body: &Value) -> Answer {
        self.chat_with(body, "").await
    }

    /// `fields` are whole lines, each with its `\r\n`.
    pub async fn chat_with(&self, body: &Value, fields: &str) -> Answer {
        self.request("POST", "/v1/chat/completions", fields, body.to_string().as_bytes()).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_with(path, body, "").await
    }

    /// `fields` are whole lines, each with its `\r\n`.
    pub async fn post_with(&self, path: &str, body: &Value, fields: &str) -> Answer {
        self.request("POST", path, fields, body.to_string().as_bytes()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.request("GET", path, "", b"").await
    }

    /// With the right key.
    pub async fn request(&self, method: &str, path: &str, fields: &str, body: &[u8]) -> Answer {
        self.send(&head(method, path, fields, body.len()), body).await
    }

    pub async fn send(&self, head: &str, body: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
        Answer::read(stream).await
    }

    pub async fn wait_until(&self, condition: impl FnMut(&Received) -> bool) {
        tokio::time::timeout(PATIENCE, self.received.wait_until(condition)).await.expect("the condition holds in time");
    }
}

pub fn head(method: &str, path: &str, fields: &str, length: usize) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nhost: provider\r\nconnection: close\r\nauthorization: Bearer {KEY}\r\n\
         content-length: {length}\r\n{fields}\r\n"
    )
}

#[derive(Debug, PartialEq)]
pub struct Answer {
    pub status: u16,
    fields: Vec<(String, String)>,
    /// Of a body with a length: one.
    pub chunks: Vec<Vec<u8>>,
    /// The body ended where its framing says.
    pub whole: bool,
}

impl Answer {
    pub async fn read(mut stream: TcpStream) -> Answer {
        let mut bytes = Vec::new();
        tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("an answer in time").unwrap();
        Answer::parse(&bytes)
    }

    fn parse(bytes: &[u8]) -> Answer {
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            assert!(bytes.is_empty(), "half a head: {}", String::from_utf8_lossy(bytes));
            return Answer { status: 0, fields: Vec::new(), chunks: Vec::new(), whole: false };
        };
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let split =
            |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap();
        let mut answer = Answer { status, fields: lines.map(split).collect(), chunks: Vec::new(), whole: false };
        let body = &bytes[end + 4..];
        if let Some(length) = answer.field("content-length") {
            answer.whole = length.parse() == Ok(body.len());
            answer.chunks.push(body.to_vec());
        } else {
            assert_eq!(answer.field("transfer-encoding"), Some("chunked"));
            answer.read_chunks(body);
        }
        answer
    }

    fn read_chunks(&mut self, mut body: &[u8]) {
        while let Some(line) = body.windows(2).position(|window| window == b"\r\n") {
            let length = usize::from_str_radix(std::str::from_utf8(&body[..line]).unwrap(), 16).unwrap();
            let rest = &body[line + 2..];
            if length == 0 {
                self.whole = rest == b"\r\n";
                return;
            }
            self.chunks.push(rest[..length].to_vec());
            body = &rest[length + 2..];
        }
    }

    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub fn body(&self) -> Vec<u8> {
        self.chunks.concat()
    }

    pub fn json(&self) -> Value {
        assert!(self.field("content-type").is_some_and(|kind| kind.starts_with("application/json")), "{self:?}");
        serde_json::from_slice(&self.body()).unwrap()
    }

    /// The data of each event; `[DONE]` is checked and left out.
    pub fn events(&self) -> Vec<Value> {
        assert_eq!(self.field("content-type"), Some("text/event-stream; charset=utf-8"));
        let text = String::from_utf8(self.body()).unwrap();
        let mut events: Vec<&str> = text.split_terminator("\n\n").collect();
        assert_eq!(events.pop(), Some("data: [DONE]"));
        let data = |event: &str| serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap();
        events.into_iter().map(data).collect()
    }
    /// Name and data of each event; lines may end with LF or CRLF.
    pub fn named_events(&self) -> Vec<(String, Value)> {
        assert_eq!(self.field("content-type"), Some("text/event-stream; charset=utf-8"), "{self:?}");
        let text = String::from_utf8(self.body()).unwrap().replace("\r\n", "\n");
        let event = |event: &str| {
            let (name, data) = match event.split_once('\n') {
                Some((name, data)) => (name.strip_prefix("event: ").unwrap(), data),
                None => ("", event),
            };
            (name.to_owned(), serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap())
        };
        text.split_terminator("\n\n").map(event).collect()
    }

    /// The headers and the payload of each frame of AWS's, with both checksums verified.
    pub fn frames(&self) -> Vec<(Vec<(String, String)>, Value)> {
        assert_eq!(self.field("content-type"), Some("application/vnd.amazon.eventstream"), "{self:?}");
        let body = self.body();
        let mut rest = &body[..];
        let mut frames = Vec::new();
        while !rest.is_empty() {
            let number = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap());
            let (frame, behind) = rest.split_at(number(&rest[..4]) as usize);
            let headers_end = 12 + number(&frame[4..8]) as usize;
            let (checked, checksum) = frame.split_at(frame.len() - 4);
            assert_eq!(
                (number(&frame[8..12]), number(checksum)),
                (crc32fast::hash(&frame[..8]), crc32fast::hash(checked))
            );
            let payload = serde_json::from_slice(&checked[headers_end..]).unwrap();
            frames.push((headers(&frame[12..headers_end]), payload));
            rest = behind;
        }
        frames
    }
}

fn headers(mut bytes: &[u8]) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    while let [name_length, rest @ ..] = bytes {
        let (name, rest) = rest.split_at(usize::from(*name_length));
        let [7, high, low, rest @ ..] = rest else { panic!("a header that is no text: {rest:?}") };
        let (value, rest) = rest.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        headers.push((String::from_utf8(name.to_vec()).unwrap(), String::from_utf8(value.to_vec()).unwrap()));
        bytes = rest;
    }
    headers
}

/// A text of so many tokens.
pub fn long_text(tokens: usize) -> String {
    "word ".repeat(tokens).trim_end().to_owned()
}

/// A PNG as far as anybody looks.
pub const PNG: &str = "iVBORw0KGgoAAAANSUhEUg==";
