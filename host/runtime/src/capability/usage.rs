//! `usage`: what the answer has used so far.

use wasmtime::Result;

use crate::bindings::host::usage::Host;
use crate::instance::PluginState;
use crate::model::ModelUsage;

impl Host for PluginState {
    fn figure(&mut self, name: String) -> Result<Option<u64>> {
        Ok(self.model_usage()?.figure(&name))
    }

    fn pricing(&mut self) -> Result<String> {
        Ok(self.model_usage()?.pricing().to_owned())
    }

    fn raw(&mut self) -> Result<Option<String>> {
        Ok(self.model_usage()?.raw.map(|raw| raw.as_ref().to_owned()))
    }
}

impl PluginState {
    fn model_usage(&mut self) -> Result<ModelUsage> {
        let exchange = self.enter()?;
        let state = exchange.lock();
        Ok(state.model.as_ref().map(|model| model.usage.clone()).unwrap_or_default())
    }
}
