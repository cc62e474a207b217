//! The real binary: started on a configuration, ended by its id, its log read line by line.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// No condition in a test takes longer, however slow the machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// `sluicegate`, as the build put it beside the tests and the programs.
pub fn binary() -> PathBuf {
    let program = std::env::current_exe().expect("a program has a path");
    let folders = program.ancestors().skip(1);
    // Tests lie in TARGET/PROFILE/deps, programs in TARGET/PROFILE.
    let folder = folders.into_iter().find(|folder| !folder.ends_with("deps")).expect("a folder of cargo's");
    let binary = folder.join("sluicegate");
    assert!(
        binary.is_file(),
        "{} is missing: run `cargo build --workspace` first, or `cargo xtask test`",
        binary.display()
    );
    binary
}

/// A running gateway. Killed when dropped.
pub struct Gateway {
    child: Child,
    folder: TempDir,
    addresses: Vec<SocketAddr>,
    admin: Option<String>,
    stderr: Arc<Lines>,
    /// Its end was waited for.
    ended: bool,
}

#[derive(Default)]
struct Lines {
    lines: Mutex<Vec<String>>,
    changed: Condvar,
}

impl Gateway {
    /// Starts on `config`, which stands for the whole file but for what every test wants: an address, and the log's file.
    /// `files` are written beside it.
    pub fn start(config: &str, files: &[(&str, &[u8])]) -> Gateway {
        Gateway::try_start(config, files, &[]).unwrap_or_else(|said| panic!("the gateway did not start:\n{said}"))
    }

