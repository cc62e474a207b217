//! `upstream-request`: the head that goes to one target.

use http::HeaderMap;
use wasmtime::Result;

use crate::bindings::host::edits::EditError;
use crate::bindings::host::upstream_request::Host;
use crate::deeds::{Deed, Shown, refused};
use crate::fields::{self, Edit};
use crate::instance::PluginState;
use crate::model::Editable;

impl Host for PluginState {
    fn header(&mut self, name: String) -> Result<Option<Vec<u8>>> {
        let exchange = self.enter()?;
        let state = exchange.lock();
        let head = state.model.as_ref().map(|model| &model.upstream);
        let shown = !exchange.is_credential(&name);
        Ok(head.filter(|_| shown).and_then(|head| head.get(&name)).map(|value| value.as_bytes().to_vec()))
    }

    fn set_header(&mut self, name: String, value: Vec<u8>) -> Result<std::result::Result<(), EditError>> {
        self.write_upstream_field(Edit::Set, &name, &value)
    }

    fn append_header(&mut self, name: String, value: Vec<u8>) -> Result<std::result::Result<(), EditError>> {
        self.write_upstream_field(Edit::Append, &name, &value)
    }

    fn remove_header(&mut self, name: String) -> Result<std::result::Result<(), EditError>> {
        let deed = self.deed("upstream-request.remove-header", &name, |_| Shown::Nothing);
        self.edit_upstream(deed, &name, |head, name| {
            head.remove(name);
            Ok(())
        })
    }
}

impl PluginState {
    fn write_upstream_field(
        &mut self,
        how: Edit,
        name: &str,
        value: &[u8],
    ) -> Result<std::result::Result<(), EditError>> {
        let call = match how {
            Edit::Set => "upstream-request.set-header",
            Edit::Append => "upstream-request.append-header",
        };
        let deed = self.deed(call, name, |exchange| match exchange.is_credential(name) {
            true => Shown::hidden(value),
            false => Shown::text(value),
        });
        self.edit_upstream(deed, name, |head, name| fields::write(head, how, &name, fields::parse_value(value)?))
    }

    fn edit_upstream(
        &mut self,
        deed: Option<Deed>,
        name: &str,
        change: impl FnOnce(&mut HeaderMap, http::HeaderName) -> std::result::Result<(), EditError>,
    ) -> Result<std::result::Result<(), EditError>> {
        let exchange = self.enter()?;
        let edited = fields::parse_name(name).and_then(|name| {
            if fields::is_host_field(&name) || exchange.facts.credential_fields.contains(&name) {
                return Err(EditError::Forbidden);
            }
            match &mut exchange.lock().model {
                Some(model) if model.editable == Editable::Attempt => change(&mut model.upstream, name),
                _ => Err(EditError::TooLate),
            }
        });
        self.noted(deed, refused(&edited));
        Ok(edited)
    }
}
