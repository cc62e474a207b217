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
use crate::kind::{KINDS, Kind};
use crate::kinds::{card, email, iban, ip, pem, phone, secret};
use crate::pass::Pass;
use crate::state::State;
use crate::table::{BEGINS, Table, WORD};

/// Matches by kind.
pub type Counts = [u32; KINDS];

pub struct Redactor {
    pub table: Table,
    /// The bits of those that are looked for.
    pub kinds: u8,
    /// In lower case, the longest first.
    words: Vec<Vec<u8>>,
    pub masks: [String; KINDS],
}

/// What became of a piece, and what the next one begins with.
pub struct Step {
    pub piece: Piece,
    pub state: State,
    pub counts: Counts,
}

/// What begins at a place.
pub struct Match {
    pub kind: Kind,
    pub length: usize,
    /// Digits alone.
    pub plain: bool,
    /// The first line of a private key.
    pub key: bool,
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
        let mut pass = Pass::new(self, state, &bytes, end);
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

    /// What begins here, if the byte in front is `before`.
    pub fn find(&self, ahead: Ahead, before: u8) -> Result<Option<Match>, More> {
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
