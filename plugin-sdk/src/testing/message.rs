//! Header fields under the contract's rules of editing.

use crate::Field;
use crate::edits::EditError;
use crate::fields::{is_credential, is_name, is_owned, is_value};

/// Fields of one head.
const FIELDS_MAX: usize = 256;
/// Bytes of all names and values of one head.
const FIELD_BYTES_MAX: usize = 128 << 10;

/// Query members that carry what the client presents.
const CREDENTIAL_MEMBERS: [&str; 1] = ["key"];

#[derive(Debug, Default)]
pub(super) struct Fields(Vec<Field>);

impl Fields {
    /// As the peer sent it, without any rule.
    pub(super) fn receive(&mut self, name: &str, value: &[u8]) {
        self.0.push(Field { name: name.to_ascii_lowercase(), value: value.to_vec() });
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Field> {
        self.0.iter().filter(|field| !is_credential(&field.name))
    }

    pub(super) fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let name = name.to_ascii_lowercase();
        self.all().filter(move |field| field.name == name).map(|field| field.value.as_slice())
    }

    pub(super) fn in_clear<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let name = name.to_ascii_lowercase();
        self.0.iter().filter(move |field| field.name == name).map(|field| field.value.as_slice())
    }

    /// What a target's head begins with: its own credential is put on afterwards.
    pub(super) fn without_credentials(&self) -> Fields {
        Fields(self.all().cloned().collect())
    }

    pub(super) fn set(&mut self, name: &str, value: &[u8]) -> Result<(), EditError> {
        check(name, Some(value))?;
        self.replace(name, value)
    }

    pub(super) fn append(&mut self, name: &str, value: &[u8]) -> Result<(), EditError> {
        check(name, Some(value))?;
        self.insert(self.0.len(), Field { name: name.to_ascii_lowercase(), value: value.to_vec() })
    }

    pub(super) fn remove(&mut self, name: &str) -> Result<(), EditError> {
        check(name, None)?;
        self.0.retain(|field| !field.name.eq_ignore_ascii_case(name));
        Ok(())
    }

    /// For the grant `credentials-in-clear`.
    pub(super) fn set_credential(&mut self, name: &str, value: &[u8]) -> Result<(), EditError> {
        let name = name.to_ascii_lowercase();
        if !is_credential(&name) {
            return Err(EditError::Forbidden);
        }
        if !is_value(value) {
            return Err(EditError::InvalidValue);
        }
        self.replace(&name, value)
    }

    pub(super) fn append_cookie(&mut self, value: &[u8]) -> Result<(), EditError> {
        if !is_value(value) {
            return Err(EditError::InvalidValue);
        }
        self.insert(self.0.len(), Field { name: "set-cookie".to_owned(), value: value.to_vec() })
    }

    /// The new value stands where the first of the old ones stood. A refusal changes nothing.
    fn replace(&mut self, name: &str, value: &[u8]) -> Result<(), EditError> {
        let is_old = |field: &Field| field.name.eq_ignore_ascii_case(name);
        let place = self.0.iter().position(is_old);
        let mut others = Fields(self.0.iter().filter(|field| !is_old(field)).cloned().collect());
        let field = Field { name: name.to_ascii_lowercase(), value: value.to_vec() };
        others.insert(place.unwrap_or(others.0.len()), field)?;
        *self = others;
        Ok(())
    }

    fn insert(&mut self, place: usize, field: Field) -> Result<(), EditError> {
        let bytes: usize = self.0.iter().chain([&field]).map(|field| field.name.len() + field.value.len()).sum();
        if self.0.len() >= FIELDS_MAX || bytes > FIELD_BYTES_MAX {
            return Err(EditError::TooMany);
        }
        self.0.insert(place.min(self.0.len()), field);
        Ok(())
    }
}

fn check(name: &str, value: Option<&[u8]>) -> Result<(), EditError> {
    if !is_name(name) {
        return Err(EditError::InvalidName);
    }
    if value.is_some_and(|value| !is_value(value)) {
        return Err(EditError::InvalidValue);
    }
    if is_owned(name) || is_credential(name) {
        return Err(EditError::Forbidden);
    }
    Ok(())
}

/// A query without the members that carry credentials; none if nothing is left.
pub(super) fn visible_query(query: &str) -> Option<String> {
    let shown = |member: &&str| !CREDENTIAL_MEMBERS.contains(&member.split('=').next().unwrap_or_default());
    let members: Vec<&str> = query.split('&').filter(shown).collect();
    (!members.is_empty()).then(|| members.join("&"))
}

pub(super) fn query_member(query: &str, name: &str) -> Option<String> {
    query
        .split('&')
        .filter_map(|member| member.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
}
