//! A model call that plugins read and edit: its texts as numbered segments, its parameters by name.
//!
//! The client's body stays the one truth. An edit is spliced into it, in the client's own dialect, and the call is read again; so what
//! the gateway does not know stays byte for byte, and the writers of all dialects find an ordinary [`Call`].
//! Rewritten texts wait until another edit or [`Draft::finish`] splices all of them at once.

mod changes;
mod edit;
mod feature;
mod insert;
mod members;
mod number;
mod remove;
mod rewrite;
mod segment;
mod word;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::call::Call;
use crate::dialect::{Asked, Dialect};

use edit::Effect;
use insert::Insertion;
use rewrite::Rewriting;
use segment::{Seen, Segments};

/// Insertions, removals and settings of one draft, since each reads the call again. Those that fail count too.
pub const EDITS_MAX: usize = 64;

/// What a source may grow by besides its own size.
pub const GROWTH_BYTES_MAX: usize = 1 << 20;

/// A call under way through plugins. Clones share what they have in common, and go on apart from each other.
#[derive(Debug, Clone)]
pub struct Draft {
    asked: Asked,
    call: Arc<Call>,
    segments: Arc<Segments>,
    /// By the number of the segment.
    rewritten: Arc<BTreeMap<u32, Rewriting>>,
    /// Bytes that the source grows by when they are spliced.
    growth: isize,
    edits: usize,
    source_bytes_max: usize,
}

/// Segments and their texts, one behind another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    pub segments: Vec<u32>,
    /// Where each ends in `text`, in bytes.
    pub ends: Vec<u32>,
    pub text: String,
}

/// Why an edit was not made; the draft is as it was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    #[error("the call has no segment or parameter of this name")]
    InvalidName,
    #[error("the value does not fit what it is for")]
    InvalidValue,
    #[error("the client's dialect has no place for it, or a provider has signed what stands there")]
    Forbidden,
    #[error("the call was edited {EDITS_MAX} times, or would become too large")]
    TooMany,
}

impl Draft {
    /// `asked` is what the call was read with.
    pub fn new(asked: Asked, call: Arc<Call>) -> Draft {
        let segments = Arc::new(Segments::of(&call));
        let source_bytes_max = call.source.len().saturating_mul(2).saturating_add(GROWTH_BYTES_MAX);
        Draft { asked, call, segments, rewritten: Arc::default(), growth: 0, edits: 0, source_bytes_max }
    }

    /// Without the texts that wait.
    pub fn call(&self) -> &Arc<Call> {
        &self.call
    }

    /// With all that was edited; the same as before if nothing was. Too many is what arguments have been rewritten to that have more
    /// values than a whole call may have ([`crate::json::VALUES_MAX`]); the texts go on waiting.
    pub fn finish(&mut self) -> Result<Arc<Call>, EditError> {
        if !self.rewritten.is_empty() {
            *self = self.with_rewritten()?;
        }
        Ok(self.call.clone())
    }

    pub fn model(&self) -> &str {
        &self.call.model
    }

    /// The name by which the client asks for a model: in the body, or in what the path said. An empty one is no value.
    pub fn set_model(&mut self, model: &str) -> Result<(), EditError> {
        let model = match self.call.dialect {
            Dialect::Gemini => model.strip_prefix("models/").unwrap_or(model),
            _ => model,
        };
        if model.is_empty() {
            return Err(EditError::InvalidValue);
        }
        if model == self.call.model {
            return Ok(());
        }
        let mut asked = self.asked.clone();
        let in_path = asked.model.is_some();
        if let Some(said) = &mut asked.model {
            model.clone_into(said);
        }
        self.edit_asked(asked, Effect::None, |draft, root, changes| {
            match &draft.call.model_span {
                Some(_) if draft.call.dialect == Dialect::Gemini => members::set_gemini_model(changes, root, model),
                // What the path says counts, and the body's name is without effect.
                Some(span) if !in_path => changes.replace(span.clone(), members::quoted(model)),
                _ => {}
            }
            Ok(())
        })?;
        Ok(())
    }

    /// `tools`, `images`, `audio`, `structured-output`, `thinking`, `stored-conversation`: whether the call needs it. `opaque`: whether
    /// there is text in members or parts that no segment stands for.
    pub fn has(&self, feature: &str) -> bool {
        feature::has(&self.call, feature)
    }

    /// None where the call does not say it, and for a name that does not exist.
    pub fn number(&self, name: &str) -> Option<f64> {
        number::get(&self.call.parameters, name)
    }

    /// None takes the parameter out. Forbidden is what the dialect has no member for or demands, or what is no chat; a value must be in
    /// the vendor's range.
    pub fn set_number(&mut self, name: &str, value: Option<f64>) -> Result<(), EditError> {
        let setting = number::setting(&self.call, name, value)?;
        if self.number(name) == value {
            return Ok(());
        }
        self.edit(Effect::None, |draft, root, changes| {
            setting.make(&draft.call, root, changes);
            Ok(())
        })?;
        Ok(())
    }

