//! What the gateway knows about HTTP itself, apart from any connection.

pub mod at_hand;
pub mod coding;
pub mod credential;
pub mod end;
pub mod field_text;
pub mod fields;
pub mod forwarded;
pub mod held_back;
pub mod pace;
pub mod render;
pub mod trailers;

pub use sluicegate_framing::path;
