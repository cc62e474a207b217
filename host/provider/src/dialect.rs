//! Dialects: each reads requests in its own form and renders answers, streams and refusals in it.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::body::Chunks;

pub mod openai;

/// An answer ready to be sent.
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub content: Content,
}

pub enum Content {
    /// Sent with its length.
    Whole(Bytes),
    /// Sent as it is made, one chunk for each event.
    Events(Chunks),
}
