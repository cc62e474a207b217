//! The call of a language model as the gateway has understood it, the same in each dialect.
//!
//! It can be changed in the phase `call`, and in `attempt` as the copy for the target that is tried; everywhere else a change is
//! `TooLate`. Before `call`, and where there is no call, [`operation`] is empty and there are no segments.

use std::fmt;
use std::ops::Range;

pub use super::backend::model_call::{
    dialect, has, insert, model, number, operation, place, read, remove, rewrite, role, set_model, set_number,
    set_word, streamed, text_bytes, tool, word,
};
pub use crate::bindings::base::sluicegate::plugin::model_call::Reading;
use crate::edits::EditError;

/// The segments of a role and a place with their texts, read in one call of the host.
///
/// Roles: `system`, `user`, `assistant`, `tool`, and empty for what nobody says. Places: `text`, `tool-definition`,
/// `tool-arguments`, `tool-result`, `end-user-id`. Here an empty role or place stands for any.
///
/// ```
/// # use sluicegate_plugin::{CallDecision, Plugin, Problems, Setup, labels, model_call, testing};
/// # struct LastWord;
/// # impl Plugin for LastWord {
/// #     type Config = ();
/// #     fn configure(_: (), _: &mut Setup) -> Result<LastWord, Problems> { Ok(LastWord) }
/// fn call(&self) -> CallDecision {
///     let said = model_call::segments("user", "text");
///     if let Some(last) = said.iter().next_back() {
///         labels::set("last", last.text());
///     }
///     CallDecision::Proceed
/// }
/// # }
/// # sluicegate_plugin::export!(LastWord: call);
/// # let policy = testing::configure::<LastWord>(serde_json::json!({})).unwrap();
/// # let call = testing::ModelCall::new("small").text("user", "Good morning.").text("user", "Are you there?");
/// # let mut exchange = testing::Exchange::model_call(call);
/// # policy.call(&mut exchange);
/// # assert_eq!(exchange.label("last"), Some("Are you there?"));
/// ```
pub fn segments(role: &str, place: &str) -> Segments {
    Segments { reading: read(role, place), role: role.to_owned(), place: place.to_owned() }
}

/// Rewrites each segment of a role and a place, empty standing for any, for which `change` has another text, and says how many
/// those were. It stops at the first that the host does not take; those before it stay rewritten.
///
/// ```
/// # use sluicegate_plugin::{CallDecision, Plugin, Problems, Rejection, Setup, model_call, testing};
/// # struct Quiet;
/// # impl Plugin for Quiet {
/// #     type Config = ();
/// #     fn configure(_: (), _: &mut Setup) -> Result<Quiet, Problems> { Ok(Quiet) }
/// fn call(&self) -> CallDecision {
///     let quieter = |text: &str| text.contains('!').then(|| text.replace('!', "."));
///     match model_call::rewrite_each("user", "text", |segment| quieter(segment.text())) {
///         Ok(_) => CallDecision::Proceed,
///         Err(error) => Rejection::new(400, "too_loud", error.to_string()).into(),
///     }
/// }
/// # }
/// # sluicegate_plugin::export!(Quiet: call);
/// # let policy = testing::configure::<Quiet>(serde_json::json!({})).unwrap();
/// # let call = testing::ModelCall::new("small").text("system", "Answer!").text("user", "Hello!").text("user", "Well.");
/// # let mut exchange = testing::Exchange::model_call(call);
/// # assert_eq!(policy.call(&mut exchange), CallDecision::Proceed);
/// # assert_eq!(exchange.call().texts("", ""), ["Answer!", "Hello.", "Well."]);
/// ```
pub fn rewrite_each(
    role: &str,
    place: &str,
    mut change: impl FnMut(&Segment) -> Option<String>,
) -> Result<u32, NotRewritten> {
    let mut rewritten = 0;
    for segment in &segments(role, place) {
        if let Some(text) = change(&segment) {
            segment.rewrite(&text).map_err(|error| NotRewritten { segment: segment.number, error })?;
            rewritten += 1;
        }
    }
    Ok(rewritten)
}

/// Segments as they were when they were read: what is rewritten afterwards does not show here.
#[derive(Debug, Clone)]
pub struct Segments {
    reading: Reading,
    role: String,
    place: String,
}

/// One text of the call. Its number stays the same for the whole exchange.
#[derive(Debug, Clone, Copy)]
pub struct Segment<'a> {
    number: u32,
    text: &'a str,
    of: &'a Segments,
}

/// A segment that the host has not rewritten.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NotRewritten {
    pub segment: u32,
    /// `Forbidden` for what a provider has signed, `InvalidValue` for arguments of a tool that are no JSON object.
    pub error: EditError,
}

impl Segments {
    /// All texts, one behind another without anything between them. A search for what lies within one text may look here first.
    pub fn text(&self) -> &str {
        &self.reading.text
    }

    pub fn is_empty(&self) -> bool {
        self.reading.segments.is_empty()
    }

    pub fn len(&self) -> usize {
        self.reading.segments.len()
    }

    /// In the order of the call.
    pub fn iter(&self) -> Iter<'_> {
        Iter { of: self, left: 0..self.len() }
    }

    fn at(&self, place: usize) -> Option<Segment<'_>> {
        let end = |place: usize| self.reading.ends.get(place).map(|end| *end as usize);
        let start = place.checked_sub(1).map_or(Some(0), end)?;
        Some(Segment {
            number: *self.reading.segments.get(place)?,
            text: self.reading.text.get(start..end(place)?)?,
            of: self,
        })
    }
}

/// Goes through [`Segments`], from either end.
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    of: &'a Segments,
    left: Range<usize>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        self.left.next().and_then(|place| self.of.at(place))
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.left.next_back().and_then(|place| self.of.at(place))
    }
}

impl<'a> Segment<'a> {
    pub fn number(&self) -> u32 {
        self.number
    }

    pub fn text(&self) -> &'a str {
        self.text
    }

    /// Asks the host only if the segments were read for any role.
    pub fn role(&self) -> String {
        known_or(&self.of.role, || role(self.number))
    }

    /// Asks the host only if the segments were read for any place.
    pub fn place(&self) -> String {
        known_or(&self.of.place, || place(self.number))
    }

    /// The tool that it speaks of.
    pub fn tool(&self) -> Option<String> {
        tool(self.number)
    }

    /// Puts other text in its place; everything around it stays byte for byte.
    pub fn rewrite(&self, text: &str) -> Result<(), EditError> {
        rewrite(self.number, text)
    }

    /// Takes it out of the call.
    pub fn remove(&self) -> Result<(), EditError> {
        remove(self.number)
    }
}

fn known_or(asked: &str, ask: impl FnOnce() -> Option<String>) -> String {
    match asked {
        "" => ask().unwrap_or_default(),
        known => known.to_owned(),
    }
}

impl<'a> IntoIterator for &'a Segments {
    type Item = Segment<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl fmt::Display for NotRewritten {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.error {
            EditError::Forbidden => "a provider has signed it",
            EditError::InvalidValue => "the new text is no JSON object, which arguments of a tool must be",
            EditError::TooLate => "the call has been sent, or is not there yet",
            EditError::TooMany => "the call would become too large",
            EditError::InvalidName => "it is no part of the call any more",
        };
        write!(formatter, "segment {} cannot be rewritten: {why}", self.segment)
    }
}

impl std::error::Error for NotRewritten {}
