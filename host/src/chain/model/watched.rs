//! Shadows of the phase `delta`: they read an answer's text on its way, and the answer goes on as if they were not there.

use sluicegate_llm::{Event, Piece};
use sluicegate_runtime::{Call as PluginCall, Delta, Phase};

use crate::chain::run::Run;
use crate::chain::shadow::Shown;

impl Run {
    /// Whether an entry at this position only watches.
    pub(super) fn is_shadow(&self, position: usize) -> bool {
        self.plan.chain.links().get(position).is_some_and(|link| link.shadow.is_some())
    }

    pub(super) fn is_watched(&self) -> bool {
        self.plan.chain.has_shadows() && self.positions(Phase::Delta).any(|position| self.is_shadow(position))
    }

    /// Shows an event to the shadows, which nobody waits for.
    pub(super) fn show_event(&self, event: &Event) {
        let delta = match event {
            Event::Piece { choice, piece: Piece::Text(text) | Piece::Refusal(text) } => {
                Delta::Text { choice: *choice, text: text.as_str().into() }
            }
            Event::Piece { choice, piece: Piece::ToolArguments { tool, text } } => {
                Delta::ToolArguments { choice: *choice, tool: *tool, text: text.as_str().into() }
            }
            Event::End { choice, reason } => Delta::End { choice: *choice, reason: reason.as_str() },
            Event::Usage(usage) => {
                self.publish_usage(usage);
                Delta::Usage
            }
            _ => return,
        };
        for position in self.positions(Phase::Delta).filter(|position| self.is_shadow(*position)) {
            self.show(position, Shown::Phase { call: PluginCall::Delta(delta.clone()), now: None });
        }
    }
}
