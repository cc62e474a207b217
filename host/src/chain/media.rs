//! What an answer's type says of how it must be handled.

use http::{HeaderMap, HeaderValue, header};

/// The media type alone, without parameters; empty where there is none.
pub(super) fn media_type(headers: &HeaderMap) -> &[u8] {
    let value = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii()
}

pub(super) fn is_event_stream(headers: &HeaderMap) -> bool {
    media_type(headers).eq_ignore_ascii_case(b"text/event-stream")
}

/// Who speaks these waits for each message: they are never buffered.
pub(super) fn is_stream(headers: &HeaderMap) -> bool {
    let grpc = media_type(headers).get(..16).is_some_and(|start| start.eq_ignore_ascii_case(b"application/grpc"));
    is_event_stream(headers) || grpc
}
