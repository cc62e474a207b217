//! A typed answer, for the decision [`CallDecision::Answer`]: the gateway writes it in the client's dialect, as a stream if the client
//! asked for one. In the phase `call` alone; anywhere else each function traps.

pub use super::backend::model_answer::{set_end, write_text, write_tool_call};

use crate::CallDecision;

/// Answers with this text in the first choice.
pub fn say(text: &str) -> CallDecision {
    write_text(0, text);
    CallDecision::Answer
}
