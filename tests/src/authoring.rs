//! A plugin's author at work: a crate as `sluicegate plugin new` writes it, and `sluicegate dev` on it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::command::{Said, interrupt};
use crate::gateway::binary;

/// A build on a busy machine takes long.
const BUILD_PATIENCE: Duration = Duration::from_secs(600);

/// A new crate in a folder of its own.
pub struct NewCrate {
    temp: TempDir,
    name: String,
}

impl NewCrate {
    /// Crates of one target folder must not share a name: cargo calls their components by it.
    pub fn write(name: &str, template: &str) -> NewCrate {
        let temp = tempfile::tempdir().expect("a folder for the crate");
        let said = authoring(temp.path(), &["plugin", "new", name, "--template", template]);
        assert_eq!(said.status, 0, "{}", said.stderr);
        NewCrate { temp, name: name.to_owned() }
    }

    pub fn folder(&self) -> PathBuf {
        self.temp.path().join(&self.name)
    }

    /// Runs `sluicegate` in it.
    pub fn say(&self, words: &[&str]) -> Said {
        authoring(&self.folder(), words)
    }

    pub fn cargo(&self, words: &[&str]) -> Said {
        cargo(&self.folder(), words)
    }

    /// Changes a text in one of its files, which must be there.
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.folder().join(file);
        let text = fs::read_to_string(&path).expect("a file of the crate");
        assert!(text.contains(from), "no {from:?} in {file}:\n{text}");
        fs::write(path, text.replace(from, to)).expect("a file of the crate");
    }
}

/// Runs `sluicegate` in a folder, as [`crate::sluicegate`] does, and without the network.
pub fn authoring(folder: &Path, words: &[&str]) -> Said {
    let mut command = Command::new(binary());
    command.args(words);
    said(prepared(&mut command, folder))
}

/// Runs cargo in a folder without the network.
pub fn cargo(folder: &Path, words: &[&str]) -> Said {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(words);
    said(prepared(&mut command, folder))
}

fn prepared<'a>(command: &'a mut Command, folder: &Path) -> &'a mut Command {
    // Where the build put what the bundled plugins are made of: most of it need not be compiled again.
    let target = binary().ancestors().nth(2).expect("TARGET/PROFILE/sluicegate").join("plugins");
    command
        .current_dir(folder)
        .stdin(Stdio::null())
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_NET_OFFLINE", "true")
        .env("CARGO_TERM_COLOR", "never")
        .env("COLUMNS", "100")
        .env_remove("SLUICEGATE_LOG")
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
}

fn said(command: &mut Command) -> Said {
    let output = command.output().expect("the command runs");
    Said {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A running `sluicegate dev`. Killed when dropped.
pub struct Dev {
    child: Child,
    lines: Receiver<String>,
    /// What it has written so far.
    written: Vec<String>,
}

impl Dev {
    /// On a free port, with further words.
    pub fn start(folder: &Path, words: &[&str]) -> Dev {
        let mut command = Command::new(binary());
        command.arg("dev").args(words);
        let command = prepared(&mut command, folder).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let pipe = child.stderr.take().expect("piped");
        let (sender, lines) = channel();
        thread::spawn(move || {
            BufReader::new(pipe).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Dev { child, lines, written: Vec::new() }
    }

    /// Waits for a line with `text` behind those that were waited for before.
    pub fn wait_for(&mut self, text: &str) -> String {
        loop {
            match self.lines.recv_timeout(BUILD_PATIENCE) {
                Ok(line) => {
                    self.written.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(error) => panic!("no line with {text:?} ({error}) in:\n{}", self.written.join("\n")),
            }
        }
    }

    /// Waits until it serves; where.
    pub fn wait_for_start(&mut self) -> String {
        let line = self.wait_for("runs as a plugin on http://");
        let address = line.split("http://").nth(1).and_then(|rest| rest.split([',', ' ']).next()).expect("an address");
        let address = format!("http://{address}");
        self.wait_for("Ctrl-C ends.");
        address
    }

    pub fn written(&self) -> String {
        self.written.join("\n")
    }

    /// Ends it by Ctrl-C's signal.
    pub fn stop(mut self) -> ExitStatus {
        interrupt(&mut self.child).unwrap_or_else(|| panic!("it does not end:\n{}", self.written()))
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
