//! Tells HTTP/2 from HTTP/1.1 by how a connection begins (RFC 9113, 3.4).

use std::io;

use tokio::io::AsyncReadExt;

use super::stall::StallGuard;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Looks at as much as tells them apart. An error means that the client has left.
pub(super) async fn begins_http2(stream: &mut StallGuard) -> io::Result<bool> {
    let mut first = [0; PREFACE.len()];
    // Looking leaves the bytes where they are: what is put back costs a further read, and a further buffer of hyper's.
    let seen = stream.peek(&mut first).await?;
    if !PREFACE.starts_with(&first[..seen]) || seen == PREFACE.len() {
        return Ok(PREFACE.starts_with(&first[..seen]));
    }
    let mut length = 0;
    let is_http2 = loop {
        let read = stream.read(&mut first[length..]).await?;
        length += read;
        if !PREFACE.starts_with(&first[..length]) {
            break false;
        }
        if length == PREFACE.len() {
            break true;
        }
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    stream.put_back(&first[..length]);
    Ok(is_http2)
}
