//! What the gateway knows about HTTP itself, apart from any connection: paths, refusals as answers.

pub mod path;
pub mod render;
