//! What the host knows about HTTP itself: content codings and the hygiene of header fields.

pub mod coding;
pub mod fields;