    /// None where the call does not say it or not in a word, and for a name that does not exist.
    pub fn word(&self, name: &str) -> Option<String> {
        word::get(&self.call, name)
    }

    /// None takes the parameter out. A choice must be of a tool that the call has; a schema is no word.
    pub fn set_word(&mut self, name: &str, value: Option<&str>) -> Result<(), EditError> {
        word::check(&self.call, name)?;
        if value.is_some() && self.word(name).as_deref() == value {
            return Ok(());
        }
        self.edit(Effect::None, |draft, root, changes| word::set(&draft.call, root, name, value, changes))?;
        Ok(())
    }

    /// An empty role or place matches any; an unknown one matches none.
    pub fn read(&self, role: &str, place: &str) -> Reading {
        let mut reading = Reading::default();
        for segment in &self.segments.list {
            let Some(seen) = segment.see(&self.call) else { continue };
            let matches = |asked: &str, found: &str| asked.is_empty() || asked == found;
            if matches(role, seen.role) && matches(place, seen.place.as_str()) {
                reading.text.push_str(self.text_of(segment.number, &seen));
                reading.segments.push(segment.number);
                // The limit of a source is far below 4 GiB.
                reading.ends.push(u32::try_from(reading.text.len()).unwrap_or(u32::MAX));
            }
        }
        reading
    }

    /// Of all segments together.
    pub fn text_bytes(&self) -> u64 {
        let seen = self.segments.list.iter().filter_map(|segment| Some((segment.number, segment.see(&self.call)?)));
        seen.map(|(number, seen)| self.text_of(number, &seen).len() as u64).sum()
    }

    /// `system`, `user`, `assistant`, `tool`, or empty for what nobody says.
    pub fn role(&self, segment: u32) -> Option<&'static str> {
        self.see(segment).map(|seen| seen.role)
    }

    /// `text`, `tool-definition`, `tool-arguments`, `tool-result`, `end-user-id`.
    pub fn place(&self, segment: u32) -> Option<&'static str> {
        self.see(segment).map(|seen| seen.place.as_str())
    }

    /// The tool that a segment speaks of.
    pub fn tool(&self, segment: u32) -> Option<&str> {
        self.see(segment)?.tool
    }

    /// Puts other text where the segment stands; everything around it stays byte for byte. Arguments must be a JSON object; forbidden are
    /// those that a provider has signed or that the client left out.
    pub fn rewrite(&mut self, segment: u32, text: &str) -> Result<(), EditError> {
        let rewriting = rewrite::check(&self.call, self.see(segment).ok_or(EditError::InvalidName)?, text)?;
        let growth = |rewriting: Option<&Rewriting>| rewriting.map_or(0, |rewriting| rewriting.growth);
        let waiting = self.growth - growth(self.rewritten.get(&segment)) + growth(rewriting.as_ref());
        if self.call.source.len().saturating_add_signed(waiting) > self.source_bytes_max {
            return Err(EditError::TooMany);
        }
        self.growth = waiting;
        let rewritten = Arc::make_mut(&mut self.rewritten);
        match rewriting {
            Some(rewriting) => rewritten.insert(segment, rewriting),
            None => rewritten.remove(&segment),
        };
        Ok(())
    }

    /// A new text in front of the message that holds `before`, or behind all others: its number. Where the system has a place of its
    /// own, what it says comes there. Forbidden between a call of a tool and its result, and in front of what stands in front of all messages.
    pub fn insert(&mut self, role: &str, text: &str, before: Option<u32>) -> Result<u32, EditError> {
        let insertion = Insertion::new(role, text, before)?;
        let added = self.edit(Effect::Adds, |draft, root, changes| insertion.make(draft, root, changes))?;
        added.ok_or(EditError::Forbidden)
    }

    /// Takes a text out with the part or message that has nothing else in it. Forbidden for arguments, results, and the only message.
    pub fn remove(&mut self, segment: u32) -> Result<(), EditError> {
        self.see(segment).ok_or(EditError::InvalidName)?;
        self.edit(Effect::Removes(segment), |draft, root, changes| {
            let seen = draft.see(segment).ok_or(EditError::InvalidName)?;
            remove::make(&draft.call, seen, root, changes)
        })?;
        Ok(())
    }

    fn see(&self, segment: u32) -> Option<Seen<'_>> {
        self.segments.get(segment)?.see(&self.call)
    }

    fn text_of<'a>(&'a self, number: u32, seen: &Seen<'a>) -> &'a str {
        self.rewritten.get(&number).map_or(seen.text, |rewriting| &rewriting.text)
    }
}

#[cfg(test)]
mod tests;
