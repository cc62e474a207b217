//! The phase `call`: plugins read the call, edit it, or answer in the model's place.

use std::sync::Arc;

use sluicegate_llm::{Asked, Call, EditError, Operation};
use sluicegate_runtime::model::{Editable, ModelState};
use sluicegate_runtime::{Call as PluginCall, Phase, Verdict};

use super::draft::SharedDraft;
use super::typed::{Typed, Way};
use super::written;
use crate::chain::run::Run;
use crate::chain::stop::{Stop, StopReply};
use crate::config::Feature;
use crate::error::{Code, Refusal};
use crate::telemetry::outcome::Outcome;

/// A call as plugins left it, and what further ones look at.
pub(super) struct Ready {
    pub(super) call: Arc<Call>,
    pub(super) draft: SharedDraft,
    /// What it needs of a target; found out where a target of its model does not have all.
    pub(super) needs: Vec<Feature>,
}

impl Run {
    pub(super) async fn call_phase(&self, asked: &Asked, call: Arc<Call>) -> Result<Ready, Stop> {
        let draft = SharedDraft::new(asked.clone(), call.clone());
        if self.plan.chain.links().is_empty() {
            return Ok(Ready { call, draft, needs: Vec::new() });
        }
        let mut state = ModelState::new(Box::new(draft.clone()));
        state.editable = Editable::Call;
        self.exchange.lock().model = Some(Box::new(state));
        let decided = self.call_plugins(&draft).await;
        self.close_model();
        decided?;
        let call = draft.finished().map_err(|error| unreadable(&error))?;
        Ok(Ready { call, draft, needs: Vec::new() })
    }

    async fn call_plugins(&self, draft: &SharedDraft) -> Result<(), Stop> {
        for position in self.plan.chain.positions(Phase::Call) {
            // What one has written and not answered with is no part of another's answer.
            self.exchange.lock().model.iter_mut().for_each(|model| model.forget_written());
            if self.call(*position, PluginCall::Model, false).await? == Verdict::Written {
                return Err(self.written(*position, draft)?);
            }
        }
        Ok(())
    }

    /// The answer that the plugin at this position wrote.
    fn written(&self, position: usize, draft: &SharedDraft) -> Result<Stop, Stop> {
        let call = draft.finished().map_err(|error| unreadable(&error))?;
        if call.operation != Operation::Chat {
            let message = "A policy answered a call that is no chat, and an answer can be written for a chat alone.";
            return Err(Stop { by: Some(position), ..Stop::refuse(Refusal::new(Code::PluginFailed, message)) });
        }
        let pieces = match &mut self.exchange.lock().model {
            Some(model) => std::mem::take(&mut model.written),
            None => Vec::new(),
        };
        let events = written::events(&self.exchange.facts.id, &call.model, pieces);
        let reply = StopReply::Typed(Typed::whole(call, events, Way::Anew));
        Ok(Stop { reply, by: Some(position), outcome: Outcome::Complete })
    }
}

pub(super) fn unreadable(error: &EditError) -> Stop {
    let message = format!("A policy has changed the call into one that cannot be read: {error}.");
    Stop::refuse(Refusal::new(Code::PluginFailed, message))
}
