//! Changes of single places of a JSON text; every other byte stays as it came.

use std::ops::Range;

use super::{Kind, Value};

/// Collects changes and applies them at once.
pub struct Splice<'a> {
    source: &'a [u8],
    /// In any order; they must not overlap.
    changes: Vec<(Range<usize>, Vec<u8>)>,
}

impl<'a> Splice<'a> {
    pub fn new(source: &'a [u8]) -> Splice<'a> {
        Splice { source, changes: Vec::new() }
    }

    /// `json` takes the place of what stands at `span`.
    pub fn replace(&mut self, span: Range<usize>, json: impl Into<Vec<u8>>) -> &mut Self {
        self.changes.push((span, json.into()));
        self
    }

    /// A string in quotes takes that place.
    pub fn replace_string(&mut self, span: Range<usize>, text: &str) -> &mut Self {
        self.replace(span, quoted(text))
    }

    /// Puts a member in front of the others. The object must not have one of this name.
    pub fn insert(&mut self, object: &Value, name: &str, json: &str) -> &mut Self {
        let Kind::Object(members) = &object.kind else { return self };
        let at = object.span.start + 1;
        let comma = if members.is_empty() { "" } else { "," };
        self.replace(at..at, format!("{}:{json}{comma}", quoted(name)))
    }

    /// The text with the changes. One that overlaps the one in front of it is left out.
    pub fn apply(mut self) -> Vec<u8> {
        self.changes.sort_by_key(|(span, _)| (span.start, span.end));
        let mut spliced = Vec::with_capacity(self.source.len() + 64);
        let mut at = 0;
        for (span, json) in &self.changes {
            let Some(between) = self.source.get(at..span.start) else { continue };
            spliced.extend_from_slice(between);
            spliced.extend_from_slice(json);
            at = span.end;
        }
        spliced.extend_from_slice(self.source.get(at..).unwrap_or_default());
        spliced
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
