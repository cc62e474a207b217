//! What was seen of every exchange, and its comparison with the access log.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use serde_json::Value;

use super::config::State;

/// Sentences that are kept of what went wrong; the rest is counted.
const SENTENCES_MAX: usize = 5;

/// Shared by all clients of a run.
#[derive(Default)]
pub struct Book {
    next: AtomicU64,
    seen: Mutex<HashMap<u64, State>>,
    /// The configurations, in the order in which they were made.
    made: Mutex<Vec<State>>,
    wrong: Mutex<Wrong>,
    /// Of each whole stream: the swaps that happened while it was open.
    stream_swaps: Mutex<Vec<u64>>,
}

#[derive(Default)]
struct Wrong {
    count: u64,
    sentences: Vec<String>,
}

/// A run in figures.
#[derive(Debug, Default)]
pub struct Verdict {
    pub exchanges: u64,
    pub streams: u64,
    /// Generations that served an exchange.
    pub generations: usize,
    /// Failed requests, holes, marks of two configurations, and whatever the log says otherwise.
    pub wrong: u64,
    /// Some of them, in words.
    pub sentences: Vec<String>,
    /// The fewest swaps that a whole stream outlived.
    pub stream_swaps_min: Option<u64>,
}

impl Book {
    /// A number for one exchange, and the `x-request-id` of it.
    pub fn number(&self) -> (u64, String) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        (number, format!("soak-{number}"))
    }

    /// An exchange that came to its end in good order, with what its marks say.
    pub fn saw(&self, number: u64, state: State) {
        lock(&self.seen).insert(number, state);
    }

    pub fn went_wrong(&self, sentence: String) {
        let mut wrong = lock(&self.wrong);
        wrong.count += 1;
        if wrong.sentences.len() < SENTENCES_MAX {
            eprintln!("WRONG: {sentence}");
            wrong.sentences.push(sentence);
        }
    }

    /// A configuration that is about to be made.
    pub fn makes(&self, state: State) {
        lock(&self.made).push(state);
    }

    /// A whole stream that was open while so many swaps happened.
    pub fn stream_outlived(&self, swaps: u64) {
        lock(&self.stream_swaps).push(swaps);
    }

    pub fn exchanges(&self) -> u64 {
        lock(&self.seen).len() as u64
    }

    /// What was seen, in the order in which it was asked for.
    pub fn states(&self) -> Vec<State> {
        let mut seen: Vec<(u64, State)> = lock(&self.seen).iter().map(|(number, state)| (*number, *state)).collect();
        seen.sort_by_key(|(number, _)| *number);
        seen.into_iter().map(|(_, state)| state).collect()
    }

    /// Compares with the access log, in which everything stands by now.
    pub fn close(&self, access_log: &Path) -> std::io::Result<Verdict> {
        let mut open = lock(&self.seen).clone();
        let exchanges = open.len() as u64;
        let mut generations = BTreeMap::new();
        for line in BufReader::new(File::open(access_log)?).lines() {
            let line: Value = serde_json::from_str(&line?).map_err(std::io::Error::other)?;
            if let Err(sentence) = compare(&line, &mut open, &mut generations) {
                self.went_wrong(format!("{sentence}: {line}"));
            }
        }
        for number in open.keys() {
            self.went_wrong(format!("exchange {number} is not in the access log"));
        }
        self.check_order(&generations);
        let streams = lock(&self.stream_swaps).clone();
        let wrong = lock(&self.wrong);
        Ok(Verdict {
            exchanges,
            streams: streams.len() as u64,
            generations: generations.len(),
            wrong: wrong.count,
            sentences: wrong.sentences.clone(),
            stream_swaps_min: streams.into_iter().min(),
        })
    }

    /// Generations must have the configurations that were made, in the order in which they were. Two may have the same one:
    /// a signal to read the files again comes after they have been seen.
    fn check_order(&self, generations: &BTreeMap<u64, State>) {
        let made = lock(&self.made).clone();
        let mut rest = &made[..];
        for (generation, state) in generations {
            match rest.iter().position(|made| made == state) {
                Some(at) => rest = &rest[at..],
                None => self.went_wrong(format!("generation {generation} has {state:?}, not made or not then")),
            }
        }
    }
}

/// Takes the exchange of one line from those that are open. The first of a generation says what all of it must be.
fn compare(line: &Value, open: &mut HashMap<u64, State>, generations: &mut BTreeMap<u64, State>) -> Result<(), String> {
    let number = line["request_id"].as_str().and_then(|id| id.strip_prefix("soak-")).and_then(|id| id.parse().ok());
    let number: u64 = number.ok_or("a line of nobody's request")?;
    if line["outcome"] != "complete" || line["status"] != 200 {
        return Err("a line of a request that failed".to_owned());
    }
    let seen = open.remove(&number).ok_or("a line of what no client saw to its end, or a second line")?;
    let generation = line["generation"].as_u64().ok_or("a line without generation")?;
    let state = *generations.entry(generation).or_insert(seen);
    if seen != state {
        return Err(format!("the marks are {seen:?}, those of generation {generation} {state:?}"));
    }
    match line["route"] == seen.route() {
        true => Ok(()),
        false => Err(format!("the marks are those of route `{}`", seen.route())),
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().expect("no panic here")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What is wrong with two exchanges, of the first configuration and of the second, and these lines.
    fn wrong_with(lines: &[Value]) -> Vec<String> {
        let book = Book::default();
        let folder = tempfile::tempdir().unwrap();
        for version in [1, 2] {
            let state = State { version, ..State::default() };
            book.makes(state);
            let (number, _) = book.number();
            book.saw(number, state);
        }
        let log = folder.path().join("access.log");
        std::fs::write(&log, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
        book.close(&log).unwrap().sentences
    }

    fn line(id: &str, generation: u64) -> Value {
        json!({
            "request_id": id, "outcome": "complete", "status": 200, "generation": generation, "route": "all",
        })
    }

    #[test]
    fn an_exchange_must_stand_in_the_log_as_it_was_seen() {
        let second = line("soak-1", 2);
        assert_eq!(wrong_with(&[line("soak-0", 1), second.clone()]), Vec::<String>::new());
        for (member, value) in [
            ("request_id", json!("other")),
            ("request_id", json!("soak-2")),
            ("request_id", json!("soak-1")),
            ("outcome", json!("upstream_cut")),
            ("status", json!(502)),
            ("generation", json!(2)),
            ("route", json!("moved")),
        ] {
            let mut line = line("soak-0", 1);
            line[member] = value;
            assert!(!wrong_with(&[line, second.clone()]).is_empty(), "{member}");
        }
    }

    #[test]
    fn generations_must_come_in_the_order_of_their_configurations() {
        assert!(!wrong_with(&[line("soak-0", 2), line("soak-1", 1)]).is_empty());
    }
}
