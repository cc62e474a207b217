//! Changes of a source, and where what they leave alone stands afterwards.

use std::ops::Range;

use bytes::Bytes;

use crate::json::{Splice, Value};

/// Changes of one source. They must not overlap; several at one place stand in the order in which they came.
#[derive(Debug)]
pub struct Changes {
    source: Bytes,
    list: Vec<(Range<usize>, Vec<u8>)>,
}

/// Where values stand once the changes are made.
pub struct Moves {
    /// The ranges of the changes in order, and by how many bytes each has moved all that stands behind it.
    shifts: Vec<(Range<usize>, isize)>,
}

impl Changes {
    pub fn of(source: &Bytes) -> Changes {
        Changes { source: source.clone(), list: Vec::new() }
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// `json` takes the place of what stands at `span`.
    pub fn replace(&mut self, span: Range<usize>, json: impl Into<Vec<u8>>) {
        self.list.push((span, json.into()));
    }

    /// `json` comes in front of the byte at `at`.
    pub fn insert(&mut self, at: usize, json: impl Into<Vec<u8>>) {
        self.replace(at..at, json);
    }

    /// The value stays byte for byte, between these two.
    pub fn wrap(&mut self, value: &Range<usize>, before: &str, behind: &str) {
        self.insert(value.start, before);
        self.insert(value.end, behind);
    }

    /// Puts an item in front of the array's item number `at`, or behind all.
    pub fn insert_item(&mut self, array: &Value, at: usize, json: &str) {
        let items = array.as_array().unwrap_or_default();
        match (items.get(at), items.last()) {
            (Some(next), _) => self.insert(next.span.start, format!("{json},")),
            (None, Some(last)) => self.insert(last.span.end, format!(",{json}")),
            (None, None) => self.insert(array.span.start + 1, json),
        }
    }

    /// Takes neighbouring items out of an array, with one comma each.
    pub fn remove_items(&mut self, array: &Value, range: Range<usize>) {
        let items = array.as_array().unwrap_or_default();
        let Some(removed) = items.get(range.clone()) else { return };
        let (Some(first), Some(last)) = (removed.first(), removed.last()) else { return };
        let before = range.start.checked_sub(1).and_then(|at| items.get(at));
        let span = match (items.get(range.end), before) {
            (Some(next), _) => first.span.start..next.span.start,
            (None, Some(before)) => before.span.end..last.span.end,
            (None, None) => first.span.start..last.span.end,
        };
        self.replace(span, "");
    }

    /// Takes these members out of an object, those in front with the commas behind them and the others with the commas in front.
    pub fn remove_members(&mut self, object: &Value, removed: &[bool]) {
        let members = object.as_object().unwrap_or_default();
        let end = |at: usize| members.get(at).map(|(_, value)| value.span.end);
        let leading = removed.iter().take_while(|removed| **removed).count();
        if let Some(last) = leading.checked_sub(1).and_then(end) {
            let until = if leading < members.len() { self.behind_comma(last) } else { last };
            self.replace(object.span.start + 1..until, "");
        }
        for (at, _) in removed.iter().enumerate().skip(leading).filter(|(_, removed)| **removed) {
            if let (Some(before), Some(end)) = (at.checked_sub(1).and_then(end), end(at)) {
                self.replace(before..end, "");
            }
        }
    }

    /// Only white space is between a value and the comma behind it.
    fn behind_comma(&self, end: usize) -> usize {
        let rest = self.source.get(end..).unwrap_or_default();
        rest.iter().position(|byte| *byte == b',').map_or(end, |at| end + at + 1)
    }

    /// The source with the changes.
    pub fn apply(&self) -> Vec<u8> {
        let mut splice = Splice::new(&self.source);
        for (span, json) in &self.list {
            splice.replace(span.clone(), json.as_slice());
        }
        splice.apply()
    }

    pub fn moves(&self) -> Moves {
        let mut sorted: Vec<_> = self.list.iter().map(|(span, json)| (span.clone(), json.len())).collect();
        sorted.sort_by_key(|(span, _)| (span.start, span.end));
        let mut shift = 0;
        let shifts = sorted.into_iter().map(|(span, bytes)| {
            shift += bytes as isize - span.len() as isize;
            (span, shift)
        });
        Moves { shifts: shifts.collect() }
    }
}

impl Moves {
    /// Where the value at this span begins now; what took its place begins there too. None: it was taken out with what is around it.
    pub fn start_of(&self, span: &Range<usize>) -> Option<usize> {
        let in_front = self.shifts.partition_point(|(change, _)| change.end <= span.start);
        let covered = self.shifts.get(in_front).is_some_and(|(change, _)| change.start <= span.start && change != span);
        let shift = in_front.checked_sub(1).and_then(|last| self.shifts.get(last)).map_or(0, |(_, shift)| *shift);
        if covered { None } else { span.start.checked_add_signed(shift) }
    }
}
