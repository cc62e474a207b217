//! Connections on which a request was answered and nobody asks for another one: what each costs the gateway.

use std::process::Command;

use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::process::Sample;
use crate::config;
use crate::gateway::{Gateway, PATIENCE};
use crate::http2::{ACK, END_HEADERS, END_STREAM, Frame, HEADERS, PREFACE, SETTINGS, get_block};
use crate::metrics::metric;
use crate::tls::{self, Authority};
use crate::upstream::Upstream;

/// At once while they are made: below what the system lets wait for an accept.
const AT_ONCE: usize = 200;
const NAME: &str = "idle.example";
/// Of this process, which may measure two kinds at once, and of each gateway, which inherits them.
const DESCRIPTORS: usize = 16_000;
/// Of one kind.
const CONNECTIONS_MAX: usize = 10_000;

/// What is spoken on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    pub http2: bool,
    pub tls: bool,
}

impl Kind {
    pub const ALL: [Kind; 4] = [
        Kind { http2: false, tls: false },
        Kind { http2: false, tls: true },
        Kind { http2: true, tls: false },
        Kind { http2: true, tls: true },
    ];

    pub fn name(self) -> &'static str {
        match (self.http2, self.tls) {
            (false, false) => "HTTP/1.1",
            (false, true) => "HTTP/1.1 over TLS",
            (true, false) => "HTTP/2",
            (true, true) => "HTTP/2 over TLS",
        }
    }

    /// What is promised of one: bytes of the gateway's memory, and not what the system keeps for a socket.
    pub fn bytes_max(self) -> usize {
        match (self.http2, self.tls) {
            (false, false) => 12 << 10,
            (false, true) => 22 << 10,
            (true, false) => 36 << 10,
            (true, true) => 46 << 10,
        }
    }
}

trait Open: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Open for T {}

/// Opens so many and returns the bytes of the gateway's anonymous memory for each.
///
/// # Panics
/// If one of them is not answered, or has not stayed open.
pub async fn bytes_each(kind: Kind, count: usize) -> usize {
    assert!(count <= CONNECTIONS_MAX, "there are descriptors for no more");
    raise_descriptors();
    let upstream = Upstream::ok().await;
    let authority = Authority::new("servers");
    let issued = authority.issue(&[NAME]);
    let files = [("a.pem", issued.certificate.as_bytes()), ("a.key", issued.key.as_bytes())];
    let gateway = Gateway::start(&text(kind, &upstream), &files);
    let protocol = if kind.http2 { "h2" } else { "http/1.1" };
    let client = kind.tls.then(|| authority.client(&[protocol]));
    // What is there once for all: pools, rooms, the allocator's arenas.
    let warm = asked(&gateway, kind, client.as_ref(), AT_ONCE).await;
    let before = Sample::of(gateway.id());
    let open = asked(&gateway, kind, client.as_ref(), count).await;
    let after = Sample::of(gateway.id());
    let there = metric(&gateway, "sluicegate_connections_open", &[]).await as usize;
    assert_eq!(there, open.len() + warm.len(), "all of them are open");
    (after.anonymous_kib.saturating_sub(before.anonymous_kib)) as usize * 1024 / count
}

fn text(kind: Kind, upstream: &Upstream) -> String {
    let tls = match kind.tls {
        true => "[[listen.tls.certificates]]\ncertificate_file = \"a.pem\"\nkey_file = \"a.key\"\n",
        false => "",
    };
    format!(
        "workers = 2\naccess_log = \"off\"\n[admin]\naddress = \"127.0.0.1:0\"\n[limits]\nconnections_max = 20_000\n\
         connections_per_address_max = 20_000\nhead_timeout_ms = 600_000\nhttp2_idle_timeout_ms = 600_000\n\
         body_idle_timeout_ms = 600_000\n{}\n[[listen]]\naddress = \"127.0.0.1:0\"\n{tls}",
        config::proxy(&upstream.url())
    )
}

/// Both this process and the gateway hold a descriptor for each connection.
fn raise_descriptors() {
    let wanted = format!("--nofile={DESCRIPTORS}:");
    let process = std::process::id().to_string();
    let raised = Command::new("prlimit").args(["--pid", &process, &wanted]).status();
    assert!(
        raised.is_ok_and(|status| status.success()),
        "no {CONNECTIONS_MAX} connections can be open: install util-linux, or raise the hard limit of open files"
    );
}

/// So many connections on each of which a request has been answered.
async fn asked(gateway: &Gateway, kind: Kind, client: Option<&ClientConfig>, count: usize) -> Vec<Box<dyn Open>> {
    let mut open = Vec::with_capacity(count);
    while open.len() < count {
        let mut some = Vec::new();
        for _ in 0..AT_ONCE.min(count - open.len()) {
            let mut connection: Box<dyn Open> = match client {
                Some(client) => Box::new(tls::connect(gateway.address(), client.clone(), NAME).await.expect("TLS")),
                None => Box::new(TcpStream::connect(gateway.address()).await.expect("the gateway accepts")),
            };
            connection.write_all(&request(kind)).await.expect("the connection is open");
            some.push(connection);
        }
        for connection in &mut some {
            timeout(PATIENCE, answered(kind, connection)).await.expect("an answer");
        }
        open.append(&mut some);
    }
    open
}

fn request(kind: Kind) -> Vec<u8> {
    match kind.http2 {
        false => b"GET / HTTP/1.1\r\nhost: x\r\nuser-agent: a client that stays\r\naccept: */*\r\n\r\n".to_vec(),
        true => [
            PREFACE,
            &Frame::new(SETTINGS, 0, 0, []).bytes(),
            &Frame::new(SETTINGS, ACK, 0, []).bytes(),
            &Frame::new(HEADERS, END_STREAM | END_HEADERS, 1, get_block("/")).bytes(),
        ]
        .concat(),
    }
}

/// Returns behind the last byte of the answer.
async fn answered(kind: Kind, connection: &mut (impl AsyncRead + Unpin)) {
    if !kind.http2 {
        let mut read = Vec::new();
        while !read.ends_with(b"\r\n\r\nok") {
            assert!(connection.read_buf(&mut read).await.is_ok_and(|length| length > 0), "it has stayed open");
        }
        return;
    }
    loop {
        let mut head = [0; 9];
        connection.read_exact(&mut head).await.expect("it has stayed open");
        let [a, b, c, _, flags, _, _, _, stream] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        connection.read_exact(&mut payload).await.expect("it has stayed open");
        if stream == 1 && flags & END_STREAM != 0 {
            return;
        }
    }
}
