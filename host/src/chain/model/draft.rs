//! The call as plugins read and edit it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sluicegate_llm::{Call, Draft, EditError, Operation};
use sluicegate_runtime::model::{EditError as Refused, ModelCall, Reading};

/// One call that plugins edit; clones are the same one.
#[derive(Clone)]
pub(super) struct SharedDraft(Arc<Mutex<Draft>>);

impl SharedDraft {
    pub(super) fn new(draft: Draft) -> SharedDraft {
        SharedDraft(Arc::new(Mutex::new(draft)))
    }

    /// Another one, with the edits so far.
    pub(super) fn separate(&self) -> SharedDraft {
        SharedDraft::new(self.lock().clone())
    }

    /// The call with all edits.
    pub(super) fn finished(&self) -> Result<Arc<Call>, EditError> {
        self.lock().finish()
    }

    fn lock(&self) -> MutexGuard<'_, Draft> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ModelCall for SharedDraft {
    fn operation(&self) -> &'static str {
        match self.lock().call().operation {
            Operation::Chat => "chat",
            Operation::Embeddings => "embeddings",
            Operation::CountTokens => "count-tokens",
        }
    }

    fn dialect(&self) -> &'static str {
        self.lock().call().dialect.as_str()
    }

    fn streamed(&self) -> bool {
        self.lock().call().streamed
    }

    fn model(&self) -> String {
        self.lock().model().to_owned()
    }

    fn set_model(&mut self, model: &str) -> Result<(), Refused> {
        self.lock().set_model(model).map_err(refused)
    }

    fn has(&self, feature: &str) -> bool {
        self.lock().has(feature)
    }

    fn number(&self, name: &str) -> Option<f64> {
        self.lock().number(name)
    }

    fn set_number(&mut self, name: &str, value: Option<f64>) -> Result<(), Refused> {
        self.lock().set_number(name, value).map_err(refused)
    }

    fn word(&self, name: &str) -> Option<String> {
        self.lock().word(name)
    }

    fn set_word(&mut self, name: &str, value: Option<&str>) -> Result<(), Refused> {
        self.lock().set_word(name, value).map_err(refused)
    }

    fn read(&self, role: &str, place: &str) -> Reading {
        let sluicegate_llm::Reading { segments, ends, text } = self.lock().read(role, place);
        Reading { segments, ends, text }
    }

    fn text_bytes(&self) -> u64 {
        self.lock().text_bytes()
    }

    fn role(&self, segment: u32) -> Option<String> {
        self.lock().role(segment).map(str::to_owned)
    }

    fn place(&self, segment: u32) -> Option<String> {
        self.lock().place(segment).map(str::to_owned)
    }

    fn tool(&self, segment: u32) -> Option<String> {
        self.lock().tool(segment).map(str::to_owned)
    }

    fn rewrite(&mut self, segment: u32, text: &str) -> Result<(), Refused> {
        self.lock().rewrite(segment, text).map_err(refused)
    }

    fn insert(&mut self, role: &str, text: &str, before: Option<u32>) -> Result<u32, Refused> {
        self.lock().insert(role, text, before).map_err(refused)
    }

    fn remove(&mut self, segment: u32) -> Result<(), Refused> {
        self.lock().remove(segment).map_err(refused)
    }

    fn copy(&self) -> Box<dyn ModelCall> {
        Box::new(self.separate())
    }
}

fn refused(error: EditError) -> Refused {
    match error {
        EditError::InvalidName => Refused::InvalidName,
        EditError::InvalidValue => Refused::InvalidValue,
        EditError::Forbidden => Refused::Forbidden,
        EditError::TooMany => Refused::TooMany,
    }
}
