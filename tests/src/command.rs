//! The command line, run to its end.

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::gateway::{PATIENCE, binary};

/// What a command said, and how it ended.
#[derive(Debug)]
pub struct Said {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Runs `sluicegate` with words in a folder.
pub fn sluicegate(folder: &Path, words: &[&str]) -> Said {
    let mut command = Command::new(binary());
    // A test says the same on a machine whose user has set these.
    command.args(words).current_dir(folder).stdin(Stdio::null()).env_remove("SLUICEGATE_LOG").env("COLUMNS", "100");
    let output = command.output().expect("the binary runs");
    Said {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A key as `sluicegate key new` makes it.
#[derive(Debug, Clone)]
pub struct Key {
    /// What a client presents.
    pub key: String,
    pub id: String,
    /// The table for the configuration.
    pub table: String,
}

pub fn new_key(consumer: &str, scopes: &[&str]) -> Key {
    let mut words = vec!["key", "new", "--consumer", consumer];
    words.extend(scopes.iter().flat_map(|scope| ["--scope", scope]));
    let said = sluicegate(Path::new("."), &words);
    assert_eq!(said.status, 0, "{}", said.stderr);
    let key = said.stderr.split_whitespace().find(|word| word.starts_with("sg_")).expect("a key").to_owned();
    let id = said.stdout.lines().find_map(|line| line.strip_prefix("id = ")).expect("an id");
    Key { key, id: id.trim_matches('"').to_owned(), table: said.stdout }
}

/// Ctrl-C's signal, and the end; none if it does not end in time.
pub(crate) fn interrupt(child: &mut Child) -> Option<ExitStatus> {
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-s", "INT", &id]).status().expect("kill is there").success());
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait().expect("a child") {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(5));
    }
    None
}
