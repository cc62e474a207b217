//! Bodies that no memory would hold, both ways and in both protocols: whole at the other end, in the memory of a few pieces.

use std::future::poll_fn;
use std::time::Duration;

use bytes::Bytes;
use h2::{RecvStream, SendStream, client, server};
use http::{Request, Response};
use sluicegate_tests::{Gateway, PATIENCE};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

const BYTES: usize = 512 << 20;
/// What is sent again and again, a prime number of bytes.
const BLOCK_BYTES: usize = 1_048_573;
/// What the receivers here open of windows.
const WINDOW_BYTES: u32 = 4 << 20;
/// By so much the gateway may grow, whatever the length of a body.
const GROWTH_BYTES_MAX: u64 = 16 << 20;
/// So long a receiver takes nothing.
const PAUSE: Duration = Duration::from_millis(700);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
}

fn block() -> Bytes {
    (0..BLOCK_BYTES).map(|at| (at % 251) as u8 ^ (at >> 10) as u8).collect::<Vec<u8>>().into()
}

/// The block from where the next byte is in it, at most to its end or that of the whole.
fn next(block: &Bytes, sent: usize) -> Bytes {
    let at = sent % BLOCK_BYTES;
    block.slice(at..BLOCK_BYTES.min(at + BYTES - sent))
}

/// Receives: compares each byte, and pauses once after a quarter.
struct Receiver {
    block: Bytes,
    received: usize,
    has_paused: bool,
}

impl Receiver {
    fn new() -> Receiver {
        Receiver { block: block(), received: 0, has_paused: false }
    }

    async fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let expected = next(&self.block, self.received);
            let (now, rest) = bytes.split_at(bytes.len().min(expected.len()));
            assert!(now == &expected[..now.len()], "other bytes behind {}", self.received);
            self.received += now.len();
            bytes = rest;
        }
        if !self.has_paused && self.received > BYTES / 4 {
            self.has_paused = true;
            sleep(PAUSE).await;
        }
    }

    async fn from_http1(mut self, stream: &mut TcpStream) {
        let mut buffer = vec![0; 256 << 10];
        while self.received < BYTES {
            let read = stream.read(&mut buffer).await.expect("it goes on");
            assert!(read > 0, "closed after {}", self.received);
            self.take(&buffer[..read]).await;
        }
    }

    async fn from_http2(mut self, body: &mut RecvStream) {
        while let Some(bytes) = body.data().await {
            let bytes = bytes.expect("it goes on");
            self.take(&bytes).await;
            body.flow_control().release_capacity(bytes.len()).expect("what was taken");
        }
        assert_eq!(self.received, BYTES);
    }
}

async fn send_http1(stream: &mut TcpStream) {
    let (block, mut sent) = (block(), 0);
    while sent < BYTES {
        let piece = next(&block, sent);
        stream.write_all(&piece).await.expect("it is taken");
        sent += piece.len();
    }
}

async fn send_http2(stream: &mut SendStream<Bytes>) {
    let (block, mut sent) = (block(), 0);
    while sent < BYTES {
        let piece = next(&block, sent);
        stream.reserve_capacity(piece.len());
        let room = match stream.capacity() {
            0 => poll_fn(|context| stream.poll_capacity(context)).await.expect("the stream is open").expect("still"),
            room => room,
        };
        let piece = piece.slice(..room.min(piece.len()));
        sent += piece.len();
        stream.send_data(piece, sent == BYTES).expect("the stream is open");
    }
}

async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a whole head"));
    }
    String::from_utf8(head).expect("text")
}

/// An upstream that answers a GET with the whole, and a POST once it has that. Returns its URL.
async fn upstream(protocol: Protocol) -> String {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", socket.local_addr().expect("bound"));
    tokio::spawn(async move {
        while let Ok((stream, _)) = socket.accept().await {
            // Else updates of windows wait for acknowledgements, and those for more to acknowledge.
            stream.set_nodelay(true).expect("the connection is open");
            match protocol {
                Protocol::Http1 => tokio::spawn(serve_http1(stream)),
                Protocol::Http2 => tokio::spawn(serve_http2(stream)),
            };
        }
    });
    url
}

