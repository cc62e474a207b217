//! Makes mutants: bytes that nearly are what they were.

use rand::RngExt;
use rand::rngs::StdRng;
use serde::de::IgnoredAny;

/// What stands in for a JSON value, or anywhere else.
const WORDS: [&str; 30] = [
    "null",
    "true",
    "{}",
    "[]",
    "\"\"",
    "0",
    "-1",
    "1e999",
    "1e-999",
    "18446744073709551616",
    "4294967295",
    "0.5",
    "\"\\ud800\"",
    "\"\\u0000\"",
    "\"é😀\"",
    "[[[[[]]]]]",
    "{\"a\":{\"a\":1,\"b\":[2]}}",
    "\"type\":",
    "\"error\":{},",
    "data: ",
    "event: error\n",
    "\n\n",
    "\r\n",
    "\r",
    ": \n",
    "[DONE]",
    "<html>",
    ",",
    "{",
    "\"",
];

/// Longest piece that is moved or left out.
const PIECE_BYTES_MAX: usize = 200;

pub struct Mutator {
    corpus: Vec<Vec<u8>>,
}

impl Mutator {
    pub fn new(corpus: Vec<Vec<u8>>) -> Mutator {
        Mutator { corpus }
    }

    /// One to three changes. Half of them put one JSON value in the place of another, so that it is often the reader of a dialect that
    /// meets them, and not the parser in front of it.
    pub fn mutant(&self, bytes: &[u8], random: &mut StdRng) -> Vec<u8> {
        let mut mutant = bytes.to_vec();
        for _ in 0..random.random_range(1..4) {
            let word = WORDS[random.random_range(0..WORDS.len())].as_bytes();
            let (start, end) = piece(&mutant, random);
            match random.random_range(0..10) {
                0..4 => replace_value(&mut mutant, word, random),
                4 => {
                    let other = &self.corpus[random.random_range(0..self.corpus.len())];
                    let value = value(other, random).map_or(&b"1"[..], |(start, end)| &other[start..end]).to_vec();
                    replace_value(&mut mutant, &value, random);
                }
                5 => drop(mutant.splice(start..start, word.iter().copied())),
                6 => drop(mutant.drain(start..end)),
                7 => {
                    let copied = mutant[start..end].to_vec();
                    let at = random.random_range(0..=mutant.len());
                    drop(mutant.splice(at..at, copied));
                }
                8 if start < mutant.len() => mutant[start] = random.random(),
                _ => mutant.truncate(start),
            }
        }
        mutant
    }
}

fn piece(bytes: &[u8], random: &mut StdRng) -> (usize, usize) {
    let start = random.random_range(0..=bytes.len());
    (start, (start + random.random_range(0..PIECE_BYTES_MAX)).min(bytes.len()))
}

fn replace_value(bytes: &mut Vec<u8>, by: &[u8], random: &mut StdRng) {
    if let Some((start, end)) = value(bytes, random) {
        drop(bytes.splice(start..end, by.iter().copied()));
    }
}

/// Where some JSON value stands; none where the bytes have none.
fn value(bytes: &[u8], random: &mut StdRng) -> Option<(usize, usize)> {
    let from = random.random_range(0..=bytes.len());
    let begins = |byte: &u8| matches!(byte, b'{' | b'[' | b'"' | b't' | b'f' | b'n' | b'0'..=b'9');
    let start = from + bytes[from..].iter().position(begins)?;
    let mut values = serde_json::Deserializer::from_slice(&bytes[start..]).into_iter::<IgnoredAny>();
    values.next()?.ok()?;
    Some((start, start + values.byte_offset()))
}
