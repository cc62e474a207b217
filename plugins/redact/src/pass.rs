//! One pass over the bytes at hand, from anchor to anchor.

use crate::ahead::{Ahead, More};
use crate::anchors::Walk;
use crate::glance;
use crate::kind::{KINDS, Kind};
use crate::kinds::{escape, pem};
use crate::media::Media;
use crate::redactor::{Counts, Match, Redactor};
use crate::state::State;
use crate::table::{RUN, WORD_ANCHOR};

/// Stands for a card that is a number of JSON, where no text can stand.
const NUMBER_MASK: &str = "0";

/// One way over the bytes at hand.
pub struct Pass<'a> {
    redactor: &'a Redactor,
    state: &'a State,
    bytes: &'a [u8],
    end: bool,
    /// Nothing begins in front of it that has not been found.
    place: usize,
    /// All anchors in front of it have been looked at.
    ahead: usize,
    walk: Walk,
    /// A place behind an escape or a key, where a match may begin whatever the last byte in front is.
    apart: Option<usize>,
    key_left: u16,
    pub output: Vec<u8>,
    /// So many bytes are in the output, or left out of it.
    pub done: usize,
    pub counts: Counts,
}

/// Bytes from this place on wait for the next piece.
struct Held(usize);

impl<'a> Pass<'a> {
    pub fn new(redactor: &'a Redactor, state: &'a State, bytes: &'a [u8], end: bool) -> Pass<'a> {
        Pass {
            redactor,
            state,
            bytes,
            end,
            place: 0,
            ahead: 0,
            walk: Walk::default(),
            apart: None,
            key_left: state.key_left,
            output: Vec::new(),
            done: 0,
            counts: [0; KINDS],
        }
    }

    /// From where on bytes are held back.
    pub fn run(&mut self) -> usize {
        match self.all() {
            Ok(()) => self.bytes.len(),
            Err(Held(from)) => from,
        }
    }

    fn all(&mut self) -> Result<(), Held> {
        if self.key_left > 0 {
            self.leave_key_out()?;
        }
        loop {
            let table = &self.redactor.table;
            let anchor = self.walk.next(&table.anchors, self.bytes, self.ahead);
            let Some(byte) = self.bytes.get(anchor) else { return self.finish() };
            if *byte == b'\\' {
                self.go_behind_escape(anchor)?;
            } else if table.class(*byte) & WORD_ANCHOR == 0
                && let Some(ahead) = glance::pass_over(self.bytes, anchor, self.before(anchor))
            {
                self.ahead = ahead;
            } else {
                self.search(anchor)?;
            }
        }
    }

    /// Behind the last anchor, only what more bytes complete can be found.
    fn finish(&mut self) -> Result<(), Held> {
        let end = self.bytes.len();
        while !self.end && self.place < end {
            self.search(end)?;
        }
        Ok(())
    }

    /// Nothing reaches over a backslash, so what stands in front of it is decided.
    fn go_behind_escape(&mut self, place: usize) -> Result<(), Held> {
        let rest = self.bytes.get(place..).unwrap_or_default();
        let length = escape::length(Ahead::new(rest, self.end)).map_err(|More| Held(place))?;
        self.go_to(place + length);
        if length > 1 {
            self.apart = Some(self.place);
        }
        Ok(())
    }

    /// Looks for a match that begins in the run in front of an anchor or at it, and goes behind the first one, or else behind the
    /// anchor.
    fn search(&mut self, anchor: usize) -> Result<(), Held> {
        let first = self.redactor.table.run_start(self.bytes, self.place, anchor);
        for place in first..self.bytes.len().min(anchor + 1) {
            let ahead = Ahead::new(self.bytes.get(place..).unwrap_or_default(), self.end);
            if let Some(found) = self.redactor.find(ahead, self.before(place)).map_err(|More| Held(place))? {
                return self.replace(place, &found);
            }
        }
        self.go_to(anchor + 1);
        Ok(())
    }

    fn go_to(&mut self, place: usize) {
        (self.place, self.ahead) = (place, place);
    }

    fn replace(&mut self, place: usize, found: &Match) -> Result<(), Held> {
        let behind = place + found.length;
        let is_number = found.plain && self.state.media == Media::Json && self.value_may_begin(place) && {
            let next = self.bytes.get(behind);
            next.is_none_or(|next| matches!(next, b',' | b']' | b'}' | b' ' | b'\t' | b'\r' | b'\n'))
        };
        let mask = if is_number { NUMBER_MASK } else { &self.redactor.masks[found.kind as usize] };
        self.output.extend_from_slice(self.bytes.get(self.done..place).unwrap_or_default());
        self.output.extend_from_slice(mask.as_bytes());
        self.counts[found.kind as usize] += 1;
        self.done = behind;
        self.go_to(behind);
        if found.key {
            self.key_left = pem::BYTES_MAX;
            self.leave_key_out()?;
        }
        Ok(())
    }

    fn leave_key_out(&mut self) -> Result<(), Held> {
        match pem::rest(self.bytes.get(self.place..).unwrap_or_default(), self.key_left, self.end) {
            pem::Rest::Over(length) => {
                self.go_to(self.place + length);
                (self.done, self.key_left, self.apart) = (self.place, 0, Some(self.place));
                Ok(())
            }
            pem::Rest::On(length) => {
                self.go_to(self.place + length);
                self.done = self.place;
                self.key_left -= length as u16;
                Err(Held(self.place))
            }
        }
    }

    /// The byte in front of a place, or 0 if it does not matter.
    fn before(&self, place: usize) -> u8 {
        if self.apart == Some(place) {
            return 0;
        }
        match place.checked_sub(1) {
            None => self.state.before,
            Some(front) => self.bytes.get(front).copied().unwrap_or(0),
        }
    }

    /// Whether a number of JSON could stand at a place, by what is in front of it: a sign of JSON's structure, or a new line.
    fn value_may_begin(&self, place: usize) -> bool {
        let front = self.bytes.get(..place).unwrap_or_default();
        match front.iter().rev().find(|byte| !matches!(byte, b' ' | b'\t')) {
            None => !self.state.in_text,
            Some(last) => matches!(last, b':' | b',' | b'[' | b']' | b'{' | b'}' | b'-' | b'\r' | b'\n'),
        }
    }

    /// What the next piece has to know if bytes are held back from this place on.
    pub fn next_state(&self, held_from: usize) -> State {
        let before = self.before(held_from);
        let matters = self.redactor.kinds != Kind::Word.bit() && self.redactor.table.class(before) & RUN != 0;
        let numbers = self.state.media == Media::Json && self.redactor.looks_for(Kind::Card);
        State {
            media: self.state.media,
            before: if matters { before } else { 0 },
            in_text: numbers && !self.value_may_begin(held_from),
            key_left: self.key_left,
            held: self.bytes.get(held_from..).unwrap_or_default().to_vec(),
        }
    }
}
