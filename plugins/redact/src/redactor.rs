//! Finds what is looked for in the pieces of a body, in one pass over the bytes, and puts masks in its place.
//!
//! From the first byte to the last, each place is asked in turn whether a match begins there, and the first kind that has one takes
//! it. The answer depends on the byte in front, on a bounded number of bytes behind and on nothing else: where those have not come
//! yet, the bytes from that place on are held back. So it does not matter how a body is cut.
//!
//! That most places need not be asked is the table's doing: each match holds an anchor, and only the run of letters, digits and
//! some signs in front of an anchor can be its beginning.

use sluicegate_plugin::Piece;

use crate::ahead::{Ahead, More};
use crate::glance;
use crate::kind::{KINDS, Kind};
use crate::kinds::{card, email, escape, iban, ip, pem, phone, secret};
use crate::media::Media;
use crate::state::State;
use crate::table::{BEGINS, RUN, Table, WORD, WORD_ANCHOR};

/// Matches by kind.
pub type Counts = [u32; KINDS];

/// Stands for a card that is a number of JSON, where no text can stand.
const NUMBER_MASK: &str = "0";

pub struct Redactor {
    table: Table,
    /// The bits of those that are looked for.
    kinds: u8,
    /// In lower case, the longest first.
    words: Vec<Vec<u8>>,
    masks: [String; KINDS],
}

/// What became of a piece, and what the next one begins with.
pub struct Step {
    pub piece: Piece,
    pub state: State,
    pub counts: Counts,
}

/// What begins at a place.
struct Match {
    kind: Kind,
    length: usize,
    /// Digits alone.
    plain: bool,
    /// The first line of a private key.
    key: bool,
}

impl Redactor {
    /// `words` are in lower case, the longest first; none is empty.
    pub fn new(mut kinds: u8, words: Vec<Vec<u8>>, masks: [String; KINDS]) -> Redactor {
        if !words.is_empty() {
            kinds |= Kind::Word.bit();
        }
        Redactor { table: Table::new(kinds, &words), kinds, words, masks }
    }

    pub fn looks_for(&self, kind: Kind) -> bool {
        self.kinds & kind.bit() != 0
    }

    pub fn piece(&self, state: &State, piece: Vec<u8>, end: bool) -> Step {
        let bytes = if state.held.is_empty() { piece } else { [state.held.as_slice(), &piece].concat() };
        let mut pass = Pass {
            redactor: self,
            state,
            bytes: &bytes,
            end,
            place: 0,
            ahead: 0,
            apart: None,
            key_left: state.key_left,
            output: Vec::new(),
            done: 0,
            counts: [0; KINDS],
        };
        let held_from = pass.run();
        let next = pass.next_state(held_from);
        let Pass { mut output, done, counts, .. } = pass;
        let piece = if done == 0 && held_from == bytes.len() && state.held.is_empty() {
            Piece::Pass
        } else if done == 0 {
            let mut bytes = bytes;
            bytes.truncate(held_from);
            Piece::Replace(bytes)
        } else {
            output.extend_from_slice(bytes.get(done..held_from).unwrap_or_default());
            Piece::Replace(output)
        };
        Step { piece, state: next, counts }
    }

    fn find(&self, ahead: Ahead, before: u8) -> Result<Option<Match>, More> {
        let first = ahead.at(0)?;
        let class = self.table.class(first);
        let of = |kind, length| Match { kind, length, plain: false, key: false };
        if class & BEGINS != 0 && !before.is_ascii_alphanumeric() {
            if self.looks_for(Kind::Email)
                && email::is_local(first)
                && let Some(length) = email::find(ahead, before)?
            {
                return Ok(Some(of(Kind::Email, length)));
            }
            if self.looks_for(Kind::Secret) {
                if first == b'-'
                    && let Some(length) = pem::find(ahead, before)?
                {
                    return Ok(Some(Match { key: true, ..of(Kind::Secret, length) }));
                }
                if secret::begins(first)
                    && let Some(length) = secret::find(ahead, before)?
                {
                    return Ok(Some(of(Kind::Secret, length)));
                }
            }
            if self.looks_for(Kind::Iban)
                && first.is_ascii_uppercase()
                && let Some(length) = iban::find(ahead, before)?
            {
                return Ok(Some(of(Kind::Iban, length)));
            }
            if self.looks_for(Kind::Phone)
                && first == b'+'
                && let Some(length) = phone::find(ahead, before)?
            {
                return Ok(Some(of(Kind::Phone, length)));
            }
            if self.looks_for(Kind::Card)
                && card::begins(first)
                && let Some(card) = card::find(ahead, before)?
            {
                return Ok(Some(Match { plain: card.plain, ..of(Kind::Card, card.length) }));
            }
            if self.looks_for(Kind::Ip)
                && ip::begins(first)
                && let Some(length) = ip::find(ahead, before)?
            {
                return Ok(Some(of(Kind::Ip, length)));
            }
        }
        if class & WORD != 0 {
            for word in &self.words {
                if ahead.has_in_any_case(word)? {
                    return Ok(Some(of(Kind::Word, word.len())));
                }
            }
        }
        Ok(None)
    }
}

/// One way over the bytes at hand.
struct Pass<'a> {
    redactor: &'a Redactor,
    state: &'a State,
    bytes: &'a [u8],
    end: bool,
    /// Nothing begins in front of it that has not been found.
    place: usize,
    /// All anchors in front of it have been looked at.
    ahead: usize,
    /// A place behind an escape or a key, where a match may begin whatever the last byte in front is.
    apart: Option<usize>,
    key_left: u16,
    output: Vec<u8>,
    /// So many bytes are in the output, or left out of it.
    done: usize,
    counts: Counts,
}

/// Bytes from this place on wait for the next piece.
struct Held(usize);

impl Pass<'_> {
    /// From where on bytes are held back.
    fn run(&mut self) -> usize {
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
            let anchor = table.next_anchor(self.bytes, self.ahead);
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

    fn next_state(&self, held_from: usize) -> State {
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