    /// The error: everything that it wrote before it ended.
    pub fn try_start(config: &str, files: &[(&str, &[u8])], environment: &[(&str, &str)]) -> Result<Gateway, String> {
        let folder = tempfile::tempdir().expect("a folder for the test");
        for (name, bytes) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("inside the folder")).expect("the file's folder");
            fs::write(path, bytes).expect("a file of the test");
        }
        let head = if config.contains("access_log") { "" } else { "access_log = \"file:access.log\"\n" };
        let listen = "\n[[listen]]\naddress = \"127.0.0.1:0\"\n";
        let whole =
            if config.contains("[[listen]]") { format!("{head}{config}") } else { format!("{head}{config}{listen}") };
        fs::write(folder.path().join("sluicegate.toml"), whole).expect("the configuration");
        let mut child = Command::new(binary())
            .args(["run", "-c", "sluicegate.toml"])
            .current_dir(folder.path())
            .env_remove("SLUICEGATE_LOG")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let stderr = Arc::new(Lines::default());
        let pipe = child.stderr.take().expect("piped");
        let reader = stderr.clone();
        thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                reader.lines.lock().expect("no panic here").push(line);
                reader.changed.notify_all();
            }
            // The end is a line, too: whoever waits must look again.
            reader.lines.lock().expect("no panic here").push(String::new());
            reader.changed.notify_all();
        });
        let mut gateway = Gateway { child, folder, addresses: Vec::new(), admin: None, stderr, ended: false };
        let wanted = whole_count(config);
        let started = Instant::now();
        loop {
            let lines = gateway.stderr_lines();
            gateway.addresses = lines.iter().filter_map(|line| listens_on(line)).collect();
            gateway.admin = lines.iter().find_map(|line| line.split_once("admin on ").map(|(_, rest)| rest.to_owned()));
            let admin_is_up = gateway.admin.is_some() || !config.contains("[admin]");
            if gateway.addresses.len() >= wanted && admin_is_up {
                return Ok(gateway);
            }
            if let Ok(Some(_)) = gateway.child.try_wait()
                && lines.last().is_some_and(String::is_empty)
            {
                return Err(lines.join("\n"));
            }
            assert!(started.elapsed() < PATIENCE, "the gateway says nothing:\n{}", lines.join("\n"));
            gateway.wait_for_change(lines.len());
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// Of the listener at this position in the configuration.
    pub fn address_of(&self, listener: usize) -> SocketAddr {
        self.addresses[listener]
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// `http://…` or `unix:…`, as the gateway says it.
    pub fn admin(&self) -> &str {
        self.admin.as_deref().expect("the configuration has [admin]")
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What the admin listener's callers must present.
    pub fn admin_token(&self) -> String {
        let token = fs::read_to_string(self.folder().join(".sluicegate/admin.token")).expect("a token file");
        token.trim().to_owned()
    }

    /// Physical memory in use.
    pub fn resident_bytes(&self) -> u64 {
        self.status_bytes("VmRSS:")
    }

    /// The most physical memory that was ever in use.
    pub fn resident_bytes_max(&self) -> u64 {
        self.status_bytes("VmHWM:")
    }

    /// From here on, that is counted anew (proc(5), `clear_refs`).
    pub fn forget_resident_bytes_max(&self) {
        fs::write(format!("/proc/{}/clear_refs", self.id()), "5").expect("Linux");
    }

    fn status_bytes(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).expect("Linux");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line for it");
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kilobytes * 1024
    }

    /// What the operator's log says so far.
    pub fn stderr_lines(&self) -> Vec<String> {
        self.stderr.lines.lock().expect("no panic here").clone()
    }

    /// From the last line of the operator's log of which `pick` makes something.
    pub fn last_in_stderr<T>(&self, pick: impl FnMut(&String) -> Option<T>) -> Option<T> {
        self.stderr.lines.lock().expect("no panic here").iter().rev().find_map(pick)
    }

    /// Waits until the operator's log has a line with `text`.
    pub fn wait_for_stderr(&self, text: &str) -> String {
        let started = Instant::now();
        loop {
            let lines = self.stderr_lines();
            if let Some(line) = lines.iter().find(|line| line.contains(text)) {
                return line.clone();
            }
            assert!(started.elapsed() < PATIENCE, "no line with {text:?} in:\n{}", lines.join("\n"));
            self.wait_for_change(lines.len());
        }
    }

    /// The same, behind as many lines as there were before.
    pub fn wait_for_stderr_after(&self, before: usize, text: &str) -> String {
        let started = Instant::now();
        loop {
            let lines = self.stderr_lines();
            if let Some(line) = lines.iter().skip(before).find(|line| line.contains(text)) {
                return line.clone();
            }
            assert!(started.elapsed() < PATIENCE, "no line with {text:?} in:\n{}", lines.join("\n"));
            self.wait_for_change(lines.len());
        }
    }

    /// The access log's lines so far.
    pub fn log(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.folder.path().join("access.log")).unwrap_or_default();
        // The last one may be half written.
        let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        whole.map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
    }

    /// Waits until the access log has `count` lines.
    pub fn wait_for_log(&self, count: usize) -> Vec<Value> {
        let started = Instant::now();
        loop {
            let lines = self.log();
            if lines.len() >= count {
                return lines;
            }
            assert!(
                started.elapsed() < PATIENCE,
                "{} lines in the access log instead of {count}: {lines:#?}",
                lines.len()
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// SIGTERM, SIGINT or SIGHUP.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().expect("kill is there");
        assert!(sent.success(), "kill -s {name} {id}");
    }

    /// Drains, and waits for the end.
    pub fn stop(self) -> (ExitStatus, Vec<Value>, Vec<String>) {
        self.signal("TERM");
        self.wait()
    }

    /// Waits for the end. Then the last line of the operator's log is empty.
    pub fn wait(mut self) -> (ExitStatus, Vec<Value>, Vec<String>) {
        let started = Instant::now();
        self.ended = true;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status;
            }
            assert!(started.elapsed() < PATIENCE, "it does not end:\n{}", self.stderr_lines().join("\n"));
            thread::sleep(Duration::from_millis(5));
        };
        while self.stderr_lines().last().is_none_or(|line| !line.is_empty()) {
            self.wait_for_change(self.stderr_lines().len());
        }
        (status, self.log(), self.stderr_lines())
    }

    fn wait_for_change(&self, seen: usize) {
        let lines = self.stderr.lines.lock().expect("no panic here");
        if lines.len() == seen {
            drop(self.stderr.changed.wait_timeout(lines, Duration::from_millis(50)).expect("no panic here"));
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let ended = self.child.try_wait().ok().flatten().filter(|_| !self.ended);
        drop(self.child.kill());
        drop(self.child.wait());
        if let Some(status) = ended {
            eprintln!("--- the gateway has ended by itself: {status}");
        }
        if thread::panicking() || ended.is_some() {
            eprintln!("--- the gateway said:\n{}", self.stderr_lines().join("\n"));
        }
    }
}

fn whole_count(config: &str) -> usize {
    config.matches("[[listen]]").count().max(1)
}

fn listens_on(line: &str) -> Option<SocketAddr> {
    let (_, url) = line.split_once("listening on http")?;
    url.trim_start_matches('s').strip_prefix("://")?.trim().parse().ok()
}
