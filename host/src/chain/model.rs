//! Routes that serve language models: the call is parsed once, and goes to one target of its model after another until one answers.
//!
//! Plugins of the phases `head` and `body` see the client's bytes, and those of `reply-head` and `reply-body` the answer in the
//! client's dialect; nobody sees the provider's.

mod answer;
mod intake;
mod keys;
mod refusal;
mod request;
mod send;
mod translate;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use http::HeaderMap;
use sluicegate_llm::{Endpoint, Hints, Seen};

pub use keys::Keys;

use super::targets::Targets;
use crate::config::{Dialect, ModelTarget, RouteModels};

/// The models of a route, ready.
pub struct ModelPlans {
    /// Every name that a client may call, with the model's own.
    names: BTreeMap<String, String>,
    targets: BTreeMap<String, Arc<Targets>>,
}

/// A target's part in serving models.
pub struct ModelSide {
    pub config: ModelTarget,
    /// Shared by all targets of one provider.
    pub keys: Arc<Keys>,
}

/// What is known of a call under way.
pub(super) struct ModelExchange {
    pub(super) endpoint: Endpoint,
    /// Once the call was read and its model is one of the route's.
    chosen: OnceLock<Chosen>,
    /// What the answer has told.
    seen: Mutex<Seen>,
}

struct Chosen {
    /// The model's own name.
    model: String,
    targets: Arc<Targets>,
}

impl ModelPlans {
    /// `ready`: the targets of each model, in the order of the configuration.
    pub fn new(models: &RouteModels, mut ready: impl FnMut(&[ModelTarget]) -> Targets) -> ModelPlans {
        let targets = models.targets.iter().map(|(name, targets)| (name.clone(), Arc::new(ready(targets))));
        ModelPlans { names: models.names.clone(), targets: targets.collect() }
    }

    /// By the name that a client calls.
    fn find(&self, name: &str) -> Option<(&str, &Arc<Targets>)> {
        let own = self.names.get(name)?;
        Some((own.as_str(), self.targets.get(own)?))
    }

    /// Every name that a client may call.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    /// Each model by its own name, in the order of the names, with its targets.
    pub fn models(&self) -> impl Iterator<Item = (&str, &Targets)> {
        self.targets.iter().map(|(name, targets)| (name.as_str(), targets.as_ref()))
    }
}

impl ModelExchange {
    /// `path` without what the route strips.
    pub(super) fn begin(method: &str, path: &str, hints: Hints) -> ModelExchange {
        let endpoint = Endpoint::of(method, path, hints);
        ModelExchange { endpoint, chosen: OnceLock::new(), seen: Mutex::default() }
    }

    /// Whose form errors have.
    pub(super) fn dialect(&self) -> Dialect {
        match self.endpoint.dialect() {
            sluicegate_llm::Dialect::Anthropic => Dialect::Anthropic,
            sluicegate_llm::Dialect::Gemini => Dialect::Gemini,
            _ => Dialect::OpenAi,
        }
    }

    pub(super) fn targets(&self) -> Option<&Arc<Targets>> {
        self.chosen.get().map(|chosen| &chosen.targets)
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The model that the client called, by its own name.
    pub(super) fn model(&self) -> Option<&str> {
        self.chosen.get().map(|chosen| chosen.model.as_str())
    }
}

/// What tells the vendors apart where they share a path. Read before the fields that carry credentials are taken out.
pub(super) fn hints(headers: &HeaderMap, query: Option<&str>) -> Hints {
    let has = |name: &str| headers.contains_key(name);
    let has_key = query.is_some_and(|query| query.split('&').any(|member| member.starts_with("key=")));
    Hints {
        anthropic: has("anthropic-version") || has("x-api-key"),
        gemini: has("x-goog-api-key") || has("x-goog-api-client") || has_key,
    }
}
