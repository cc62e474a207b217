//! What each byte can mean, as one table that `configure` leaves in the image.

use crate::anchors::Anchors;
use crate::kind::Kind;
use crate::kinds::{card, email, ip, secret};

/// Each kind has such bytes: at least one of them stands in each match, with only [`RUN`] bytes in front of it. A backslash is one,
/// too.
pub const ANCHOR: u8 = 1;
/// May stand in front of a match's first anchor. Whether a match can begin may depend on such a byte in front of it.
pub const RUN: u8 = 2;
/// A kind other than a word can begin so.
pub const BEGINS: u8 = 4;
/// A word begins so.
pub const WORD: u8 = 8;
/// An anchor of a word.
pub const WORD_ANCHOR: u8 = 16;

/// Letters of English text, the rarest first.
const RARE_LETTERS: &[u8] = b"zqxjkvbpygfwmuclrdhsnioate";

pub struct Table {
    classes: [u8; 256],
    pub anchors: Anchors,
}

impl Table {
    /// `words` are in lower case.
    pub fn new(kinds: u8, words: &[Vec<u8>]) -> Table {
        let mut table = Table { classes: [0; 256], anchors: Anchors::default() };
        let looks_for = |kind: Kind| kinds & kind.bit() != 0;
        let digits = [Kind::Card, Kind::Iban, Kind::Phone, Kind::Ip].into_iter().any(looks_for);
        for byte in 0..=u8::MAX {
            let anchor = byte == b'\\'
                || looks_for(Kind::Email) && byte == b'@'
                || looks_for(Kind::Secret) && secret::ANCHORS.contains(&byte)
                || looks_for(Kind::Ip) && byte == b':'
                || digits && byte.is_ascii_digit();
            let begins = looks_for(Kind::Email) && email::is_local(byte)
                || looks_for(Kind::Secret) && (secret::begins(byte) || byte == b'-')
                || looks_for(Kind::Iban) && byte.is_ascii_uppercase()
                || looks_for(Kind::Phone) && byte == b'+'
                || looks_for(Kind::Card) && card::begins(byte)
                || looks_for(Kind::Ip) && ip::begins(byte);
            for (class, has) in [(ANCHOR, anchor), (RUN, email::is_local(byte)), (BEGINS, begins)] {
                table.set(byte, if has { class } else { 0 });
            }
        }
        for word in words {
            for (byte, class) in word
                .first()
                .map(|byte| (*byte, WORD))
                .into_iter()
                .chain(anchor(word).map(|byte| (byte, ANCHOR | WORD_ANCHOR)))
            {
                table.set(byte.to_ascii_lowercase(), class);
                table.set(byte.to_ascii_uppercase(), class);
            }
        }
        for byte in 0..=u8::MAX {
            if table.class(byte) & ANCHOR != 0 {
                table.anchors.add(byte);
            }
        }
        table
    }

    fn set(&mut self, byte: u8, class: u8) {
        self.classes[usize::from(byte)] |= class;
    }

    #[inline]
    pub fn class(&self, byte: u8) -> u8 {
        self.classes[usize::from(byte)]
    }

    /// Where the run in front of a place begins, not in front of `least`.
    pub fn run_start(&self, bytes: &[u8], least: usize, place: usize) -> usize {
        let front = bytes.get(least..place).unwrap_or_default();
        place - front.iter().rev().take_while(|byte| self.class(**byte) & RUN != 0).count()
    }
}

/// The rarest byte of a word that has only [`RUN`] bytes in front of it.
fn anchor(word: &[u8]) -> Option<u8> {
    let run = word.iter().take_while(|byte| email::is_local(**byte)).count();
    let rank = |byte: &u8| RARE_LETTERS.iter().position(|letter| letter == byte);
    let first = word.iter().take(run + 1).copied();
    first.min_by_key(|byte| rank(byte).unwrap_or(if *byte == b' ' { RARE_LETTERS.len() } else { 3 }))
}
