//! Hostile bytes for every reader: a committed corpus by name, and mutants of it.
//!
//! Each file of `corpus` is tried as it is, and in [`rounds`] mutants. A mutant is made from the file's name and the number of its
//! round alone, so that it is the same on every machine and whichever tests run; one that fails is printed, to become a file of its
//! own. `SLUICEGATE_FUZZ_ROUNDS=100000 cargo test -p sluicegate-framing fuzz` looks further than the few seconds of every day.

mod mutate;
mod paths;
mod proxy_headers;
mod reference;
mod requests;

use std::path::Path;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Mutants of each file.
fn rounds() -> u32 {
    std::env::var("SLUICEGATE_FUZZ_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(300)
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
    for (file, bytes) in &files {
        for round in 0..=rounds() {
            let seed = u64::from(crc32fast::hash(format!("{folder}/{file}").as_bytes())) << 32 | u64::from(round);
            let mut random = StdRng::seed_from_u64(seed);
            // Round 0 is the file itself.
            let mutant = if round == 0 { bytes.clone() } else { mutate::mutant(bytes, &files, &mut random) };
            let case = Case { file, round, bytes: &mutant };
            test(file, case.bytes, &mut random);
        }
    }
}

/// Cuts the bytes at up to seven places.
fn cut<'a>(bytes: &'a [u8], random: &mut StdRng) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = (0..random.random_range(1..8)).map(|_| random.random_range(0..=bytes.len())).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.windows(2).map(|ends| &bytes[ends[0]..ends[1]]).collect()
}
