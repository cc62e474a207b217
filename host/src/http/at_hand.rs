//! A body that is at hand, with the trailers behind it.

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};

/// Handed out frame by frame; a clone can be handed out again.
#[derive(Debug, Clone, Default)]
pub struct AtHand {
    /// Never empty bytes.
    bytes: Option<Bytes>,
    /// Boxed: hardly any body has some.
    trailers: Option<Box<HeaderMap>>,
}

impl AtHand {
    pub fn new(bytes: Bytes, trailers: Option<Box<HeaderMap>>) -> AtHand {
        AtHand { bytes: Some(bytes).filter(|bytes| !bytes.is_empty()), trailers }
    }

    pub fn len(&self) -> usize {
        self.bytes.as_ref().map_or(0, Bytes::len)
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_none() && self.trailers.is_none()
    }

    pub fn into_bytes(self) -> Bytes {
        self.bytes.unwrap_or_default()
    }

    pub fn next_frame(&mut self) -> Option<Frame<Bytes>> {
        let data = self.bytes.take().map(Frame::data);
        data.or_else(|| self.trailers.take().map(|trailers| Frame::trailers(*trailers)))
    }

    /// Trailers go out only behind chunks, which a known length would rule out.
    pub fn size_hint(&self) -> SizeHint {
        match self.trailers {
            None => SizeHint::with_exact(self.len() as u64),
            Some(_) => SizeHint::default(),
        }
    }
}

impl From<Bytes> for AtHand {
    fn from(bytes: Bytes) -> AtHand {
        AtHand::new(bytes, None)
    }
}
