//! Where a body ends for whoever sends it on.

use http_body::Body;

/// Whether nothing more is to come of its bytes: it has ended, or all of its announced length is there.
///
/// Whoever sends by a length stops there and never asks for the end, which in HTTP/2 may come later, in a frame of its own.
pub fn is_all_there(body: &impl Body) -> bool {
    body.is_end_stream() || body.size_hint().exact() == Some(0)
}
