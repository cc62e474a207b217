//! What the tests of all dialects do alike.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::ReadStream;
use crate::answer::{Answer, Event};
use crate::error::Broken;

/// Reads a stream that comes in these pieces, up to its end or to the first that is broken.
pub fn read_pieces(mut reader: impl ReadStream, pieces: &[&[u8]]) -> (Vec<Event>, Result<(), Broken>) {
    let mut events = Vec::new();
    for piece in pieces {
        if let Err(broken) = reader.push(piece, &mut events) {
            return (events, Err(broken));
        }
    }
    let end = reader.end(&mut events);
    (events, end)
}

/// What events add up to: neighbouring pieces put together.
pub fn sum(events: &[Event]) -> Answer {
    let mut answer = Answer::default();
    events.iter().for_each(|event| answer.take(event.clone()));
    answer
}

/// What a script says of these documents, one a line: its lines, and what it complained of.
pub fn python_says(script: &str, documents: &[Value]) -> (String, String) {
    let mut client = Command::new(python())
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines: String = documents.iter().map(|document| format!("{document}\n")).collect();
    // The script may end at the first line that is not valid.
    let _end = client.stdin.take().unwrap().write_all(lines.as_bytes());
    let output = client.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// One with the vendors' own packages.
fn python() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let made = test.ancestors().nth(3).unwrap().join("parts/python/bin/python");
    let python = std::env::var_os("SLUICEGATE_PYTHON").map_or(made, PathBuf::from);
    assert!(
        python.is_file(),
        "{} is missing: run `cargo xtask parts`, or set SLUICEGATE_PYTHON to a Python with the packages in xtask/parts/python.txt",
        python.display()
    );
    python
}
