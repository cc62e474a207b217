//! A strategy and its targets, at the top of a config or in a rule.

use sluicegate_plugin::Pointer;

use super::{RawTarget, Reader, TARGETS_MAX, WEIGHT_MAX, check_field};
use crate::by::By;
use crate::choice::{Choice, Strategy};
use crate::target::Target;

impl Reader {
    pub(super) fn choice(
        &mut self,
        strategy: Strategy,
        raw: Vec<RawTarget>,
        by: Option<String>,
        pointer: &Pointer,
    ) -> Choice {
        let list = pointer.key("targets");
        if raw.len() > TARGETS_MAX {
            self.report(&list, format!("`targets` must name at most {TARGETS_MAX} upstreams, as many as a route has."));
        }
        let mut targets: Vec<Target> = Vec::new();
        for (index, raw) in raw.into_iter().enumerate() {
            let target = self.target(raw, strategy, &list.index(index));
            if targets.iter().any(|known| known.takes_in(&target)) {
                self.report(&list.index(index).key("upstream"), format!("{target} is named already."));
            }
            targets.push(target);
        }
        if strategy == Strategy::Weighted && !targets.is_empty() && targets.iter().all(|target| target.weight == 0) {
            self.report(&list, "One of the weights must be above 0.");
        }
        Choice { strategy, targets, by: self.by(strategy, by, pointer) }
    }

    fn target(&mut self, raw: RawTarget, strategy: Strategy, pointer: &Pointer) -> Target {
        let RawTarget { upstream: name, model, weight } = raw;
        if name.is_empty() {
            self.report(&pointer.key("upstream"), "`upstream` must be the name of an upstream or a provider.");
        }
        if model.as_deref() == Some("") {
            self.report(&pointer.key("model"), "`model` must be the name that the provider has for it.");
        }
        if weight.is_some() && strategy != Strategy::Weighted {
            self.report(&pointer.key("weight"), "`weight` is for the strategy \"weighted\" alone.");
        } else if weight.is_some_and(|weight| weight > WEIGHT_MAX) {
            self.report(&pointer.key("weight"), format!("`weight` must be at most {WEIGHT_MAX}."));
        }
        Target { name, model, weight: weight.unwrap_or(1) }
    }

    fn by(&mut self, strategy: Strategy, by: Option<String>, pointer: &Pointer) -> Option<By> {
        match (strategy, by.as_deref().map(By::parse)) {
            (Strategy::Sticky, Some(Ok(by))) => return Some(by),
            (Strategy::Sticky, Some(Err(message))) => self.report(&pointer.key("by"), message),
            (Strategy::Sticky, None) => self.report(pointer, format!("\"sticky\" needs `by`: {}.", By::NAMES)),
            (_, Some(_)) => self.report(&pointer.key("by"), "`by` is for the strategy \"sticky\" alone."),
            (_, None) => {}
        }
        None
    }
}

impl By {
    /// What may be written.
    const NAMES: &str = "\"consumer\", \"key\", \"team\", \"header:NAME\", \"conversation\" or \"model-user\"";

    fn parse(text: &str) -> Result<By, String> {
        match text {
            "consumer" => Ok(By::Identity("consumer")),
            "key" => Ok(By::Identity("key")),
            "team" => Ok(By::Identity("team")),
            "conversation" => Ok(By::Conversation),
            "model-user" => Ok(By::ModelUser),
            _ => match text.strip_prefix("header:") {
                Some(name) => check_field(name).map(|()| By::Header(name.to_ascii_lowercase())),
                None => Err(format!("{text:?} keeps nobody: write {}.", By::NAMES)),
            },
        }
    }
}
