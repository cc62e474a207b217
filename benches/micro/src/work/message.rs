//! Where an HTTP/1.1 message ends, for the client and the upstream of the counts; not for messages of strangers.

use std::io::Read;
use std::net::TcpStream;

use anyhow::{Result, bail};

/// Reads one message into `buffer`, telling of each piece that comes. False where the connection ends before one begins.
pub fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>, mut piece: impl FnMut(&[u8])) -> Result<bool> {
    buffer.clear();
    let mut bytes = [0; 1 << 16];
    while !is_whole(buffer) {
        match stream.read(&mut bytes)? {
            0 if buffer.is_empty() => return Ok(false),
            0 => bail!("a message ends in its middle"),
            length => {
                let bytes = bytes.get(..length).unwrap_or_default();
                buffer.extend_from_slice(bytes);
                piece(bytes);
            }
        }
    }
    Ok(true)
}

fn is_whole(buffer: &[u8]) -> bool {
    let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let (head, body) = buffer.split_at(end + 4);
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    match field("content-length").and_then(|length| length.parse::<usize>().ok()) {
        Some(length) => body.len() >= length,
        None if field("transfer-encoding").is_some() => body.ends_with(b"0\r\n\r\n"),
        None => true,
    }
}