async fn serve_http1(mut stream: TcpStream) {
    let head = read_head(&mut stream).await;
    if head.starts_with("GET") {
        stream
            .write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {BYTES}\r\n\r\n").as_bytes())
            .await
            .expect("taken");
        send_http1(&mut stream).await;
    } else {
        Receiver::new().from_http1(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.expect("taken");
    }
}

async fn serve_http2(stream: TcpStream) {
    let mut builder = server::Builder::new();
    builder.initial_window_size(WINDOW_BYTES).initial_connection_window_size(WINDOW_BYTES);
    let mut connection = builder.handshake::<_, Bytes>(stream).await.expect("HTTP/2");
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        tokio::spawn(async move {
            let is_get = request.method() == "GET";
            if is_get {
                let mut body = respond.send_response(Response::new(()), false).expect("the stream is open");
                return send_http2(&mut body).await;
            }
            Receiver::new().from_http2(&mut request.into_body()).await;
            respond.send_response(Response::new(()), true).expect("the stream is open");
        });
    }
}

async fn ask_http1(gateway: &Gateway, is_download: bool) {
    let mut stream = TcpStream::connect(gateway.address()).await.expect("the gateway accepts");
    let (method, length) = if is_download { ("GET", 0) } else { ("POST", BYTES) };
    let head = format!("{method} / HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("it is taken");
    if !is_download {
        send_http1(&mut stream).await;
    }
    let head = read_head(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    if is_download {
        Receiver::new().from_http1(&mut stream).await;
    }
}

async fn ask_http2(gateway: &Gateway, is_download: bool) {
    let stream = TcpStream::connect(gateway.address()).await.expect("the gateway accepts");
    stream.set_nodelay(true).expect("the connection is open");
    let mut builder = client::Builder::new();
    builder.initial_window_size(WINDOW_BYTES).initial_connection_window_size(WINDOW_BYTES);
    let (sender, connection) = builder.handshake::<_, Bytes>(stream).await.expect("HTTP/2");
    tokio::spawn(connection);
    let mut sender = sender.ready().await.expect("the connection is open");
    let method = if is_download { "GET" } else { "POST" };
    let request = Request::builder().method(method).uri("http://x/").body(()).expect("a request");
    let (answer, mut body) = sender.send_request(request, is_download).expect("it is sent");
    if !is_download {
        send_http2(&mut body).await;
    }
    let answer = answer.await.expect("an answer");
    assert_eq!(answer.status(), 200);
    if is_download {
        Receiver::new().from_http2(&mut answer.into_body()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_gibibyte_each_way_in_each_protocol_takes_the_memory_of_a_few_pieces() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let spoken = if protocol == Protocol::Http2 { "h2" } else { "http/1.1" };
        let text = format!(
            "[limits]\nbody_bytes_max = 10_000_000_000\n\n[upstreams.service]\nurl = \"{}\"\nprotocols = [\"{spoken}\"]\n\n\
             [[routes]]\nname = \"all\"\nupstream = \"service\"\n",
            upstream(protocol).await
        );
        let gateway = Gateway::start(&text, &[]);
        for is_download in [true, false] {
            let before = gateway.resident_bytes();
            gateway.forget_resident_bytes_max();
            let asking = async {
                match protocol {
                    Protocol::Http1 => ask_http1(&gateway, is_download).await,
                    Protocol::Http2 => ask_http2(&gateway, is_download).await,
                }
            };
            let started = std::time::Instant::now();
            timeout(PATIENCE * 2, asking).await.expect("in time");
            let growth = gateway.resident_bytes_max().saturating_sub(before);
            let what = if is_download { "download" } else { "upload" };
            println!("{protocol:?}, {what} of {BYTES} bytes in {:?}: {growth} bytes more", started.elapsed());
            assert!(growth < GROWTH_BYTES_MAX, "{protocol:?}, {what}: {growth} bytes more");
        }
        let log = gateway.wait_for_log(2);
        assert!(log.iter().all(|line| line["outcome"] == "complete"), "{log:?}");
    }
}
