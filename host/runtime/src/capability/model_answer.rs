//! `model-answer`: an answer that a plugin gives in a model's place.

use wasmtime::Result;

use crate::bindings::host::model_answer::Host;
use crate::failure::{FailureKind, Violation};
use crate::instance::PluginState;
use crate::model::{Editable, Written};

/// Bytes of an answer.
const BYTES_MAX: usize = 4 << 20;
/// Pieces of an answer.
const PIECES_MAX: usize = 4_096;
/// Choices of an answer.
const CHOICES_MAX: u32 = 128;
/// What an answer can end with.
pub const END_REASONS: [&str; 4] = ["stop", "length", "tool-calls", "content-filter"];

impl Host for PluginState {
    fn write_text(&mut self, choice: u32, text: String) -> Result<()> {
        self.write(choice, text.len(), Written::Text { choice, text })
    }

    fn write_tool_call(&mut self, choice: u32, tool: String, arguments: String) -> Result<()> {
        if serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&arguments).is_err() {
            return Err(Violation::raise(FailureKind::Trap, "arguments of a tool that are no JSON object"));
        }
        self.write(choice, tool.len() + arguments.len(), Written::ToolCall { choice, tool, arguments })
    }

    fn set_end(&mut self, choice: u32, reason: String) -> Result<()> {
        if !END_REASONS.contains(&reason.as_str()) {
            let known = END_REASONS.join(", ");
            return Err(Violation::raise(FailureKind::Trap, format!("an end that is none of {known}")));
        }
        self.write(choice, reason.len(), Written::End { choice, reason })
    }
}

impl PluginState {
    /// Written outside of `call` it would be lost, and beyond its limits it is refused: both end the guest.
    fn write(&mut self, choice: u32, bytes: usize, written: Written) -> Result<()> {
        let exchange = self.enter()?;
        let mut state = exchange.lock();
        let trap = |why: &str| Err(Violation::raise(FailureKind::Trap, why.to_owned()));
        let Some(model) = state.model.as_mut().filter(|model| model.editable == Editable::Call) else {
            return trap("an answer is written in the phase `call` alone");
        };
        if choice >= CHOICES_MAX || model.written.len() >= PIECES_MAX || model.written_bytes + bytes > BYTES_MAX {
            return trap("an answer with over 128 choices, 4096 pieces or 4 MiB");
        }
        model.written_bytes += bytes;
        model.written.push(written);
        Ok(())
    }
}
