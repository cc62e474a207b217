//! Follows a stream of events on its way out, to know where an event of the gateway's own may stand.

use bytes::Bytes;

use crate::config::Dialect;
use crate::error::Refusal;
use crate::http::render::render_stream_error;

pub(super) struct EventTail {
    dialect: Dialect,
    /// The last bytes that went out.
    last: [u8; 4],
}

impl EventTail {
    pub(super) fn new(dialect: Dialect) -> EventTail {
        // Before the first byte an event may stand.
        EventTail { dialect, last: *b"\n\n\n\n" }
    }

    pub(super) fn follow(&mut self, piece: &[u8]) {
        for byte in piece.iter().rev().take(self.last.len()).rev() {
            self.last.rotate_left(1);
            self.last[3] = *byte;
        }
    }

    /// The error in the client's dialect; none in the middle of another event, where it would be taken for a part of it.
    pub(super) fn error_event(&self, refusal: &Refusal, request_id: &str) -> Option<Bytes> {
        let ends: [&[u8]; 3] = [b"\n\n", b"\r\n\r\n", b"\r\r"];
        let between_events = ends.iter().any(|end| self.last.ends_with(end));
        between_events.then(|| render_stream_error(refusal, self.dialect, request_id))
    }
}
