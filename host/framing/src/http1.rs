//! HTTP/1.1 towards clients, as hyper is told to read it.

use std::time::Duration;

use http::HeaderMap;
use http::header::TRANSFER_ENCODING;
use hyper::server::conn::http1::Builder;
use hyper_util::rt::TokioTimer;

/// What is read ahead of a body, in bytes, unless the head may be longer.
const READ_BUFFER_BYTES: usize = 128 * 1024;

/// hyper keeps so many fields on the stack, and allocates for any other number.
const HEADERS_ON_STACK: usize = 100;

/// Bounds of a head.
#[derive(Debug, Clone, Copy)]
pub struct HeadLimits {
    pub bytes_max: usize,
    pub fields_max: usize,
    /// From its first byte to its last, and from the end of an answer to the first byte of the next request.
    pub timeout: Duration,
}

/// Nothing lenient is switched on.
pub fn server(limits: HeadLimits) -> Builder {
    let mut builder = Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.timeout)
        .max_header_size(limits.bytes_max)
        .max_buf_size(READ_BUFFER_BYTES.max(limits.bytes_max))
        .half_close(false)
        .keep_alive(true);
    if limits.fields_max != HEADERS_ON_STACK {
        builder.max_headers(limits.fields_max);
    }
    builder
}

/// The only transfer-coding that this hop undoes is `chunked`, once; any other would be forgotten on the way.
pub fn has_unknown_transfer_coding(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(TRANSFER_ENCODING).iter();
    match (values.next(), values.next()) {
        (None, _) => false,
        (Some(value), None) => !value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked"),
        (Some(_), Some(_)) => true,
    }
}
