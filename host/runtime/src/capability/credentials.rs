//! `credentials`: which of a provider's credentials goes with an attempt. No function here returns one.

use wasmtime::Result;

use crate::bindings::host::credentials::Host;
use crate::deeds::Shown;
use crate::instance::PluginState;
use crate::model::{Credentials, Editable};

impl Host for PluginState {
    fn names(&mut self) -> Result<Vec<String>> {
        self.of_credentials(|credentials| credentials.names.iter().map(|(name, _)| name.clone()).collect())
    }

    fn rests_ms(&mut self, name: String) -> Result<Option<u64>> {
        self.of_credentials(|credentials| {
            credentials.names.iter().find(|(other, _)| *other == name).map(|(_, rests_ms)| *rests_ms)
        })
    }

    fn choose(&mut self, name: String) -> Result<bool> {
        let exchange = self.enter()?;
        let deed = self.deed("credentials.choose", &name, |_| Shown::Nothing);
        let chosen = match &mut exchange.lock().model {
            Some(model) if model.editable == Editable::Attempt => {
                let is_known = model.credentials.names.iter().any(|(other, _)| *other == name);
                if is_known {
                    model.credentials.chosen = Some(name);
                }
                is_known
            }
            _ => false,
        };
        self.noted(deed, (!chosen).then_some("not-taken"));
        Ok(chosen)
    }
}

impl PluginState {
    fn of_credentials<T: Default>(&mut self, question: impl FnOnce(&Credentials) -> T) -> Result<T> {
        let exchange = self.enter()?;
        let state = exchange.lock();
        Ok(state.model.as_ref().map(|model| question(&model.credentials)).unwrap_or_default())
    }
}
