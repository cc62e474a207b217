//! Routes that serve language models: the call is parsed once, and goes to one target of its model after another until one answers.
//!
//! Plugins of the phases `head` and `body` see the client's bytes, and those of `reply-head` and `reply-body` the answer in the
//! client's dialect; nobody sees the provider's.

mod answer;
mod attempt_phase;
mod call_phase;
mod deltas;
mod draft;
mod intake;
mod keys;
mod refusal;
mod request;
mod send;
mod translate;
mod typed;
mod usage;
mod verdict;
mod watched;
mod writer;
mod written;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use http::HeaderMap;
use sluicegate_llm::{Endpoint, Hints, Seen};

pub(super) use deltas::Deltas;
pub use keys::{Keys, Rest};
pub(super) use typed::Typed;

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
    /// What the client's own request is for.
    asked: Endpoint,
    /// What the request is for once the plugins of `head` have seen it, if that is another endpoint.
    moved: OnceLock<Endpoint>,
    hints: Hints,
    /// The client's path is one that a vendor has.
    is_vendors: bool,
    /// Once the call was read and its model is one of the route's.
    chosen: OnceLock<Chosen>,
    /// What the answer has told.
    seen: Mutex<Seen>,
    /// The answer, where plugins look at it before it is written down.
    typed: Mutex<Option<Typed>>,
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
        let asked = Endpoint::of(method, path, hints);
        let is_vendors = !matches!(asked, Endpoint::NotSupported(_)) || path.starts_with("/v1");
        ModelExchange {
            asked,
            moved: OnceLock::new(),
            hints,
            is_vendors,
            chosen: OnceLock::new(),
            seen: Mutex::default(),
            typed: Mutex::default(),
        }
    }

    /// Method and path as plugins of `head` left them.
    fn move_to(&self, method: &str, path: &str) {
        let endpoint = Endpoint::of(method, path, self.hints);
        if endpoint != self.asked {
            drop(self.moved.set(endpoint));
        }
    }

    fn endpoint(&self) -> &Endpoint {
        self.moved.get().unwrap_or(&self.asked)
    }

    /// Whose form errors have; none where the client asked for what is no vendor's.
    pub(super) fn dialect(&self) -> Option<Dialect> {
        self.is_vendors.then(|| match self.asked.dialect() {
            sluicegate_llm::Dialect::Anthropic => Dialect::Anthropic,
            sluicegate_llm::Dialect::Gemini => Dialect::Gemini,
            _ => Dialect::OpenAi,
        })
    }

    /// Whether the client wants an answer in pieces as one JSON array.
    pub(super) fn answers_as_array(&self) -> bool {
        matches!(self.endpoint(), Endpoint::Call(asked) if asked.as_array)
    }

    pub(super) fn targets(&self) -> Option<&Arc<Targets>> {
        self.chosen.get().map(|chosen| &chosen.targets)
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the answer aside for the plugins, or takes it back.
    pub(super) fn set_typed(&self, typed: Option<Typed>) {
        *self.typed.lock().unwrap_or_else(PoisonError::into_inner) = typed;
    }

    pub(super) fn take_typed(&self) -> Option<Typed> {
        self.typed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The model that the client called, by its own name.
    pub(super) fn model(&self) -> Option<&str> {
        self.chosen.get().map(|chosen| chosen.model.as_str())
    }
}

/// What tells the vendors apart where they share a path. Read before the fields that carry credentials are taken out.
pub(super) fn hints(headers: &HeaderMap, query: Option<&str>) -> Hints {
    let has = |name: &str| headers.contains_key(name);
    let asks = |wanted: &dyn Fn(&str) -> bool| query.is_some_and(|query| query.split('&').any(wanted));
    Hints {
        anthropic: has("anthropic-version") || has("x-api-key"),
        gemini: has("x-goog-api-key") || has("x-goog-api-client") || asks(&|member| member.starts_with("key=")),
        sse: asks(&|member| member == "alt=sse"),
    }
}
