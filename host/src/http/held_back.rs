//! Keeps what is wrong in a chunked body of HTTP/1.1 from whoever reads the connection.

use std::io;

use sluicegate_framing::Watch;
use tokio::io::ReadBuf;

/// Before anything is read: an error, if all that was in order is read already.
pub fn check(watch: &Watch) -> io::Result<()> {
    watch.fault().map_or(Ok(()), |fault| Err(io::Error::new(io::ErrorKind::InvalidData, fault)))
}

/// Takes out of a buffer what must not be read of the bytes that came in behind its first `before` ones. The error is that of
/// [`check`], where nothing is left of them.
pub fn pass(watch: &mut Watch, buffer: &mut ReadBuf<'_>, before: usize) -> io::Result<()> {
    let came = &buffer.filled()[before..];
    let passed = watch.pass(came);
    if passed == came.len() {
        return Ok(());
    }
    buffer.set_filled(before + passed);
    if passed == 0 { check(watch) } else { Ok(()) }
}
