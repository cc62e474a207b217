//! `labels`: public short facts that later plugins see and the access log prints.

use wasmtime::Result;

use super::Entered;
use crate::bindings::host::labels::Host;
use crate::deeds::Shown;
use crate::direct::Copied;
use crate::instance::PluginState;

const LABELS_MAX: usize = 32;
const NAME_BYTES_MAX: usize = 64;
const VALUE_BYTES_MAX: usize = 256;

impl Host for PluginState {
    fn get(&mut self, name: String) -> Result<Option<String>> {
        Ok(self.enter()?.lock().labels.get(&name).cloned())
    }

    fn set(&mut self, name: String, value: String) -> Result<bool> {
        let exchange = self.enter()?;
        let deed = self.deed("labels.set", &name, |_| Shown::text(&value));
        let labels = &mut exchange.lock().labels;
        let fits = !name.is_empty()
            && name.len() <= NAME_BYTES_MAX
            && value.len() <= VALUE_BYTES_MAX
            && (labels.len() < LABELS_MAX || labels.contains_key(&name));
        if fits {
            labels.insert(name, value);
        }
        self.noted(deed, (!fits).then_some("not-taken"));
        Ok(fits)
    }
}

impl PluginState {
    pub(crate) fn lend_label(&mut self, name: &str) -> Result<Option<Copied>> {
        let Entered { exchange, lent, .. } = self.enter_mut()?;
        Ok(exchange.lock().labels.get(name).map(|value| lent.copy(value.as_bytes())))
    }
}
