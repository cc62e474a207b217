//! Reads the header of the PROXY protocol, by which a balancer says for whom it connects.

use std::io;
use std::net::SocketAddr;

use sluicegate_framing::proxy_header::{HEADER_BYTES_MAX, Said, parse};
use tokio::io::AsyncReadExt;

use super::stall::StallGuard;

/// Reads it and nothing behind it. None: the client is the other side itself.
pub(super) async fn read(stream: &mut StallGuard) -> io::Result<Option<SocketAddr>> {
    let mut header = vec![0; HEADER_BYTES_MAX];
    let mut length = 0;
    let (client, read) = loop {
        match parse(&header[..length]) {
            Said::For(client, read) => break (Some(client), read),
            Said::ForItself(read) => break (None, read),
            Said::Incomplete if length < header.len() => {}
            Said::Incomplete | Said::Wrong => return Err(io::Error::from(io::ErrorKind::InvalidData)),
        }
        match stream.read(&mut header[length..]).await? {
            0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
            more => length += more,
        }
    };
    stream.put_back(&header[read..length]);
    Ok(client)
}
