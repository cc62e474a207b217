//! `sluicegate demo` as a person uses it: what it prints is pasted into a shell.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::command::{Said, interrupt};
use crate::gateway::{PATIENCE, binary};

/// The last line of what it prints: from then on it serves.
const LAST_LINE: &str = "Ctrl-C drains and ends.";

/// A running demo. Killed when dropped.
pub struct Demo {
    child: Child,
    folder: TempDir,
    printed: Vec<String>,
}

impl Demo {
    /// `sluicegate demo` on a free port, in a folder of its own.
    pub fn start() -> Demo {
        let mut command = Command::new(binary());
        command.args(["demo", "--port", "0"]);
        Demo::run(command, None)
    }

    /// Any command that becomes the demo; in `place`, or in a folder of its own.
    pub fn run(mut command: Command, place: Option<&Path>) -> Demo {
        let folder = tempfile::tempdir().expect("a folder for the demo");
        command.current_dir(place.unwrap_or(folder.path())).env_remove("SLUICEGATE_LOG");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the demo is started");
        let (sender, lines) = channel();
        let pipe = child.stdout.take().expect("piped");
        thread::spawn(move || {
            BufReader::new(pipe).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let mut demo = Demo { child, folder, printed: Vec::new() };
        demo.read(&lines);
        demo
    }

    fn read(&mut self, lines: &Receiver<String>) {
        // What builds first may take long.
        let started = Instant::now();
        while self.printed.last().is_none_or(|line| line != LAST_LINE) {
            match lines.recv_timeout(Duration::from_secs(1200)) {
                Ok(line) => self.printed.push(line),
                Err(_) => panic!("it ended after {:?} and printed:\n{}", started.elapsed(), self.printed.join("\n")),
            }
        }
    }

    pub fn printed(&self) -> String {
        self.printed.join("\n")
    }

    /// The lines that set a client's environment.
    pub fn exports(&self) -> String {
        self.printed.iter().filter(|line| line.starts_with("export ")).map(|line| format!("{line}\n")).collect()
    }

    /// What one of these lines sets.
    pub fn variable(&self, name: &str) -> String {
        let prefix = format!("export {name}=");
        let value = self.printed.iter().find_map(|line| line.strip_prefix(&prefix));
        value.unwrap_or_else(|| panic!("{name} is not in:\n{}", self.printed())).to_owned()
    }

    /// The command below the comment that begins so.
    pub fn command(&self, comment: &str) -> &str {
        let at = self.printed.iter().position(|line| line.starts_with(&format!("# {comment}")));
        let below = at.and_then(|at| self.printed.get(at + 1));
        below.unwrap_or_else(|| panic!("no comment `# {comment}` in:\n{}", self.printed()))
    }

    /// Pastes lines into a new shell in which the printed environment is set.
    pub fn paste(&self, lines: &str) -> Said {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("{}{lines}", self.exports())).current_dir(self.folder.path()).stdin(Stdio::null());
        let output = shell.output().expect("a shell");
        Said {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Waits until its access log has `count` lines.
    pub fn wait_for_log(&self, count: usize) -> Vec<Value> {
        let started = Instant::now();
        loop {
            let text = fs::read_to_string(self.folder().join(".sluicegate/demo/access.log")).unwrap_or_default();
            let lines: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
            if lines.len() >= count {
                return lines;
            }
            assert!(started.elapsed() < PATIENCE, "{} lines in the access log instead of {count}", lines.len());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ctrl-C, and the end.
    pub fn interrupt(mut self) -> ExitStatus {
        interrupt(&mut self.child).expect("the demo ends")
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
