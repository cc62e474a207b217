//! An upstream that answers in pieces, early, or not at all, as the request's field `x-origin` says.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// What every answer's body is, unless it is a stream of events.
pub const WHOLE: &str = "first\nsecond !\n";

/// Ends when dropped.
pub struct Origin {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    /// One for each request whose head has arrived.
    arrived: Semaphore,
    /// One for each second piece that may go out.
    gate: Semaphore,
    /// Head and body of each request, as received.
    seen: Mutex<Vec<(Vec<u8>, Vec<u8>)>>,
}

impl Origin {
    pub async fn start() -> Origin {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = socket.local_addr().expect("bound");
        let shared = Arc::new(Shared { arrived: Semaphore::new(0), gate: Semaphore::new(0), seen: Mutex::default() });
        let serving = shared.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                tokio::spawn(serve(stream, serving.clone()));
            }
        });
        Origin { address, shared, accepting }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits for the next request's head.
    pub async fn has_arrived(&self) {
        self.shared.arrived.acquire().await.expect("open").forget();
    }

    /// Takes one arrival that nobody has waited for. False when there is none.
    pub fn try_arrived(&self) -> bool {
        self.shared.arrived.try_acquire().map(|arrived| arrived.forget()).is_ok()
    }

    /// Lets one second piece go out.
    pub fn go_on(&self) {
        self.shared.gate.add_permits(1);
    }

    /// Heads and bodies so far.
    pub fn seen(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.shared.seen.lock().expect("no panic here").clone()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// None as soon as the other side has gone.
async fn serve(mut stream: TcpStream, shared: Arc<Shared>) -> Option<()> {
    let mut read = Vec::new();
    loop {
        let head = read_to(&mut stream, &mut read, b"\r\n\r\n").await?;
        shared.arrived.add_permits(1);
        let text = String::from_utf8_lossy(&head).to_lowercase();
        let way =
            text.split("x-origin: ").nth(1).and_then(|rest| rest.split("\r\n").next()).unwrap_or("whole").to_owned();
        if way == "early" {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\nfirst\n\r\n").await.ok()?;
        }
        let body = match text.split("content-length: ").nth(1) {
            Some(rest) => {
                let length = rest.split("\r\n").next()?.parse().ok()?;
                while read.len() < length {
                    more(&mut stream, &mut read).await?;
                }
                read.drain(..length).collect()
            }
            None if text.contains("transfer-encoding: chunked") => {
                read_to(&mut stream, &mut read, b"0\r\n\r\n").await?
            }
            None => Vec::new(),
        };
        shared.seen.lock().expect("no panic here").push((head, body));
        let second = b"9\r\nsecond !\n\r\n0\r\n\r\n";
        match way.as_str() {
            "early" => stream.write_all(second).await.ok()?,
            "pieces" => {
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\nfirst\n\r\n")
                    .await
                    .ok()?;
                shared.gate.acquire().await.ok()?.forget();
                stream.write_all(second).await.ok()?;
            }
            "events" => {
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
                stream.write_all(head.as_bytes()).await.ok()?;
                stream.write_all(b"9\r\ndata: 1\n\n\r\n").await.ok()?;
                shared.gate.acquire().await.ok()?.forget();
                stream.write_all(b"9\r\ndata: !\n\n\r\n0\r\n\r\n").await.ok()?;
            }
            "events-crlf" => {
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
                stream.write_all(head.as_bytes()).await.ok()?;
                stream.write_all(b"b\r\ndata: 1\r\n\r\n\r\n").await.ok()?;
                shared.gate.acquire().await.ok()?.forget();
                stream.write_all(b"b\r\ndata: !\r\n\r\n\r\n0\r\n\r\n").await.ok()?;
            }
            "grpc" => {
                let head =
                    "HTTP/1.1 200 OK\r\ncontent-type: Application/gRPC+proto\r\ntransfer-encoding: chunked\r\n\r\n";
                stream.write_all(head.as_bytes()).await.ok()?;
                stream.write_all(b"6\r\nfirst\n\r\n").await.ok()?;
                shared.gate.acquire().await.ok()?.forget();
                stream.write_all(second).await.ok()?;
            }
            "silent" => return more(&mut stream, &mut read).await,
            "bytes" => {
                let head = b"HTTP/1.1 200 OK\r\nx-origin-bytes: \xff\xfe\x80\r\ncontent-length: 0\r\n\r\n";
                stream.write_all(head).await.ok()?;
            }
            _ => {
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{WHOLE}", WHOLE.len());
                stream.write_all(answer.as_bytes()).await.ok()?;
            }
        }
    }
}

/// Up to and with `end`; what lies behind stays in `read`.
async fn read_to(stream: &mut TcpStream, read: &mut Vec<u8>, end: &[u8]) -> Option<Vec<u8>> {
    loop {
        if let Some(at) = read.windows(end.len()).position(|window| window == end) {
            return Some(read.drain(..at + end.len()).collect());
        }
        more(stream, read).await?;
    }
}

async fn more(stream: &mut TcpStream, read: &mut Vec<u8>) -> Option<()> {
    stream.read_buf(read).await.ok().filter(|count| *count > 0).map(|_| ())
}
