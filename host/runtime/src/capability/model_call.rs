//! `model-call`: the call of a language model, and what plugins change of it.

use wasmtime::Result;

use crate::bindings::host::edits::EditError;
use crate::bindings::host::model_call::{Host, Reading};
use crate::deeds::{Deed, Shown, refused};
use crate::instance::PluginState;
use crate::model::{Editable, ModelCall};

impl Host for PluginState {
    fn operation(&mut self) -> Result<String> {
        self.ask(|call| call.operation().to_owned())
    }

    fn dialect(&mut self) -> Result<String> {
        self.ask(|call| call.dialect().to_owned())
    }

    fn streamed(&mut self) -> Result<bool> {
        self.ask(|call| call.streamed())
    }

    fn model(&mut self) -> Result<String> {
        self.ask(|call| call.model())
    }

    fn set_model(&mut self, model: String) -> Result<std::result::Result<(), EditError>> {
        let deed = self.deed("model-call.set-model", "", |_| Shown::text(&model));
        self.edit(deed, &[Editable::Call], |call| call.set_model(&model))
    }

    fn has(&mut self, feature: String) -> Result<bool> {
        self.ask(|call| call.has(&feature))
    }

    fn number(&mut self, name: String) -> Result<Option<f64>> {
        self.ask(|call| call.number(&name))
    }

    fn set_number(&mut self, name: String, value: Option<f64>) -> Result<std::result::Result<(), EditError>> {
        let deed = self.deed("model-call.set-number", &name, |_| shown(value));
        self.edit(deed, &EITHER, |call| call.set_number(&name, value))
    }

    fn word(&mut self, name: String) -> Result<Option<String>> {
        self.ask(|call| call.word(&name))
    }

    fn set_word(&mut self, name: String, value: Option<String>) -> Result<std::result::Result<(), EditError>> {
        let deed = self.deed("model-call.set-word", &name, |_| shown(value.as_ref()));
        self.edit(deed, &EITHER, |call| call.set_word(&name, value.as_deref()))
    }

    fn read(&mut self, role: String, place: String) -> Result<Reading> {
        let reading = self.ask(|call| Some(call.read(&role, &place)))?;
        Ok(reading.unwrap_or_else(|| Reading { segments: Vec::new(), ends: Vec::new(), text: String::new() }))
    }

    fn text_bytes(&mut self) -> Result<u64> {
        self.ask(|call| call.text_bytes())
    }

    fn role(&mut self, segment: u32) -> Result<Option<String>> {
        self.ask(|call| call.role(segment))
    }

    fn place(&mut self, segment: u32) -> Result<Option<String>> {
        self.ask(|call| call.place(segment))
    }

    fn tool(&mut self, segment: u32) -> Result<Option<String>> {
        self.ask(|call| call.tool(segment))
    }

    fn rewrite(&mut self, segment: u32, text: String) -> Result<std::result::Result<(), EditError>> {
        let deed = self.deed("model-call.rewrite", segment, |_| length(&text));
        self.edit(deed, &EITHER, |call| call.rewrite(segment, &text))
    }

    fn insert(
        &mut self,
        role: String,
        text: String,
        before: Option<u32>,
    ) -> Result<std::result::Result<u32, EditError>> {
        let deed = self.deed("model-call.insert", &role, |_| length(&text));
        self.edit(deed, &EITHER, |call| call.insert(&role, &text, before))
    }

    fn remove(&mut self, segment: u32) -> Result<std::result::Result<(), EditError>> {
        let deed = self.deed("model-call.remove", segment, |_| Shown::Nothing);
        self.edit(deed, &EITHER, |call| call.remove(segment))
    }
}

/// Phases in which the call can be changed.
const EITHER: [Editable; 2] = [Editable::Call, Editable::Attempt];

impl PluginState {
    /// Reads the call; nothing where there is none.
    fn ask<T: Default>(&mut self, question: impl FnOnce(&dyn ModelCall) -> T) -> Result<T> {
        let exchange = self.enter()?;
        let state = exchange.lock();
        Ok(state.model.as_ref().map(|model| question(model.call.as_ref())).unwrap_or_default())
    }

    fn edit<T>(
        &mut self,
        deed: Option<Deed>,
        when: &[Editable],
        change: impl FnOnce(&mut dyn ModelCall) -> std::result::Result<T, EditError>,
    ) -> Result<std::result::Result<T, EditError>> {
        let exchange = self.enter()?;
        let edited = match &mut exchange.lock().model {
            Some(model) if when.contains(&model.editable) => {
                let edited = change(model.call.as_mut());
                model.edits += u64::from(edited.is_ok());
                edited
            }
            _ => Err(EditError::TooLate),
        };
        self.noted(deed, refused(&edited));
        Ok(edited)
    }
}

fn shown<T: ToString>(value: Option<T>) -> Shown {
    value.map_or(Shown::Nothing, |value| Shown::text(value.to_string()))
}

/// What is said to a model and by it is nobody's to read in a trace.
fn length(text: &str) -> Shown {
    Shown::text(format!("{} bytes", text.len()))
}
