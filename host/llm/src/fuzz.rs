//! Hostile bytes for every reader: a committed corpus by name, and mutants of it.
//!
//! Each file of `corpus` is tried as it is, and in [`rounds`] mutants. A mutant is made from the file's name and the number of its
//! round alone, so that it is the same on every machine and whichever tests run; one that fails is printed, to become a file of its
//! own. `SLUICEGATE_FUZZ_ROUNDS=100000 cargo test -p sluicegate-llm fuzz` looks further than the few seconds of every day.
//!
//! A library for this was looked for: those that run on a stable compiler change single bytes, of which hardly any is JSON still.

mod answers;
mod calls;
mod frames;
mod json;
mod mutate;
mod streams;

use std::path::Path;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::answer::Event;
use crate::call::Operation;
use crate::dialect::{Asked, Dialect};
use crate::error::MESSAGE_BYTES_MAX;
use mutate::Mutator;

/// Mutants of each file.
fn rounds() -> u32 {
    std::env::var("SLUICEGATE_FUZZ_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(60)
}

/// One input under test, which is printed where its test panics.
struct Case<'a> {
    file: &'a str,
    round: u32,
    bytes: &'a [u8],
}

impl Drop for Case<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}, round {}: \"{}\"", self.file, self.round, self.bytes.escape_ascii());
        }
    }
}

/// Tries every file of a folder of the corpus and its mutants. The test gets the file's name, the bytes, and chance of its own.
fn fuzz(folder: &str, mut test: impl FnMut(&str, &[u8], &mut StdRng)) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(folder);
    let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    assert!(files.len() > 4, "{folder} has a corpus");
    let mutator = Mutator::new(files.iter().map(|(_, bytes)| bytes.clone()).collect());
    for (file, bytes) in &files {
        for round in 0..=rounds() {
            let seed = u64::from(crc32fast::hash(format!("{folder}/{file}").as_bytes())) << 32 | u64::from(round);
            let mut random = StdRng::seed_from_u64(seed);
            // Round 0 is the file itself.
            let mutant = if round == 0 { bytes.clone() } else { mutator.mutant(bytes, &mut random) };
            let case = Case { file, round, bytes: &mutant };
            test(file, case.bytes, &mut random);
        }
    }
}

/// The dialects with a folder each.
const DIALECTS: [(Dialect, &str); 5] = [
    (Dialect::OpenAi, "openai"),
    (Dialect::OpenAiResponses, "responses"),
    (Dialect::Anthropic, "anthropic"),
    (Dialect::Gemini, "gemini"),
    (Dialect::Bedrock, "bedrock"),
];

/// What a file of calls or answers is of, by its name.
fn operation(file: &str) -> Operation {
    match file.split('-').next() {
        Some("count") => Operation::CountTokens,
        Some("embeddings") => Operation::Embeddings,
        _ => Operation::Chat,
    }
}

/// As the endpoint of the dialect asks.
fn asked(dialect: Dialect, operation: Operation) -> Asked {
    let in_path = dialect == Dialect::Gemini;
    Asked {
        dialect,
        operation,
        model: in_path.then(|| "gemini-3".to_owned()),
        streamed: in_path.then_some(true),
        as_array: false,
    }
}

/// Cuts the bytes at up to seven places.
fn cut<'a>(bytes: &'a [u8], random: &mut StdRng) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = (0..random.random_range(1..8)).map(|_| random.random_range(0..=bytes.len())).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.windows(2).map(|ends| &bytes[ends[0]..ends[1]]).collect()
}

/// The order that [`Event`] promises. `done`: whether the reader said that the answer is whole.
fn assert_order(events: &[Event], read: bool) {
    let last = events.len().saturating_sub(1);
    let mut ended = Vec::new();
    for (place, event) in events.iter().enumerate() {
        match event {
            Event::Begin { .. } => assert_eq!(place, 0, "an answer begins once and first: {events:?}"),
            Event::Error(error) => {
                assert_eq!(place, last, "nothing follows an error: {events:?}");
                assert!(error.message.len() <= MESSAGE_BYTES_MAX);
            }
            Event::Done => assert_eq!(place, last, "nothing follows the end: {events:?}"),
            Event::Piece { choice, .. } => assert!(!ended.contains(choice), "a choice is over: {events:?}"),
            Event::End { choice, .. } => {
                assert!(!ended.contains(choice), "a choice ends once: {events:?}");
                ended.push(*choice);
            }
            Event::Usage(_) | Event::Vectors(_) | Event::Counted { .. } => {}
        }
    }
    let over = matches!(events.last(), Some(Event::Done | Event::Error(_)));
    assert!(over || !read, "an answer that was read is over: {events:?}");
}
