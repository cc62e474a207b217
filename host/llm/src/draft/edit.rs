//! How an edit is made: spliced into the source, which is then read again.

use std::sync::Arc;

use bytes::Bytes;

use super::changes::Changes;
use super::segment::Renewed;
use super::{Draft, EDITS_MAX, EditError, rewrite};
use crate::dialect::{Asked, read_call};
use crate::json::{Document, Value};

/// What an edit does to the segments besides moving them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    None,
    Adds,
    Removes(u32),
}

impl Draft {
    /// With the texts that wait. A text may go from the call when it becomes empty, where the dialect has no empty one.
    pub(super) fn with_rewritten(&self) -> Result<Draft, EditError> {
        let edited = self.with(self.asked.clone(), &rewrite::changes(self)?);
        // The new texts fit their places, but their values may be too many for one call.
        let (draft, added, gone) = edited.map_err(|_| EditError::TooMany)?;
        let emptied = |number| self.rewritten.get(number).is_some_and(|rewriting| rewriting.text.is_empty());
        match added.is_empty() && gone.iter().all(emptied) {
            true => Ok(draft),
            false => Err(EditError::Forbidden),
        }
    }

    pub(super) fn edit(
        &mut self,
        effect: Effect,
        change: impl FnOnce(&Draft, &Value, &mut Changes) -> Result<(), EditError>,
    ) -> Result<Option<u32>, EditError> {
        self.edit_asked(self.asked.clone(), effect, change)
    }

    /// Splices changes behind what was rewritten, and returns the number of a segment that they add.
    pub(super) fn edit_asked(
        &mut self,
        asked: Asked,
        effect: Effect,
        change: impl FnOnce(&Draft, &Value, &mut Changes) -> Result<(), EditError>,
    ) -> Result<Option<u32>, EditError> {
        if self.edits >= EDITS_MAX {
            return Err(EditError::TooMany);
        }
        self.edits += 1;
        let current = if self.rewritten.is_empty() { self.clone() } else { self.with_rewritten()? };
        let document = Document::parse(current.call.source.clone()).map_err(|_| EditError::Forbidden)?;
        let mut changes = Changes::of(&current.call.source);
        change(&current, &document.root, &mut changes)?;
        if changes.is_empty() && asked == self.asked {
            return Ok(None);
        }
        let (next, added, gone) = Draft { edits: self.edits, ..current }.with(asked, &changes)?;
        let removed = if let Effect::Removes(segment) = effect { vec![segment] } else { Vec::new() };
        if gone != removed || added.len() != usize::from(effect == Effect::Adds) {
            return Err(EditError::Forbidden);
        }
        *self = next;
        Ok(added.first().copied())
    }

    /// The call read again with these changes: the numbers of its new segments, and of those that it has no more.
    fn with(&self, asked: Asked, changes: &Changes) -> Result<(Draft, Vec<u32>, Vec<u32>), EditError> {
        let source = changes.apply();
        if source.len() > self.source_bytes_max {
            return Err(EditError::TooMany);
        }
        let call = read_call(&asked, Bytes::from(source)).map_err(|_| EditError::Forbidden)?;
        let Renewed { segments, added, gone } = self.segments.renewed(&self.call, &call, &changes.moves());
        let draft = Draft {
            call: Arc::new(call),
            segments: Arc::new(segments),
            rewritten: Arc::default(),
            growth: 0,
            asked,
            ..*self
        };
        Ok((draft, added, gone))
    }
}
