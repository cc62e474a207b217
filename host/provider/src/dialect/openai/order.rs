//! OpenAI's words for calls and results that do not belong together.

use super::ApiError;
use crate::question::{Disorder, Turn, check_order};

/// `list` is the name of the parameter; turns stand in it from `first` on.
pub fn check(turns: &[Turn], list: &str, first: usize) -> Result<(), ApiError> {
    let place = |turn: usize| format!("{list}.[{}]", turn.saturating_sub(first));
    check_order(turns).map_err(|disorder| match disorder {
        Disorder::Unanswered { turn, ids } => {
            let message = format!(
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The \
                 following tool_call_ids did not have response messages: {}",
                ids.join(", ")
            );
            ApiError { code: None, ..ApiError::parameter(&format!("{}.role", place(turn + 1)), "", message) }
        }
        Disorder::Unasked { turn, .. } => {
            let message = "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with \
                           'tool_calls'."
                .to_owned();
            ApiError { code: None, ..ApiError::parameter(&format!("{}.role", place(turn)), "", message) }
        }
    })
}
